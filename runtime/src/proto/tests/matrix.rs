//! Every kind of frame in every state, by the rules: what goes on, and what ends the connection with which code.

use super::raw::*;
use super::*;
use crate::frame::{CallId, FragmentOf, Scope, Settings};

/// Brings a machine into a state.
type Begin = fn() -> Raw;
/// Makes a frame.
type Make = fn() -> Frame;

/// The states, in the order of the table's columns.
const STATES: [(&str, Begin); 15] = [
    ("nothing was read", || Raw::silent(&Config::default())),
    ("HELLO was read", ready),
    ("their call runs", || after([call(1, whole(8))])),
    ("their call is under way", || after([call(1, first(10, 100))])),
    ("their call was answered", || answered_call(call(1, whole(8)))),
    ("their items flow", || after([stream_call(1)])),
    ("their items flow, and we answered", || answered_call(stream_call(1))),
    ("our call is out", our_call),
    ("our call's reply is under way", || in_our_call([reply(ours(1), first(10, 100))])),
    ("our call was answered", || in_our_call([reply(ours(1), whole(8))])),
    ("we said FINAL, their call runs", || {
        let mut raw = after([call(1, whole(8))]);
        raw.end.conn.drain(raw.end.now);
        raw.step(2 * SECOND);
        raw.heard();
        raw
    }),
    ("they said FINAL, their call runs", || after([call(1, whole(8)), last_word(EndCode::None, 0)])),
    ("our call for items is out", || {
        let mut raw = ready();
        raw.end.call(Ask { shape: Shape::ServerStream, ..Ask::of(8) });
        raw.heard();
        raw
    }),
    ("their push is under way", || after([push(0, first(10, 100))])),
    ("we gave our call up", || {
        let mut raw = our_call();
        raw.end.give_up(1);
        raw.heard();
        raw
    }),
];

fn ready() -> Raw {
    Raw::new(&Config::default())
}

fn after(frames: impl IntoIterator<Item = Frame>) -> Raw {
    let mut raw = ready();
    raw.say_all(frames);
    raw.heard();
    raw
}

fn answered_call(call: Frame) -> Raw {
    let mut raw = after([call]);
    raw.end.reply_status(1, &Status::unimplemented("no such shape"));
    raw.heard();
    raw
}

fn our_call() -> Raw {
    let mut raw = ready();
    raw.end.call(Ask::of(8));
    raw.heard();
    raw
}

fn in_our_call(frames: impl IntoIterator<Item = Frame>) -> Raw {
    let mut raw = our_call();
    raw.say_all(frames);
    raw
}

fn p(number: u32) -> CallId {
    theirs(number)
}

fn o(number: u32) -> CallId {
    ours(number)
}

fn unbound() -> Frame {
    let route = crate::frame::RouteRef::Number(0);
    Frame::Call(crate::frame::Call { route, ..call_with(2, Some(whole(1))) })
}

fn item_and_end(id: CallId) -> Frame {
    last_item(id, whole(1))
}

