//! GOAWAY, drain, the end of the connection (wire 11.3 to 11.7, 13).

use super::pair::Pair;
use super::raw::*;
use super::*;
use crate::EndedBy;
use crate::frame::{FragmentOf, GoAway};

fn final_words(frames: &[Frame]) -> Vec<GoAway> {
    let last = |frame: &Frame| match frame {
        Frame::GoAway(last) if last.last.is_some() => Some(last.clone()),
        _ => None,
    };
    frames.iter().filter_map(last).collect()
}

#[test]
fn a_drain_says_intent_then_final_and_ends_when_nothing_is_open() {
    let mut raw = Raw::new(&Config::default());
    raw.say(call(1, whole(8)));
    raw.end.conn.drain(raw.end.now);
    let heard = raw.heard();
    assert!(
        matches!(&heard[..], [Frame::GoAway(intent), Frame::Ping(_)] if intent.last.is_none()),
        "{heard:?}"
    );
    raw.say(call(2, whole(8)));
    assert_eq!(raw.end.journal.len(), 2, "11.3: what is under way is taken");
    raw.say(pong(1, 0));
    let said = final_words(&raw.heard());
    assert_eq!(said[0].last.map(|taken| taken.calls), Some(2));
    raw.say_all([call(3, whole(8)), push(0, whole(8)), call(4, first(1, 2)), fragment(theirs(4), 1)]);
    assert_eq!((raw.end.journal.len(), raw.end.pushes.len()), (2, 0), "11.3: discarded without an answer");
    raw.end.reply(1, Bytes::new());
    assert!(raw.end.ended.is_none());
    raw.end.reply(2, Bytes::new());
    assert!(raw.end.ended.as_ref().is_some_and(Reason::is_clean));
    let heard = raw.heard();
    assert!(matches!(heard[..], [Frame::Reply(_), Frame::Reply(_)]), "replies still leave: {heard:?}");
}

#[test]
fn a_drain_does_not_wait_for_a_pong_for_ever() {
    let mut raw = Raw::new(&Config::default());
    raw.end.conn.drain(raw.end.now);
    raw.step(2 * SECOND);
    assert_eq!(final_words(&raw.heard()).len(), 1);
    assert!(raw.end.ended.is_some());
}

#[test]
fn a_drain_ends_however_the_last_call_ends() {
    type Say = fn() -> Vec<Frame>;
    let last: [(&str, Say); 3] = [
        ("CANCEL", || vec![cancel(theirs(1))]),
        ("RESET", || vec![reset(FragmentOf::Call(theirs(1)))]),
        ("END", || vec![Frame::End(theirs(1))]),
    ];
    for (what, frames) in last {
        let mut raw = Raw::new(&Config::default());
        raw.say(stream_call(1));
        raw.end.conn.drain(raw.end.now);
        raw.heard();
        raw.say(pong(1, 0));
        raw.end.reply_status(1, &Status::unimplemented("no streams yet"));
        raw.heard();
        assert!(raw.end.ended.is_none(), "the caller has not ended its side");
        raw.say_all(frames());
        assert!(raw.end.ended.is_some(), "{what}");
    }
    let mut raw = Raw::new(&Config { max_message: 65_536, ..Config::default() });
    raw.say(call(1, first(0, 65_537)));
    raw.end.conn.drain(raw.end.now);
    raw.heard();
    raw.say_all([pong(1, 0), fragment(theirs(1), 65_537 - 9)]);
    assert!(raw.end.ended.is_none());
    raw.say(fragment(theirs(1), 9));
    assert!(raw.end.ended.is_some(), "an oversize request that was read to its end");
}

#[test]
fn both_ends_drain_at_once_and_finish_what_is_open() {
    for latency in [0, 1, 40, 700] {
        let mut pair = Pair::new(&Config::default());
        (pair.to_a.latency, pair.to_b.latency) = (latency * MS, 2 * latency * MS);
        (pair.a.handler, pair.b.handler) = (Handler::Wait, Handler::Wait);
        let (a, b) = (pair.a.call(Ask::of(8)), pair.b.call(Ask::of(300_000)));
        pair.drive();
        pair.a.conn.drain(pair.now);
        pair.b.conn.drain(pair.now);
        pair.step(5 * SECOND);
        assert!(pair.a.ended.is_none() && pair.b.ended.is_none());
        pair.a.reply(b, body(1, 300_000));
        pair.b.reply(a, body(2, 8));
        pair.step(5 * SECOND);
        assert_eq!((pair.a.success(a).len(), pair.b.success(b).len()), (8, 300_000));
        for end in [&pair.a, &pair.b] {
            assert!(end.ended.as_ref().is_some_and(Reason::is_clean), "{:?}", end.ended);
        }
    }
}

