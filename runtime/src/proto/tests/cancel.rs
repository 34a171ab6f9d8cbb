//! Giving a call up, in every state of it (wire 8.8, 8.9, 8.14, 13): one terminal frame each, and nothing left.

use super::pair::Pair;
use super::raw::*;
use super::*;
use crate::frame::{Cancel, FragmentOf};

fn terminals(frames: &[Frame], number: u32) -> usize {
    let ends = |frame: &&Frame| match frame {
        Frame::Reply(reply) => reply.id == theirs(number),
        Frame::Reset(reset) => reset.of == FragmentOf::Call(theirs(number)),
        _ => false,
    };
    frames.iter().filter(ends).count()
}

fn is_cancel(frame: &Frame) -> bool {
    matches!(frame, Frame::Cancel(_))
}

#[test]
fn a_queued_call_is_withdrawn_and_its_number_and_credit_are_free() {
    for len in [8, 100_000] {
        let mut pair = Pair::new(&Config::default());
        let before = pair.a.conn.call_credit();
        let number = pair.a.call(Ask::of(len));
        pair.a.give_up(number);
        assert_eq!(pair.a.conn.in_flight().calling, 0);
        assert_eq!(pair.a.conn.call_credit(), before);
        assert_eq!(pair.a.call(Ask::of(8).tag(5)), number);
        pair.drive();
        assert_eq!(pair.b.journal, [5]);
        assert_eq!(pair.b.conn.serving.taken, 1);
        pair.a.success(number);
        pair.assert_idle();
    }
}

#[test]
fn a_large_call_that_has_begun_is_cancelled_in_the_middle() {
    let mut pair = Pair::new(&Config::default());
    let number = pair.a.call(Ask::of(1 << 20));
    pair.a.poll_batch();
    pair.drive_batch();
    assert_eq!(pair.b.conn.in_flight().serving, 1);
    pair.a.give_up(number);
    assert_eq!(pair.a.conn.in_flight().unsent, 10, "CANCEL, and no fragment any more");
    assert_eq!(pair.a.conn.in_flight().calling, 1, "its number is not idle yet");
    pair.drive();
    assert!(pair.b.journal.is_empty());
    pair.assert_idle();
}

#[test]
fn a_call_that_was_sent_is_cancelled_and_its_handler_told() {
    let mut pair = Pair::new(&Config::default());
    pair.b.handler = Handler::Stubborn;
    let number = pair.a.call(Ask::of(8));
    pair.drive();
    pair.a.give_up(number);
    pair.drive();
    assert_eq!(pair.b.stopped, [(number, Stop::Cancelled)]);
    assert_eq!(pair.b.conn.in_flight().serving, 1, "8.8: until its handler is gone it counts");
    pair.b.reply(number, body(1, 100));
    assert_eq!(pair.b.conn.stopped(number), None);
    pair.drive();
    assert_eq!(pair.a.conn.in_flight().late_replies, 1);
    pair.assert_idle();
}

#[test]
fn a_second_cancel_is_ignored() {
    let mut raw = Raw::new(&Config::default());
    raw.end.handler = Handler::Stubborn;
    raw.say_all([call(1, whole(8)), cancel(theirs(1)), cancel(theirs(1))]);
    assert_eq!(raw.end.stopped.len(), 1);
    raw.end.reply(1, Bytes::new());
    raw.say(cancel(theirs(1)));
    assert_eq!(terminals(&raw.heard(), 1), 1);
    raw.say(cancel(theirs(1)));
    assert!(raw.end.ended.is_none());
}

