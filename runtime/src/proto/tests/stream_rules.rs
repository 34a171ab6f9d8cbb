//! The rules of streams, one by one: before a peer that keeps them to the letter, and one that breaks each.

use super::halves::{Sent, Woken};
use super::raw::*;
use super::*;
use crate::Code;
use crate::frame::{Call, CallId, FragmentOf, Hello, Reset, Scope, Settings, Stop as StopFrame};

/// The credit of a stream.
const FIRST: u64 = 16_384;

fn config() -> Config {
    Config {
        max_message: 65_536,
        max_metadata: 4_096,
        stream_credit: FIRST as usize,
        max_fragment: 4_096,
        ..Config::default()
    }
}

fn ready() -> Raw {
    Raw::new(&config())
}

fn after(frames: impl IntoIterator<Item = Frame>) -> Raw {
    let mut raw = ready();
    raw.say_all(frames);
    raw.heard();
    raw
}

fn bidi(number: u32) -> Frame {
    Frame::Call(Call { stream: true, ..call_with(number, None) })
}

fn ours_of(shape: Shape) -> (Raw, StreamKey) {
    let mut raw = ready();
    let key = raw.end.open_stream(shape, 1, 0, None).expect("there is room");
    raw.heard();
    (raw, key)
}

fn key_of(raw: &mut Raw, id: CallId) -> StreamKey {
    raw.end.conn.stream_key(id).expect("it has streams")
}

#[track_caller]
fn ends(mut raw: Raw, frame: Frame, code: EndCode) {
    let text = format!("{frame:?}");
    raw.say(frame);
    assert_eq!(end_code(&raw.end), Some(code), "{text}");
}

#[track_caller]
fn goes_on(raw: &mut Raw, frame: Frame) {
    let text = format!("{frame:?}");
    raw.say(frame);
    assert!(raw.end.ended.is_none(), "{text}: {:?}", raw.end.ended);
}

fn frames_that_end(id: CallId) -> [Frame; 3] {
    [Frame::End(id), reset(FragmentOf::Call(id)), cancel(id)]
}

#[test]
fn while_an_item_is_under_way_only_what_concerns_other_things_comes() {
    let id = theirs(1);
    let begun = || after([bidi(1), item(id, first(10, 100))]);
    for frame in [item(id, whole(1)), last_item(id, whole(1)), item(id, first(1, 2)), Frame::End(id), bidi(1)]
    {
        ends(begun(), frame, EndCode::Unexpected);
    }
    ends(begun(), fragment(id, 91), EndCode::Malformed);
    for frame in [stop(id), credit(Scope::Stream(id), 9), blocked(Scope::Stream(id), 9), fragment(id, 90)] {
        goes_on(&mut begun(), frame);
    }
    for end in [reset(FragmentOf::Call(id)), cancel(id)] {
        let mut raw = begun();
        goes_on(&mut raw, end);
        ends(raw, fragment(id, 90), EndCode::Unexpected);
    }
    let whole = || after([bidi(1), item(id, whole(1))]);
    ends(whole(), fragment(id, 1), EndCode::Unexpected);
}

#[test]
fn a_side_that_has_ended_says_nothing_more() {
    let id = theirs(1);
    let frames = || [item(id, whole(0)), Frame::End(id), fragment(id, 1), reset(FragmentOf::Call(id))];
    for end in frames_that_end(id).into_iter().chain([last_item(id, whole(3))]) {
        for frame in frames() {
            let mut raw = after([bidi(1)]);
            raw.end.handler = Handler::Stubborn;
            goes_on(&mut raw, end.clone());
            ends(raw, frame, EndCode::Unexpected);
        }
        let mut raw = after([bidi(1)]);
        raw.end.handler = Handler::Stubborn;
        raw.say(end.clone());
        for late in
            [cancel(id), stop(id), credit(Scope::Stream(id), 1 << 20), blocked(Scope::Stream(id), 1 << 20)]
        {
            goes_on(&mut raw, late);
        }
    }
}