#[test]
fn after_intent_nothing_is_opened_and_what_waits_was_not_run() {
    let mut raw = Raw::new(&Config::default());
    let sent = raw.end.call(Ask::of(8));
    raw.heard();
    let (small, large) = (raw.end.call(Ask::of(8)), raw.end.call(Ask::of(60_000)));
    let reserved = raw.end.conn.reserve_call(72, 0).expect("there is room");
    let reserved_large = raw.end.conn.reserve_call(20_064, 0).expect("there is room");
    raw.say(intent());
    assert!(raw.end.peer_drains);
    for number in [small, large] {
        let status = raw.end.failure(number);
        assert!(!status.may_have_run(), "13.1: {status}");
    }
    assert!(raw.end.open(Ask::of(8)).is_err());
    assert!(raw.end.conn.reserve_call(72, 0).is_none());
    let opening = Opening {
        route: OpenRoute::Spec(&ECHO),
        shape: Shape::Unary,
        left: None,
        limit: None,
        block: &[],
        len: 1,
    };
    let opened = raw.end.conn.open_call(reserved, opening, |out| out.extend_from_slice(b"x"));
    assert!(matches!(opened, Err(crate::Error::Draining)));
    raw.end.open_reserved(reserved_large, Ask::of(20_000));
    assert!(!raw.end.failure(reserved_large.number).may_have_run());
    assert!(!raw.heard().iter().any(|frame| matches!(frame, Frame::Call(_))), "11.4");
    raw.say_all([reply(ours(sent), whole(8))]);
    raw.end.success(sent);
    assert_eq!(raw.end.conn.in_flight().calling, 0);
}

#[test]
fn calls_beyond_the_count_were_not_run_and_the_others_go_on() {
    let mut raw = Raw::new(&Config::default());
    let gone = raw.end.call(Ask::of(8));
    raw.end.give_up(gone);
    let numbers: Vec<u32> = (0..4).map(|tag| raw.end.call(Ask::of(8).tag(tag))).collect();
    raw.heard();
    let unwanted = raw.end.call(Ask::of(8));
    raw.heard();
    raw.end.give_up(unwanted);
    let queued = raw.end.call(Ask::of(8));
    raw.say(last_word(EndCode::None, 2));
    for number in [numbers[2], numbers[3], queued] {
        assert!(!raw.end.failure(number).may_have_run(), "13.3");
    }
    assert_eq!(raw.end.conn.in_flight().calling, 2, "the one given up is not waited for either");
    raw.say_all([reply(ours(numbers[0]), whole(8)), reply(ours(numbers[1]), whole(8))]);
    raw.end.success(numbers[0]);
    raw.end.success(numbers[1]);
    assert!(!raw.heard().iter().any(|frame| matches!(frame, Frame::Call(call) if call.id == ours(queued))));
    assert_eq!(raw.end.conn.in_flight().calling, 0);
}

#[test]
fn a_final_with_a_code_ends_everything_with_its_reason() {
    let mut raw = Raw::new(&Config::default());
    let numbers: Vec<u32> = (0..3).map(|tag| raw.end.call(Ask::of(8).tag(tag))).collect();
    raw.heard();
    raw.say(call(1, whole(8)));
    raw.say(last_word(EndCode::Overloaded, 1));
    let reason = raw.end.ended.clone().expect("it ended");
    assert!(reason.by() == EndedBy::Peer && reason.name() == "OVERLOADED" && reason.text() == "bye");
    assert!(raw.end.failure(numbers[0]).may_have_run());
    assert!(!raw.end.failure(numbers[1]).may_have_run() && !raw.end.failure(numbers[2]).may_have_run());
    assert_eq!(raw.end.stopped, [(1, Stop::Cancelled)]);
    assert_eq!(raw.heard(), []);
    let flight = raw.end.conn.in_flight();
    assert_eq!((flight.calling, flight.serving), (0, 0));
}

