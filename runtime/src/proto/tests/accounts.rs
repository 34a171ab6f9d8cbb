//! Credit, as a receiver keeps it and as a sender obeys it (wire 7).

use super::raw::*;
use super::*;
use crate::frame::{Credit, Scope, Settings};

/// The first total of calls and replies when nothing is announced.
const FIRST: u64 = 131_072;

fn small() -> Config {
    Config { max_message: 65_536, max_metadata: 4_096, receive_budget: FIRST as usize, ..Config::default() }
}

fn ready() -> Raw {
    Raw::new(&small())
}

#[test]
fn a_peer_may_spend_a_total_to_the_last_and_no_more() {
    let len = (FIRST - 2 * (64 + NAME)) as usize / 2;
    for over in [0, 1] {
        let mut raw = ready();
        raw.end.handler = Handler::Busy;
        raw.say_all([
            call(1, whole(16_000)),
            call(2, first(0, (len - 16_000) as u32)),
            call(3, first(1, 100 + over)),
        ]);
        let left = raw.end.conn.calls_grant.unspent();
        raw.say(call(4, first(0, (left - 64 - NAME) as u32 + over)));
        match over {
            0 => assert!(raw.end.ended.is_none() && raw.end.conn.calls_grant.unspent() == 0),
            _ => raw.assert_ended(EndCode::CreditOverdrawn, "7.4"),
        }
    }
}

#[test]
fn credit_is_looked_at_before_the_message_limit() {
    let mut raw = ready();
    raw.say(call(1, first(0, 100_000)));
    let heard = raw.heard();
    assert!(heard.iter().any(|frame| matches!(frame, Frame::Reply(_))), "6.5: it costs the call: {heard:?}");
    raw.say(call(2, first(0, 1 << 30)));
    raw.assert_ended(EndCode::CreditOverdrawn, "7.4");
}

#[test]
fn overdrawn_replies_lanes_and_streams_end_the_connection() {
    let mut raw = ready();
    let (a, b, c) = (raw.end.call(Ask::of(8)), raw.end.call(Ask::of(8)), raw.end.call(Ask::of(8)));
    raw.heard();
    raw.say_all([reply(ours(a), first(1, 60_000)), reply(ours(b), first(1, 60_000))]);
    raw.say(reply(ours(c), first(1, 60_000)));
    raw.assert_ended(EndCode::CreditOverdrawn, "7.4");

    let mut raw = Raw::new(&Config { lane_credit: 16_384, ..small() });
    raw.end.takes_pushes = false;
    raw.say_all([push(0, whole(8_000)), push(0, whole(8_000)), push(1, whole(8_000))]);
    assert!(raw.end.ended.is_none());
    raw.say(push(0, whole(8_000)));
    raw.assert_ended(EndCode::CreditOverdrawn, "7.4");

    for call in [stream_call(1), Frame::Pad] {
        let mut raw = Raw::new(&Config { stream_credit: 16_384, ..small() });
        let id = if call == Frame::Pad {
            ours(raw.end.call(Ask { shape: Shape::ServerStream, ..Ask::of(8) }))
        } else {
            theirs(1)
        };
        raw.heard();
        raw.say_all([call, item(id, whole(8_000)), item(id, first(0, 8_000)), fragment(id, 8_000)]);
        assert!(raw.end.ended.is_none(), "{:?}", raw.end.ended);
        raw.say(item(id, whole(8_000)));
        raw.assert_ended(EndCode::CreditOverdrawn, "7.4");
    }
}

#[test]
fn what_is_no_longer_held_is_given_back_before_half_is_spent() {
    let mut raw = ready();
    let mut given = FIRST;
    let mut spent = 0;
    for round in 0..1_000 {
        let len = (round * 37) % 9_000;
        raw.say(call(1, whole(len)));
        spent += 64 + NAME + len as u64;
        raw.end.reply(1, Bytes::new());
        for frame in raw.heard() {
            if let Frame::Credit(Credit { scope: Scope::Calls, total }) = frame {
                given = total;
            }
        }
        assert!(given - spent >= FIRST / 2, "7.5");
        assert!(given - spent <= FIRST, "no more than the first total is ever free");
        raw.say(credit(Scope::Replies, u64::MAX));
    }
}

