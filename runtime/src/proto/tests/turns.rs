//! What large items are lent (wire 7.8), and how the turn goes on when a stream ends instead.

use super::pair::Pair;
use super::raw::*;
use super::*;
use crate::frame::{CallId, Credit, FragmentOf, Scope};

fn small() -> Config {
    Config {
        max_message: 65_536,
        max_metadata: 4_096,
        stream_credit: 16_384,
        lane_credit: 16_384,
        ..Config::default()
    }
}

/// Large enough to be lent for, however much slack there is.
const WANTED: u64 = 64 + 60_000;

fn wait(raw: &mut Raw, id: CallId) -> StreamKey {
    let key = raw.end.conn.stream_key(id).expect("it has streams");
    assert!(matches!(raw.end.read(key, &mut VecDeque::new()), Read::Wait));
    key
}

/// Two uploads whose readers wait, both asking; the first has the turn.
fn two_uploads() -> Raw {
    let mut raw = Raw::new(&small());
    raw.say_all([stream_call(1), stream_call(2)]);
    for number in 1..=2 {
        wait(&mut raw, theirs(number));
    }
    raw.say_all((1..=2).map(|number| blocked(Scope::Stream(theirs(number)), WANTED)));
    assert_eq!(raw.heard(), [credit(Scope::Stream(theirs(1)), WANTED)], "one after the other");
    raw
}

#[track_caller]
fn assert_second_turn(raw: &mut Raw) {
    let credit = credit(Scope::Stream(theirs(2)), WANTED);
    let heard = raw.heard();
    assert!(heard.contains(&credit), "{heard:?}");
    assert!(!matches!(raw.end.conn.turn, Some(Asker::Stream(id)) if id == theirs(1)));
}

#[test]
fn who_resets_or_ends_instead_of_what_was_lent_for_passes_the_turn_on() {
    let ends = [Frame::End(theirs(1)), reset(FragmentOf::Call(theirs(1))), cancel(theirs(1))];
    for end in ends.into_iter().chain([item_end()]) {
        let mut raw = two_uploads();
        raw.end.handler = Handler::Stubborn;
        raw.say(end);
        assert_second_turn(&mut raw);
    }
}

fn item_end() -> Frame {
    last_item(theirs(1), whole(10))
}

#[test]
fn a_handler_that_answers_or_reads_no_more_passes_the_turn_on() {
    let mut raw = two_uploads();
    raw.end.reply(1, Bytes::new());
    assert_second_turn(&mut raw);

    let mut raw = two_uploads();
    let key = raw.end.conn.stream_key(theirs(1)).expect("it has streams");
    raw.end.stop_reading(key, 0);
    assert_second_turn(&mut raw);
}

#[test]
fn a_callee_that_answers_instead_of_what_was_lent_for_passes_the_turn_on() {
    for end in [reply(ours(1), whole(0)), failed(ours(1), 9), reset(FragmentOf::Call(ours(1)))] {
        let mut raw = Raw::new(&small());
        for tag in 1..=2 {
            let key = raw.end.open_stream(Shape::ServerStream, tag, 8, None).expect("there is room");
            assert!(matches!(raw.end.read(key, &mut VecDeque::new()), Read::Wait));
        }
        raw.heard();
        raw.say_all((1..=2).map(|number| blocked(Scope::Stream(ours(number)), WANTED)));
        assert_eq!(raw.heard(), [credit(Scope::Stream(ours(1)), WANTED)]);
        raw.say(end);
        // Its reader does not look, and holds on to it.
        assert_eq!(raw.heard(), [credit(Scope::Stream(ours(2)), WANTED)]);
    }
}

#[test]
fn streams_that_asked_and_ended_leave_no_entry_while_another_has_the_turn() {
    let mut raw = two_uploads();
    for _ in 0..100 {
        raw.say(stream_call(3));
        wait(&mut raw, theirs(3));
        raw.say_all([blocked(Scope::Stream(theirs(3)), WANTED), reset(FragmentOf::Call(theirs(3)))]);
        raw.end.reply(3, Bytes::new());
        raw.say(credit(Scope::Replies, u64::MAX));
        raw.heard();
    }
    assert!(raw.end.conn.asking.len() <= 2, "{}", raw.end.conn.asking.len());
}

#[test]
fn nothing_is_lent_to_a_call_that_is_not_open() {
    let mut raw = Raw::new(&small());
    let first = raw.end.open_stream(Shape::ServerStream, 1, 8, None).expect("there is room");
    raw.heard();
    raw.end.read(first, &mut VecDeque::new());
    raw.say_all([reply(ours(1), whole(0)), blocked(Scope::Stream(ours(1)), WANTED)]);
    // One that has not left yet.
    let second = raw.end.open_stream(Shape::ServerStream, 2, 8, None).expect("there is room");
    raw.end.read(second, &mut VecDeque::new());
    raw.say(blocked(Scope::Stream(second.id), WANTED));
    assert!(raw.end.conn.asking.is_empty() && raw.end.conn.turn.is_none());
    let heard = raw.heard();
    assert!(!heard.iter().any(|frame| matches!(frame, Frame::Credit(_))), "7.9: {heard:?}");
}

/// A raise that is not more than what was said says nothing.
#[test]
fn a_peer_that_says_blocked_without_end_is_lent_once() {
    let mut raw = Raw::new(&small());
    raw.say(stream_call(1));
    wait(&mut raw, theirs(1));
    for _ in 0..1_000 {
        raw.say(blocked(Scope::Stream(theirs(1)), u64::MAX));
    }
    let heard = raw.heard();
    let [Frame::Credit(Credit { total, .. })] = heard[..] else { panic!("{heard:?}") };
    assert_eq!(total, 64 + 65_536, "7.8: no more than its largest message costs");
}

/// As two sends that did not wait bring about: the first promise was never met, and never will be.
#[test]
fn whoever_has_the_turn_and_wants_more_is_lent_more() {
    let mut raw = Raw::new(&small());
    raw.say(stream_call(1));
    wait(&mut raw, theirs(1));
    for scope in [Scope::Lane(0), Scope::Stream(theirs(1))] {
        for wanted in [40_000, 60_000] {
            raw.say(blocked(scope, wanted));
            assert_eq!(raw.heard(), [credit(scope, wanted)], "{wanted}");
        }
        raw.say_all([push(0, first(0, 60_000 - 64 - NAME as u32)), reset(FragmentOf::Lane(0))]);
        raw.heard();
    }

    let mut pair = Pair::new(&small());
    for len in [40_000, 60_000, 50_000, 65_000] {
        assert!(!pair.a.push(0, &body(1, len)));
        pair.a.conn.push_unwanted(0);
    }
    pair.drive();
    assert!(pair.b.conn.turn.is_none_or(|_| pair.b.conn.asking.is_empty()), "{:?}", pair.b.conn.asking);
    pair.assert_idle();
}

/// What is announced to be written is there: credit is not owed to a side that has ended.
#[test]
fn credit_that_is_owed_is_forgotten_with_the_end_of_the_items() {
    for end in [Frame::End(theirs(1)), reset(FragmentOf::Call(theirs(1)))] {
        let mut raw = Raw::new(&small());
        raw.say_all([stream_call(1), item(theirs(1), whole(12_000))]);
        let key = raw.end.conn.stream_key(theirs(1)).expect("it has streams");
        raw.end.read(key, &mut VecDeque::new());
        raw.end.give_back(key, 12_064);
        assert!(raw.end.has_output(), "7.5");
        raw.say(end);
        assert!(!raw.end.has_output() && raw.heard().is_empty());
    }
}