#[test]
fn a_second_final_is_ignored_unless_it_has_a_code() {
    let mut raw = Raw::new(&Config::default());
    let number = raw.end.call(Ask::of(8));
    raw.heard();
    raw.say_all([last_word(EndCode::None, 1), last_word(EndCode::None, 0), intent()]);
    assert!(raw.end.answers.is_empty() && raw.end.ended.is_none(), "11.6");
    raw.say(last_word(EndCode::Idle, 1));
    assert!(raw.end.failure(number).may_have_run());
    assert!(raw.end.ended.is_some());
}

#[test]
fn a_broken_frame_says_nothing_after_the_last_word() {
    let mut raw = Raw::new(&Config::default());
    raw.say_all([call(1, whole(8)), call(2, first(1, 2)), push(0, first(1, 2))]);
    let (sent, large) = (raw.end.call(Ask::of(8)), raw.end.call(Ask::of(60_000)));
    raw.heard();
    let queued = raw.end.call(Ask::of(8));
    raw.end.feed(&[0, 0, 0, 6, 0x7f, 0, 0, 0, 0, 0]);
    raw.assert_ended(EndCode::UnknownKind, "2.2");
    assert!(raw.end.failure(sent).may_have_run() && raw.end.failure(large).may_have_run());
    assert!(!raw.end.failure(queued).may_have_run());
    raw.end.reply(1, body(1, 8));
    raw.end.conn.reply(1, Terminal::status(&Status::internal("late"), Bytes::new()));
    raw.end.conn.free_calls(0);
    raw.end.conn.ping();
    raw.end.conn.push_handed_on(0, 0);
    raw.end.conn.drain(raw.end.now);
    raw.end.conn.close("again");
    raw.end.conn.handle_transport_end(0, "gone");
    assert!(raw.end.open(Ask::of(8)).is_err());
    assert!(!raw.end.has_output() && raw.end.conn.poll_timeout().is_none());
}

#[test]
fn a_permit_that_outlives_the_connection_opens_nothing() {
    let mut raw = Raw::new(&Config::default());
    let small = raw.end.conn.reserve_call(72, 0).expect("there is room");
    let large = raw.end.conn.reserve_call(20_064 + 13, 0).expect("there is room");
    let unused = raw.end.conn.reserve_call(72, 0).expect("there is room");
    raw.end.cut();
    let opening = Opening {
        route: OpenRoute::Spec(&ECHO),
        shape: Shape::Unary,
        left: Some(MS),
        limit: None,
        block: &[],
        len: 1,
    };
    let opened = raw.end.conn.open_call(small, opening, |out| out.extend_from_slice(b"x"));
    assert!(matches!(opened, Err(crate::Error::Closed(_))));
    raw.end.open_reserved(large, Ask::of(20_000));
    assert!(!raw.end.failure(large.number).may_have_run());
    raw.end.conn.drop_permit(unused);
    assert_eq!(raw.end.conn.in_flight().calling, 0);
    assert!(!raw.end.has_output());
}

#[test]
fn a_large_push_of_ours_still_leaves_when_we_drain() {
    let mut pair = Pair::new(&Config::default());
    assert!(pair.a.push(0, &body(1, 900_000)));
    pair.a.conn.drain(pair.now);
    pair.step(5 * SECOND);
    assert_eq!(pair.b.pushes.len(), 1);
    assert!(pair.a.ended.as_ref().is_some_and(Reason::is_clean));
}

#[test]
fn pushes_under_way_at_our_final_do_not_count() {
    let mut raw = Raw::new(&Config::default());
    raw.say_all([call(1, whole(8)), push(0, whole(8)), push(1, first(1, 9)), push(2, first(1, 9))]);
    raw.end.conn.drain(raw.end.now);
    raw.heard();
    raw.say(pong(1, 0));
    assert_eq!(final_words(&raw.heard())[0].last.map(|taken| taken.pushes), Some(1));
    raw.say_all([lane_fragment(1, 8), reset(FragmentOf::Lane(2)), lane_fragment(3, 5), ping(1)]);
    assert_eq!(raw.end.pushes.len(), 1);
    assert_eq!(raw.heard(), [pong(1, 1)], "11.3: no push counts any more");
    assert!(raw.end.ended.is_none());
}