/// A raise that could be gathered when its message was handed on, and no longer when the next has come, which is held.
#[test]
fn what_was_gathered_is_told_when_less_than_half_is_unspent() {
    let mut raw = ready();
    raw.say(call(1, whole(16_000)));
    assert_eq!(raw.heard(), [], "gathered");
    raw.say(call(2, first(1, 60_000)));
    assert_eq!(raw.heard(), [credit(Scope::Calls, FIRST + 64 + NAME + 16_000)], "7.5");

    let mut raw = ready();
    let (a, b) = (raw.end.call(Ask::of(8)), raw.end.call(Ask::of(8)));
    raw.heard();
    raw.say(reply(ours(a), whole(16_000)));
    assert_eq!(raw.heard(), [], "gathered");
    raw.say(reply(ours(b), first(1, 60_000)));
    assert_eq!(raw.heard(), [credit(Scope::Replies, FIRST + 64 + 16_000)], "7.5");

    let mut raw = Raw::new(&Config { lane_credit: 65_536, ..small() });
    raw.say(push(0, whole(16_000)));
    assert_eq!(raw.heard(), [], "gathered");
    raw.end.takes_pushes = false;
    raw.say(push(0, whole(16_000)));
    assert_eq!(raw.heard(), [], "half is unspent");
    raw.say(push(0, whole(1_000)));
    assert_eq!(raw.heard(), [credit(Scope::Lane(0), 65_536 + 64 + NAME + 16_000)], "7.5");
}

#[test]
fn while_the_peer_waits_every_raise_is_given_at_once() {
    let mut raw = ready();
    raw.say(blocked(Scope::Calls, FIRST + 500));
    for number in 1..=3 {
        raw.say(call(number, whole(100)));
        let total = FIRST + u64::from(number) * (164 + NAME);
        assert_eq!(raw.heard(), [credit(Scope::Calls, total)], "7.6");
    }
    raw.say(call(5, whole(100)));
    assert_eq!(raw.heard(), [], "reached: gathered again");
}

#[test]
fn a_peer_that_does_not_read_is_owed_one_credit_an_account() {
    let mut raw = Raw::new(&Config { max_lanes: 4, ..small() });
    raw.say_all([blocked(Scope::Calls, u64::MAX), blocked(Scope::Replies, u64::MAX)]);
    for round in 0..100_000 {
        let lane = round % 4;
        raw.say_all([push(lane, whole(1_000)), blocked(Scope::Lane(lane), u64::MAX)]);
    }
    assert_eq!(raw.end.conn.in_flight().unsent, 0, "7.11");
    let heard = raw.heard();
    assert_eq!(heard.len(), 4, "{heard:?}");
}

#[test]
fn blocked_for_more_than_a_message_may_cost_is_given_what_one_may() {
    let mut raw = ready();
    raw.say(blocked(Scope::Lane(0), u64::MAX));
    let most = 64 + 1_024 + 4_096 + 65_536;
    let lane_credit = small().lane_credit as u64;
    assert_eq!(raw.heard().len(), usize::from(most > lane_credit));
    let mut raw = Raw::new(&Config { lane_credit: 16_384, ..small() });
    for _ in 0..1_000 {
        raw.say(blocked(Scope::Lane(0), u64::MAX));
    }
    assert_eq!(raw.heard(), [credit(Scope::Lane(0), most)]);
    raw.say(blocked(Scope::Lane(0), u64::MAX));
    assert_eq!(raw.heard(), [], "nothing more, and nothing again");
}

#[test]
fn a_call_that_waits_for_credit_says_so_once_and_goes_when_there_is_some() {
    let mut raw = Raw::new(&Config::default());
    for _ in 0..2 {
        raw.end.call(Ask::of(60_000));
    }
    raw.heard();
    assert!(raw.end.open(Ask::of(60_000)).expect("it may go").is_none());
    assert!(raw.end.open(Ask::of(60_000)).expect("it may go").is_none());
    let wanted = 3 * 60_064;
    assert_eq!(raw.heard(), [blocked(Scope::Calls, wanted)], "7.6: once");
    raw.say(credit(Scope::Calls, wanted - 1));
    assert!(raw.end.open(Ask::of(60_000)).expect("it may go").is_none());
    assert_eq!(raw.heard(), []);
    raw.say(credit(Scope::Calls, wanted));
    raw.end.call(Ask::of(60_000));
    assert_eq!(raw.end.conn.call_credit(), 0);
}

/// Which calls are answered, in which order.
fn answered(frames: &[Frame]) -> Vec<u32> {
    let number = |frame: &Frame| if let Frame::Reply(reply) = frame { Some(reply.id.number()) } else { None };
    frames.iter().filter_map(number).collect()
}

#[test]
fn large_replies_that_wait_for_credit_go_in_order() {
    let mut raw = ready();
    raw.say_all((1..=4).map(|number| call(number, whole(8))));
    for number in 1..=4 {
        raw.end.reply(number, body(0, 65_472));
    }
    let heard = raw.heard();
    assert_eq!(answered(&heard), [1, 2]);
    assert!(heard.contains(&blocked(Scope::Replies, 3 * 65_536)), "{heard:?}");
    raw.say(credit(Scope::Replies, 3 * 65_536));
    assert_eq!(answered(&raw.heard()), [3]);
    raw.say(credit(Scope::Replies, u64::MAX));
    assert_eq!(answered(&raw.heard()), [4]);
}