#[test]
fn items_come_only_where_the_call_says_so() {
    let server = || after([Frame::Call(Call { stream: true, ..call_with(1, Some(whole(1))) })]);
    ends(server(), item(theirs(1), whole(1)), EndCode::Unexpected);
    ends(after([call(1, whole(1))]), item(theirs(1), whole(1)), EndCode::Unexpected);
    ends(ours_of(Shape::ClientStream).0, item(ours(1), whole(1)), EndCode::Unexpected);
    for frame in [last_item(ours(1), whole(1)), Frame::End(ours(1))] {
        ends(ours_of(Shape::Bidi).0, frame, EndCode::Unexpected);
    }
    for first in [item(ours(1), whole(1)), headers(ours(1))] {
        let (mut raw, _) = ours_of(Shape::Bidi);
        goes_on(&mut raw, first);
        ends(raw, headers(ours(1)), EndCode::Unexpected);
    }
    let (mut raw, _) = ours_of(Shape::Bidi);
    goes_on(&mut raw, item(ours(1), first(1, 2)));
    ends(raw, reply(ours(1), whole(0)), EndCode::Unexpected);
}

#[test]
fn a_stream_is_spent_to_the_last_byte_and_no_further() {
    let rest = FIRST as usize - 64 - 1_000 - 64;
    for over in [0, 1] {
        for fragmented in [false, true] {
            let last = |id| {
                let piece = if fragmented { first(9, (rest + over) as u32) } else { whole(rest + over) };
                item(id, piece)
            };
            let mut up = after([bidi(1), item(theirs(1), whole(1_000))]);
            let (mut down, _) = ours_of(Shape::ServerStream);
            down.say(item(ours(1), whole(1_000)));
            for (raw, id) in [(&mut up, theirs(1)), (&mut down, ours(1))] {
                raw.say(last(id));
                match over {
                    0 => assert_eq!(
                        raw.end.conn.stream_of(id).unwrap().inn.as_ref().unwrap().grant.unspent(),
                        0
                    ),
                    _ => raw.assert_ended(EndCode::CreditOverdrawn, "7.4"),
                }
            }
        }
    }
}

#[test]
fn what_credit_said_may_be_spent_and_a_byte_more_may_not() {
    for over in [0, 1] {
        let mut raw = after([bidi(1)]);
        let key = key_of(&mut raw, theirs(1));
        let (mut spent, mut total) = (0, FIRST);
        for _ in 0..50 {
            raw.say(item(theirs(1), whole(3_000)));
            spent += 3_064;
            let mut items = VecDeque::new();
            raw.end.read(key, &mut items);
            raw.end.give_back(key, 3_064);
            for frame in raw.heard() {
                if let Frame::Credit(credit) = frame {
                    assert!(credit.scope == Scope::Stream(theirs(1)) && credit.total > total);
                    total = credit.total;
                }
            }
            assert!(total - spent >= FIRST / 2, "7.5");
        }
        raw.say(item(theirs(1), whole((total - spent) as usize - 64 + over)));
        assert_eq!(end_code(&raw.end), (over == 1).then_some(EndCode::CreditOverdrawn));
    }
}

#[test]
fn after_an_early_answer_the_rest_is_read_past_and_the_number_waits_for_its_end() {
    let id = theirs(1);
    for end in frames_that_end(id).into_iter().chain([last_item(id, whole(3))]) {
        for begun in [false, true] {
            let mut raw = after([bidi(1)]);
            raw.end.reply(1, Bytes::new());
            assert_eq!(raw.heard().len(), 1);
            raw.say_all([item(id, whole(5_000)), item(id, first(100, 3_000)), fragment(id, 2_900)]);
            if begun {
                raw.say(item(id, first(1, 10)));
                if !matches!(end, Frame::Reset(_) | Frame::Cancel(_)) {
                    raw.say(fragment(id, 9));
                }
            }
            assert_eq!(raw.heard(), [], "8.9: no CREDIT");
            assert_eq!(raw.end.conn.in_flight().serving, 1);
            goes_on(&mut raw, end.clone());
            assert_eq!(raw.end.conn.in_flight().serving, 0);
            goes_on(&mut raw, bidi(1));
        }
    }
    let mut raw = after([bidi(1)]);
    raw.end.reply(1, Bytes::new());
    raw.heard();
    ends(raw, bidi(1), EndCode::Unexpected);
}

