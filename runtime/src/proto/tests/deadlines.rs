//! Deadlines, the caller's and the callee's (wire 8.3, 8.8, 13).

use super::pair::Pair;
use super::raw::*;
use super::*;
use crate::Code;
use crate::frame::{Call, Cancel};

#[test]
fn a_call_that_expires_before_it_left_was_not_run() {
    for len in [8, 100_000] {
        let mut pair = Pair::new(&Config::default());
        pair.to_b.stalled = true;
        // What the driver holds already cannot be taken back.
        pair.a.conn.ping();
        pair.a.poll_batch();
        let number = pair.a.call(Ask::of(len).within(50 * MS));
        pair.step(49 * MS);
        assert!(pair.a.answers.is_empty());
        pair.step(10 * MS);
        let status = pair.a.failure(number);
        assert!(status.code() == Code::DEADLINE_EXCEEDED && !status.may_have_run(), "13.1: {status}");
        pair.to_b.stalled = false;
        pair.drive();
        assert!(pair.b.journal.is_empty() && pair.b.conn.serving.taken == 0, "it was never opened");
        pair.assert_idle();
    }
}

#[test]
fn a_call_that_expires_after_it_left_may_have_run_and_is_cancelled() {
    let mut pair = Pair::new(&Config::default());
    pair.b.handler = Handler::Wait;
    pair.to_b.latency = 20 * MS;
    let number = pair.a.call(Ask::of(8).within(50 * MS));
    pair.step(60 * MS);
    let status = pair.a.failure(number);
    assert!(status.code() == Code::DEADLINE_EXCEEDED && status.may_have_run());
    assert!(matches!(status.local(), Some(crate::Error::Deadline { limit }) if *limit == 50 * MS));
    pair.step(SECOND);
    assert_eq!(pair.b.stopped.len(), 1);
    pair.assert_idle();
}

#[test]
fn reply_after_deadline_is_ignored_and_counted() {
    let mut raw = Raw::new(&Config::default());
    let number = raw.end.call(Ask::of(8).within(50 * MS));
    raw.heard();
    raw.step(60 * MS);
    raw.end.failure(number);
    assert_eq!(raw.heard(), [Frame::Cancel(Cancel { id: ours(number), expired: true })]);
    raw.say(reply(ours(number), first(10, 20)));
    assert_eq!(raw.end.conn.in_flight().calling, 1);
    raw.say(fragment(ours(number), 10));
    let flight = raw.end.conn.in_flight();
    assert_eq!((flight.calling, flight.late_replies), (0, 1));
    assert!(raw.end.answers.is_empty() && raw.end.ended.is_none());
}

#[test]
fn a_deadline_while_the_reply_is_under_way_ends_the_call_once() {
    let mut raw = Raw::new(&Config::default());
    let number = raw.end.call(Ask::of(8).within(50 * MS));
    raw.heard();
    raw.say(reply(ours(number), first(10, 20_000)));
    raw.step(60 * MS);
    raw.end.failure(number);
    assert_eq!(raw.end.conn.replies_grant.held(), 0);
    raw.say_all([fragment(ours(number), 19_990)]);
    assert_eq!(raw.end.conn.in_flight().calling, 0);
    assert_eq!(raw.end.call(Ask::of(8)), number, "its number is used again");
}

#[test]
fn a_call_without_time_left_is_not_run() {
    let mut raw = Raw::new(&Config::default());
    raw.say(Frame::Call(Call { deadline: Some(0), ..call_with(1, Some(whole(8))) }));
    assert!(raw.end.journal.is_empty());
    let heard = raw.heard();
    let Some(Frame::Reply(reply)) = heard.first() else { panic!("{heard:?}") };
    assert!(reply.status.as_ref().is_some_and(|status| status.code == 4 && status.not_run), "8.3");
    assert!(raw.end.conn.deadlines.is_empty());
}

#[test]
fn the_callee_ends_a_call_when_its_time_is_over() {
    let mut raw = Raw::new(&Config::default());
    raw.say(Frame::Call(Call { deadline: Some(50), ..call_with(1, Some(whole(8))) }));
    raw.step(49 * MS);
    assert!(raw.end.stopped.is_empty());
    raw.step(10 * MS);
    assert_eq!(raw.end.stopped, [(1, Stop::Expired)]);
    let heard = raw.heard();
    let Some(Frame::Reply(reply)) = heard.first() else { panic!("{heard:?}") };
    assert!(reply.status.as_ref().is_some_and(|status| status.code == 4 && !status.not_run));
}

#[test]
fn a_request_that_is_not_whole_in_time_is_not_run() {
    let mut raw = Raw::new(&Config::default());
    raw.say(Frame::Call(Call { deadline: Some(50), ..call_with(1, Some(first(10, 100))) }));
    raw.step(60 * MS);
    let heard = raw.heard();
    let Some(Frame::Reply(reply)) = heard.first() else { panic!("{heard:?}") };
    assert!(reply.status.as_ref().is_some_and(|status| status.code == 4 && status.not_run));
    assert_eq!(raw.end.conn.calls_grant.held(), 0);
    raw.say(fragment(theirs(1), 40));
    assert_eq!(raw.end.conn.in_flight().serving, 1, "8.9: the rest is waited for");
    raw.say_all([fragment(theirs(1), 50), call(1, whole(8))]);
    assert!(raw.end.ended.is_none() && raw.end.journal.len() == 1);
}

#[test]
fn max_timeout_holds_whatever_the_caller_asks_for() {
    let config = Config { max_timeout: Some(SECOND), ..Config::default() };
    for deadline in [None, Some(u32::MAX), Some(100)] {
        let mut raw = Raw::new(&config);
        raw.say(Frame::Call(Call { deadline, ..call_with(1, Some(whole(8))) }));
        let limit = deadline.filter(|ms| *ms < 1_000).map_or(SECOND, |ms| ms * MS);
        raw.step(limit - MS);
        assert!(raw.end.stopped.is_empty());
        raw.step(10 * MS);
        assert_eq!(raw.end.stopped.len(), 1);
    }
}

#[test]
fn an_answered_call_leaves_no_deadline_behind() {
    let mut pair = Pair::new(&Config { max_timeout: Some(SECOND), ..Config::default() });
    for round in 0..2_000 {
        let number = pair.a.call(Ask::of(round % 70_000).within(SECOND));
        pair.step(MS);
        pair.a.success(number);
    }
    pair.assert_idle();
}

#[test]
fn a_call_that_states_its_time_when_it_leaves_states_what_is_left() {
    let mut raw = Raw::new(&Config::default());
    raw.end.call(Ask::of(60_000).within(100 * MS));
    raw.step(60 * MS);
    let heard = raw.heard();
    let stated =
        heard.iter().find_map(|frame| if let Frame::Call(call) = frame { call.deadline } else { None });
    assert_eq!(stated, Some(40));
}