#[test]
fn small_replies_pass_a_large_one_that_waits_for_credit_and_do_not_keep_it_waiting() {
    let mut raw = ready();
    raw.say_all((1..=3).map(|number| call(number, whole(8))));
    for (number, len) in [(1, 65_000), (2, 65_000), (3, 60_000)] {
        raw.end.reply(number, body(0, len));
    }
    assert_eq!(answered(&raw.heard()), [1, 2]);
    let mut total = FIRST;
    let mut passes = || {
        raw.say(call(4, whole(8)));
        raw.end.reply(4, body(4, 8));
        let passed = answered(&raw.heard()) == [4];
        // What small ones cost is free again at once.
        total += 72;
        raw.say(credit(Scope::Replies, total));
        passed
    };
    let passed = (0..2_000).take_while(|_| passes()).count();
    assert_eq!(passed as u64, (FIRST - 60_064) / 72, "as much as leaves room for the large one");
    raw.say(credit(Scope::Replies, u64::MAX));
    // The large one leaves in fragments, behind the small one.
    assert_eq!(answered(&raw.heard()), [4, 3]);
}

#[test]
fn a_half_received_request_that_is_cancelled_gives_its_cost_back() {
    let mut raw = ready();
    for _ in 0..100 {
        raw.say_all([call(1, first(0, 65_000)), cancel(theirs(1)), credit(Scope::Replies, u64::MAX)]);
        let heard = raw.heard();
        assert!(heard.iter().any(|frame| matches!(frame, Frame::Reply(_))), "{heard:?}");
    }
    assert_eq!(raw.end.conn.calls_grant.held(), 0);
    assert!(raw.end.ended.is_none());
}

#[test]
fn a_reply_that_nobody_wants_gives_its_cost_back_at_once() {
    let mut raw = ready();
    for _ in 0..100 {
        let number = raw.end.call(Ask::of(8));
        raw.heard();
        raw.say(reply(ours(number), first(10, 65_000)));
        raw.end.give_up(number);
        assert_eq!(raw.end.conn.replies_grant.held(), 0, "7.5: half received ones too");
        raw.say(reset(crate::frame::FragmentOf::Call(ours(number))));
        raw.heard();
        raw.say(credit(Scope::Calls, u64::MAX));
    }
    assert!(raw.end.ended.is_none());
}

#[test]
fn refused_calls_of_a_peer_that_reads_nothing_do_not_pile_up() {
    let settings = Settings { replies_credit: u64::MAX, ..Settings::initial() };
    let mut raw = Raw::with_settings(&small(), settings);
    let late = || Frame::Call(crate::frame::Call { deadline: Some(0), ..call_with(1, Some(whole(0))) });
    raw.say(late());
    raw.say(late());
    raw.assert_ended(EndCode::Unexpected, "8.2");
    // With a reply that has no credit it is the same.
    let mut raw = ready();
    for number in 2..=4 {
        raw.say(call(number, whole(8)));
        raw.end.reply(number, body(0, 65_472));
    }
    raw.say(late());
    raw.heard();
    raw.say(late());
    raw.assert_ended(EndCode::Unexpected, "8.2");
}

#[test]
fn calls_wait_undispatched_while_replies_do_not_leave() {
    let settings = Settings { replies_credit: u64::MAX, message_limit: 1 << 22, ..Settings::initial() };
    let config = Config { send_buffer: 10_000, ..Config::default() };
    let mut raw = Raw::with_settings(&config, settings);
    raw.say_all((1..=60).map(|number| call(number, whole(8))));
    for number in 1..=60 {
        raw.end.reply(number, body(0, 10_000));
    }
    raw.say_all((61..=64).map(|number| call(number, whole(8))));
    assert_eq!(raw.end.journal.len(), 60, "7.11");
    raw.say(cancel(theirs(62)));
    assert!(raw.end.stopped.is_empty(), "it was not dispatched");
    raw.heard();
    let dispatched: Vec<_> = raw.end.calls.iter().map(|call| call.id.number()).collect();
    assert_eq!(dispatched, [61, 63, 64]);
}

#[test]
fn a_peer_with_four_billion_lanes_costs_no_memory() {
    let settings = Settings { lanes: u32::MAX, ..Settings::initial() };
    let mut raw = Raw::with_settings(&small(), settings);
    raw.say(credit(Scope::Lane(u32::MAX - 1), 1 << 20));
    assert!(raw.end.ended.is_none());
    assert!(raw.end.conn.lanes.out.len() <= 1_024);
    assert!(raw.end.conn.lane_of(u32::MAX) < 1_024);
}