#[test]
fn nothing_follows_a_terminal_frame_whatever_the_handler_still_does() {
    let mut raw = after([bidi(1), item(theirs(1), whole(10_000))]);
    let key = key_of(&mut raw, theirs(1));
    raw.end.reply(1, Bytes::new());
    raw.end.give_back(key, 10_064);
    raw.end.stop_reading(key, 3);
    assert!(!raw.end.send_headers(key) && matches!(raw.end.send(key, &body(1, 9)), Sent::Never));
    assert!(matches!(raw.end.read(key, &mut VecDeque::new()), Read::End(Answer::Local(_))));
    raw.say(blocked(Scope::Stream(theirs(1)), 1 << 20));
    let heard = raw.heard();
    assert!(matches!(heard[..], [Frame::Reply(_)]), "8.14: {heard:?}");
}

#[test]
fn a_caller_ends_its_items_at_once_when_it_is_answered_or_stopped() {
    let answers = [reply(ours(1), whole(0)), failed(ours(1), 9), reset(FragmentOf::Call(ours(1)))];
    for (frame, large) in
        answers.into_iter().chain([stop(ours(1))]).flat_map(|f| [(f.clone(), false), (f, true)])
    {
        let (mut raw, key) = ours_of(Shape::Bidi);
        raw.end.send(key, &body(1, if large { 10_000 } else { 100 }));
        if large {
            raw.end.poll_batch();
            raw.end.send(key, &body(1, 10));
        }
        let stopped = matches!(frame, Frame::Stop(_));
        raw.say(frame);
        assert!(matches!(raw.end.send(key, &body(1, 9)), Sent::Never));
        assert_eq!(
            raw.end.finish(key, None).is_ok(),
            stopped
                || raw.end.conn.calling.slot(1).answer().is_some_and(|a| matches!(a, Answer::Message { .. }))
        );
        raw.end.reset(key);
        let heard = raw.heard();
        let last = heard.last().expect("its side ends");
        match stopped {
            true => assert!(matches!(last, Frame::Reset(_)), "9.4: {heard:?}"),
            false => assert!(matches!(last, Frame::Cancel(_)), "8.9: {heard:?}"),
        }
        raw.end.let_go(key, Half::Sender);
        raw.end.let_go(key, Half::Reader);
        let late = raw.heard();
        assert!(if stopped { matches!(late[..], [Frame::Cancel(_)]) } else { late.is_empty() }, "{late:?}");
    }
}

#[test]
fn cancel_stands_behind_the_items_and_with_a_withdrawn_call_goes_all_that_is_of_it() {
    let (mut raw, key) = ours_of(Shape::Bidi);
    raw.end.send(key, &body(1, 100));
    raw.end.let_go(key, Half::Reader);
    raw.end.let_go(key, Half::Sender);
    let heard = raw.heard();
    assert!(
        matches!(heard[..], [Frame::Item(_), Frame::Stop(_), Frame::Reset(_) | Frame::Cancel(_), ..]),
        "{heard:?}"
    );

    let mut raw = ready();
    let key = raw.end.open_stream(Shape::Bidi, 1, 0, None).expect("there is room");
    let other = raw.end.open_stream(Shape::Bidi, 2, 0, None).expect("there is room");
    for key in [key, other] {
        raw.end.send(key, &body(1, 100));
        raw.end.send(key, &body(1, 9_000));
    }
    raw.end.finish(key, None).expect("nothing stands against it");
    [Half::Sender, Half::Reader].into_iter().for_each(|half| raw.end.let_go(key, half));
    let heard = raw.heard();
    let of_other = |frame: &Frame| match frame {
        Frame::Call(call) => call.id == other.id,
        Frame::Item(item) => item.id == other.id,
        Frame::Fragment(fragment) => fragment.of == FragmentOf::Call(other.id),
        frame => matches!(frame, Frame::Bind(_)),
    };
    assert!(heard.iter().all(of_other), "13: {heard:?}");
    assert_eq!(raw.end.conn.calls_account.spent(), 64 + 8);
}