/// A frame, and for each state: `.` goes on, `B` BAD_HELLO, `U` UNEXPECTED, `L` LIMIT_EXCEEDED, `E` ended as the
/// peer said.
#[rustfmt::skip]
const TABLE: &[(&str, Make, &str)] = &[
    ("4.1 HELLO",               || hello(Settings::initial()),         ".UUUUUUUUUUUUUU"),
    ("4.4 AUTH",                || Frame::Auth(Bytes::new()),          "B.............."),
    ("4.4 READY",               || Frame::Ready,                       "BUUUUUUUUUUUUUU"),
    ("5.2 BIND 0",              || bind(0),                            "B.............."),
    ("5.2 BIND 1",              || bind(1),                            "BUUUUUUUUUUUUUU"),
    ("11.1 PING",               || ping(9),                            "B.............."),
    ("11.1 PONG",               || pong(9, 0),                         "B.............."),
    ("11.3 intent",             intent,                                "B.............."),
    ("11.3 FINAL",              || last_word(EndCode::None, 1),        "B.............."),
    ("11.5 FINAL with a code",  || last_word(EndCode::Internal, 1),    "BEEEEEEEEEEEEEE"),
    ("7.2 CREDIT calls",        || credit(Scope::Calls, 1 << 20),      "B.............."),
    ("7.2 CREDIT replies",      || credit(Scope::Replies, 1 << 20),    "B.............."),
    ("7.2 CREDIT lane",         || credit(Scope::Lane(3), 1 << 20),    "B.............."),
    ("7.9 CREDIT lane over",    || credit(Scope::Lane(4), 1 << 20),    "BLLLLLLLLLLLLLL"),
    ("8.10 CREDIT theirs",      || credit(Scope::Stream(p(1)), 9),     "B.............."),
    ("8.10 CREDIT ours",        || credit(Scope::Stream(o(1)), 9),     "B.............."),
    ("7.6 BLOCKED calls",       || blocked(Scope::Calls, 1 << 40),     "B.............."),
    ("7.6 BLOCKED replies",     || blocked(Scope::Replies, 1 << 40),   "B.............."),
    ("7.8 BLOCKED lane",        || blocked(Scope::Lane(3), 1 << 40),   "B.............."),
    ("7.9 BLOCKED lane over",   || blocked(Scope::Lane(16), 1 << 40),  "BLLLLLLLLLLLLLL"),
    ("8.10 BLOCKED theirs",     || blocked(Scope::Stream(p(1)), 9),    "B.............."),
    ("8.10 BLOCKED ours",       || blocked(Scope::Stream(o(1)), 9),    "B.............."),
    ("8.2 CALL",                || call(1, whole(8)),                  "B.UU.UU....U..."),
    ("8.2 CALL fragmented",     || call(1, first(8, 9)),               "B.UU.UU....U..."),
    ("9.1 CALL with items",     || stream_call(2),                     "B.............."),
    ("8.2 CALL over the limit", || call(4_097, whole(8)),              "BLLLLLLLLL.LLLL"),
    ("2.6 CALL as if ours",     || Frame::Call(crate::frame::Call { id: o(1), ..call_with(1, Some(whole(1))) }),
                                                                       "BUUUUUUUUUUUUUU"),
    ("5.3 CALL unbound",        unbound,                               "BUUUUUUUUU.UUUU"),
    ("8.10 REPLY",              || reply(o(1), whole(0)),              "BUUUUUU.UUUU.U."),
    ("8.10 REPLY fragmented",   || reply(o(1), first(1, 2)),           "BUUUUUU.UUUU.U."),
    ("8.10 REPLY status",       || failed(o(1), 5),                    "BUUUUUU.UUUU.U."),
    ("2.6 REPLY to theirs",     || reply(p(1), whole(8)),              "BUUUUUUUUUUUUUU"),
    ("9.1 ITEM theirs",         || item(p(1), whole(1)),               "BUUUU..UUUUUUUU"),
    ("9.1 ITEM and more",       || item(p(1), first(1, 2)),            "BUUUU..UUUUUUUU"),
    ("9.2 ITEM and END",        || item_and_end(p(1)),                 "BUUUU..UUUUUUUU"),
    ("9.1 ITEM ours",           || item(o(1), whole(1)),               "BUUUUUUUUUUU.UU"),
    ("9.2 ITEM and END ours",   || item_and_end(o(1)),                 "BUUUUUUUUUUUUUU"),
    ("6.2 FRAGMENT theirs",     || fragment(p(1), 1),                  "BUU.UUUUUUUUUUU"),
    ("8.10 FRAGMENT ours",      || fragment(o(1), 1),                  "BUUUUUUU.UUUUUU"),
    ("11.3 FRAGMENT of no call",|| fragment(p(9), 1),                  "BUUUUUUUUU.UUUU"),
    ("6.2 FRAGMENT lane",       || lane_fragment(0, 1),                "BUUUUUUUUU.UU.U"),
    ("10.1 FRAGMENT lane over", || lane_fragment(16, 1),               "BLLLLLLLLL.LLLL"),
    ("9.5 HEADERS",             || headers(o(1)),                      "BUUUUUU.UUUU.U."),
    ("2.6 HEADERS to theirs",   || headers(p(1)),                      "BUUUUUUUUUUUUUU"),
    ("8.10 END",                || Frame::End(p(1)),                   "BUUUU..UUUUUUUU"),
    ("11.3 END of no call",     || Frame::End(p(9)),                   "BUUUUUUUUU.UUUU"),
    ("9.2 END ours",            || Frame::End(o(1)),                   "BUUUUUUUUUUUUUU"),
    ("8.10 RESET theirs",       || reset(FragmentOf::Call(p(1))),      "BUU.U..UUUUUUUU"),
    ("11.3 RESET of no call",   || reset(FragmentOf::Call(p(9))),      "BUUUUUUUUU.UUUU"),
    ("8.10 RESET ours",         || reset(FragmentOf::Call(o(1))),      "BUUUUUU..UUU.U."),
    ("10.3 RESET lane",         || reset(FragmentOf::Lane(0)),         "B.............."),
    ("10.1 RESET lane over",    || reset(FragmentOf::Lane(16)),        "BLLLLLLLLL.LLLL"),
    ("8.10 STOP theirs",        || stop(p(1)),                         "B.............."),
    ("8.10 STOP ours",          || stop(o(1)),                         "B.............."),
    ("8.8 CANCEL",              || cancel(p(1)),                       "B.............."),
    ("2.6 CANCEL ours",         || cancel(o(1)),                       "BUUUUUUUUUUUUUU"),
    ("10.3 PUSH",               || push(0, whole(8)),                  "B............U."),
    ("10.3 PUSH fragmented",    || push(0, first(8, 9)),               "B............U."),
    ("10.3 PUSH other lane",    || push(1, whole(8)),                  "B.............."),
    ("10.1 PUSH lane over",     || push(16, whole(8)),                 "BLLLLLLLLL.LLLL"),
    ("2.2 PAD",                 || Frame::Pad,                         "B.............."),
];