#[test]
fn a_large_reply_is_cut_by_cancel_at_any_point_with_one_terminal_frame() {
    for batches in 0..10 {
        for expired in [false, true] {
            let mut raw = Raw::with_settings(
                &Config::default(),
                Settings { message_limit: 1 << 21, replies_credit: 1 << 22, ..Settings::initial() },
            );
            raw.say(call(1, whole(8)));
            raw.end.reply(1, body(1, 1 << 20));
            let mut heard = Vec::new();
            for _ in 0..batches {
                raw.end.poll_batch();
                let left = raw.end.batch_len();
                let bytes = raw.end.write(left);
                for frame in raw.decode(&bytes) {
                    if let Frame::Ping(ping) = frame {
                        raw.say(pong(ping.number, 0));
                    }
                    heard.push(frame);
                }
            }
            raw.say(Frame::Cancel(Cancel { id: theirs(1), expired }));
            heard.extend(raw.heard());
            let resets = heard.iter().filter(|frame| matches!(frame, Frame::Reset(_))).count();
            let done = batches >= 9;
            assert_eq!(resets, usize::from(batches > 0 && !done), "8.7, after {batches}: {heard:?}");
            assert_eq!(terminals(&heard, 1), if resets == 1 { 2 } else { 1 }, "a REPLY begun counts here");
            assert_eq!(raw.end.conn.in_flight().serving, 0);
            assert_eq!(raw.end.conn.in_flight().unsent, 0);
            raw.say(call(1, whole(8)));
            assert!(raw.end.ended.is_none());
        }
    }
}

#[test]
fn a_reply_that_waits_for_credit_is_replaced_by_a_status() {
    let mut raw = Raw::new(&Config::default());
    raw.say_all((1..=3).map(|number| call(number, whole(8))));
    (1..=3).for_each(|number| raw.end.reply(number, body(0, 60_000)));
    let heard = raw.heard();
    assert_eq!((terminals(&heard, 2), terminals(&heard, 3)), (1, 0));
    raw.say(cancel(theirs(3)));
    let heard = raw.heard();
    assert_eq!(terminals(&heard, 3), 1, "a status fits: {heard:?}");
    assert_eq!(raw.end.conn.in_flight().serving, 0);
}

#[test]
fn a_refusal_that_waits_for_credit_still_says_not_run_after_a_cancel() {
    let mut raw = Raw::new(&Config::default());
    raw.say_all((1..=3).map(|number| call(number, whole(8))));
    (1..=3).for_each(|number| raw.end.reply(number, body(0, 60_000)));
    let late = crate::frame::Call { deadline: Some(0), ..call_with(4, Some(whole(8))) };
    raw.heard();
    raw.say_all([Frame::Call(late), cancel(theirs(4)), credit(crate::frame::Scope::Replies, u64::MAX)]);
    let heard = raw.heard();
    let refusal = heard.iter().find_map(|frame| match frame {
        Frame::Reply(reply) if reply.id == theirs(4) => reply.status.clone(),
        _ => None,
    });
    assert!(refusal.is_some_and(|status| status.not_run), "{heard:?}");
}

#[test]
fn a_call_that_was_answered_is_let_go_of_without_a_word() {
    let mut raw = Raw::new(&Config::default());
    let number = raw.end.call(Ask::of(8));
    raw.heard();
    // Its caller does not look: the session gives it up with its answer there.
    raw.end.conn.handle_frame(raw.end.now, reply(ours(number), whole(8)));
    raw.end.conn.give_up(number);
    assert_eq!(raw.heard(), []);
    assert_eq!(raw.end.conn.in_flight().calling, 0);
}

#[test]
fn a_call_given_up_after_it_expired_is_cancelled_once() {
    let mut raw = Raw::new(&Config::default());
    let number = raw.end.call(Ask::of(8).within(10 * MS));
    raw.heard();
    raw.end.conn.handle_timeout(raw.end.now + 20 * MS);
    while raw.end.conn.poll_event().is_some() {}
    raw.end.give_up(number);
    assert_eq!(raw.heard().iter().filter(|frame| is_cancel(frame)).count(), 1);
}