#[test]
fn reset_voids_the_item_under_way_and_leaves_those_before() {
    let mut raw = after([bidi(1), item(theirs(1), whole(50)), item(theirs(1), first(10, 100))]);
    raw.say(Frame::Reset(Reset {
        of: FragmentOf::Call(theirs(1)),
        code: 10,
        text: crate::frame::Text::from("x"),
    }));
    let key = key_of(&mut raw, theirs(1));
    let mut items = VecDeque::new();
    assert!(matches!(raw.end.read(key, &mut items), Read::Items(FIRST)));
    assert_eq!(items, [body(7, 50)]);
    let end = raw.end.read(key, &mut VecDeque::new());
    assert!(matches!(&end, Read::End(Answer::Failed { status, .. }) if status.code == 10), "9.3: {end:?}");
    raw.end.reply(1, Bytes::new());
    assert!(matches!(raw.heard()[..], [Frame::Reply(_)]), "it is still answered");
    assert_eq!(raw.end.conn.in_flight().serving, 0);
}

#[test]
fn credit_and_blocked_mean_the_stream_that_their_sender_receives_or_sends() {
    let mut raw = after([bidi(1)]);
    let key = key_of(&mut raw, theirs(1));
    assert!(matches!(raw.end.send(key, &body(1, 60_000)), Sent::Offered));
    assert_eq!(raw.heard(), [blocked(Scope::Stream(theirs(1)), 60_064)], "7.10");
    raw.say(credit(Scope::Stream(theirs(1)), 60_063));
    assert!(raw.end.accepted(key).is_none() && raw.heard().is_empty());
    raw.say(credit(Scope::Stream(theirs(1)), 60_064));
    assert!(matches!(raw.end.accepted(key), Some(Ok(()))));
    assert_eq!(raw.end.conn.stream(key).unwrap().inn.as_ref().unwrap().grant.total(), FIRST);
}

#[test]
fn the_code_of_stop_reaches_the_sender_at_either_end() {
    for (code, is) in [(0, Code::CANCELLED), (9, Code::FAILED_PRECONDITION)] {
        let (mut out, key) = ours_of(Shape::ClientStream);
        out.say(Frame::Stop(StopFrame { id: ours(1), code }));
        let why = out.end.conn.sender_closed(key);
        assert_eq!(why.map(|why| why.code()), Some(is));
        let mut inn = after([bidi(1)]);
        let key = key_of(&mut inn, theirs(1));
        inn.say(Frame::Stop(StopFrame { id: theirs(1), code }));
        assert_eq!(inn.end.conn.sender_closed(key).map(|why| why.code()), Some(is));
        assert_eq!(inn.heard(), [], "its handler answers");
    }
}

/// 4.4, 4.3: no ITEM before the other end is ready, and what is open then has the credit that the other end announces.
#[test]
fn no_item_goes_before_the_other_end_is_ready() {
    let mut raw = Raw::silent(&config());
    let key = raw.end.open_stream(Shape::Bidi, 1, 0, None).expect("there is room");
    assert!(matches!(raw.end.send(key, &body(1, 9)), Sent::NotNow));
    let settings = Settings { stream_credit: 20_000, ..Settings::initial() };
    raw.say(Frame::Hello(Box::new(Hello { version: 1, wants_auth: true, settings })));
    assert!(matches!(raw.end.send(key, &body(1, 9)), Sent::NotNow));
    let heard = raw.heard();
    assert!(matches!(heard[..], [Frame::Hello(_), Frame::Bind(_), Frame::Call(_)]), "{heard:?}");
    raw.say(Frame::Ready);
    assert_eq!(raw.end.woken, [Woken::Sender(key.id)]);
    assert!(matches!(raw.end.send(key, &body(1, 9)), Sent::Gone));
    assert_eq!(raw.end.conn.stream(key).unwrap().out.as_ref().unwrap().account.available(), 20_000 - 73);
}