#[test]
fn every_frame_in_every_state_does_what_the_rules_say() {
    let mut wrong = Vec::new();
    for (label, frame, outcomes) in TABLE {
        assert_eq!(outcomes.len(), STATES.len(), "{label}");
        for ((state, begin), outcome) in STATES.iter().zip(outcomes.chars()) {
            let mut raw = begin();
            assert!(raw.end.ended.is_none(), "{state}: {:?}", raw.end.ended);
            raw.say(frame());
            let is = match end_code(&raw.end) {
                // A drain may be done by it.
                None | Some(EndCode::None) => '.',
                Some(EndCode::BadHello) => 'B',
                Some(EndCode::Unexpected) => 'U',
                Some(EndCode::LimitExceeded) => 'L',
                Some(EndCode::Internal) => 'E',
                Some(other) => panic!("{label} when {state}: {other:?}"),
            };
            if is != outcome {
                wrong.push(format!(
                    "{label:26} when {state}: {is} instead of {outcome} ({:?})",
                    raw.end.ended
                ));
            }
            check_last_word(&mut raw);
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// An end that fails says why, last; and whatever its session still does then says nothing more (wire 11.5).
fn check_last_word(raw: &mut Raw) {
    let by_us =
        raw.end.ended.as_ref().is_some_and(|reason| reason.by() == crate::EndedBy::Us && !reason.is_clean());
    raw.end.conn.ping();
    let heard = raw.heard();
    if by_us {
        let is_final = |frame: &Frame| matches!(frame, Frame::GoAway(last) if last.last.is_some());
        assert_eq!(heard.iter().filter(|frame| is_final(frame)).count(), 1, "{heard:?}");
        assert!(heard.last().is_some_and(is_final), "{heard:?}");
    }
}