#[test]
fn an_early_answer_ends_our_side_without_delay() {
    for end in [reply(ours(1), whole(8)), failed(ours(1), 5), reset(FragmentOf::Call(ours(1)))] {
        let mut raw = Raw::with_settings(
            &Config::default(),
            Settings { message_limit: 1 << 21, calls_credit: 1 << 22, ..Settings::initial() },
        );
        let number = raw.end.call(Ask::of(1 << 20));
        raw.end.poll_batch();
        let left = raw.end.batch_len();
        raw.end.write(left);
        // Its caller does not look yet.
        raw.end.hear(end);
        assert_eq!(raw.end.conn.in_flight().unsent, 10, "8.9: CANCEL, and no fragment any more");
        raw.end.settle();
        assert_eq!(raw.end.answers.len(), 1);
        assert_eq!(raw.end.call(Ask::of(8)), number, "8.9: both sides have ended");
        let heard = raw.heard();
        assert!(matches!(heard[..], [Frame::Cancel(_), Frame::Call(_)]), "8.12: {heard:?}");
    }
}

#[test]
fn nothing_is_answered_twice_whatever_the_session_does() {
    let mut raw = Raw::new(&Config::default());
    raw.say(call(1, whole(8)));
    raw.end.reply(1, body(1, 8));
    raw.end.conn.reply(1, Terminal::status(&Status::internal("again"), Bytes::new()));
    assert!(raw.end.conn.reply_in_place(1, 1, &[], |out| out.extend_from_slice(b"x")).is_ok());
    assert_eq!(terminals(&raw.heard(), 1), 1);
    raw.end.conn.reply(9, Terminal::status(&Status::internal("never asked"), Bytes::new()));
    assert_eq!(raw.heard(), []);
}

#[test]
fn a_reset_of_a_half_sent_request_is_answered_not_run() {
    let mut raw = Raw::new(&Config::default());
    raw.say_all([call(1, first(10, 100)), reset(FragmentOf::Call(theirs(1)))]);
    let heard = raw.heard();
    let Some(Frame::Reply(reply)) = heard.first() else { panic!("{heard:?}") };
    assert!(reply.status.as_ref().is_some_and(|status| status.not_run && status.code == 10), "9.3");
    assert_eq!(raw.end.conn.in_flight().serving, 0);
}

#[test]
fn a_reset_of_items_lets_the_handler_answer() {
    let mut raw = Raw::new(&Config::default());
    raw.say_all([stream_call(1), item(theirs(1), first(1, 9)), reset(FragmentOf::Call(theirs(1)))]);
    assert!(raw.end.stopped.is_empty(), "9.3: its reader sees it");
    raw.end.reply_status(1, &Status::unimplemented("no streams yet"));
    assert_eq!(terminals(&raw.heard(), 1), 1);
    assert_eq!(raw.end.conn.in_flight().serving, 0);
}

#[test]
fn items_of_a_refused_stream_are_counted_to_their_end() {
    let mut raw = Raw::new(&Config::default());
    raw.say_all([stream_call(1), item(theirs(1), first(1, 9))]);
    raw.end.reply_status(1, &Status::unimplemented("no streams yet"));
    raw.heard();
    raw.say_all([fragment(theirs(1), 8), last_item(theirs(1), first(0, 4))]);
    assert_eq!(raw.end.conn.in_flight().serving, 1);
    raw.say(fragment(theirs(1), 4));
    assert_eq!(raw.end.conn.in_flight().serving, 0, "8.9");
    raw.say(call(1, whole(8)));
    assert!(raw.end.ended.is_none());
}

#[test]
fn a_message_that_writes_another_length_than_it_said_costs_only_its_call() {
    let mut pair = Pair::new(&Config::default());
    let before = pair.a.conn.call_credit();
    for wrong in [0, 7, 9] {
        let route = OpenRoute::Spec(&ECHO);
        let cost = pair.a.conn.call_cost(route, 8, 0);
        let permit = pair.a.conn.reserve_call(cost, 0).expect("there is room");
        let opening = Opening { route, shape: Shape::Unary, left: None, limit: None, block: &[], len: 8 };
        let opened = pair.a.conn.open_call(permit, opening, |out| out.extend_from_slice(&vec![0; wrong]));
        assert!(matches!(opened, Err(crate::Error::Encode { announced: 8, .. })));
    }
    assert_eq!(pair.a.conn.call_credit(), before);
    let number = pair.a.call(Ask::of(8).tag(1));
    pair.drive();
    assert_eq!(tag_of(&pair.a.success(number)), 1);
    pair.assert_idle();
}
