//! Pushes (wire 10, 7.8): order in a lane, counts, large ones and the room for them.

use super::pair::Pair;
use super::raw::*;
use super::*;
use crate::frame::{Credit, FragmentOf, Scope};

impl End {
    pub(super) fn take_push(&mut self, push: InboundPush) {
        let InboundPush { lane, mut messages, .. } = push;
        while let Some((message, cost)) = messages.next() {
            if self.takes_pushes {
                self.conn.push_handed_on(lane, cost);
            }
            self.pushes.push(Pushed { lane, message, cost });
        }
    }
}

fn tags(end: &End, lane: u32) -> Vec<u64> {
    end.pushes.iter().filter(|push| push.lane == lane).map(|push| tag_of(&push.message)).collect()
}

/// Lanes whose first total is as small as can be.
fn narrow() -> Config {
    Config { lane_credit: 16_384, ..Config::default() }
}

#[test]
fn pushes_arrive_in_the_order_of_their_lane() {
    let mut pair = Pair::new(&Config::default());
    pair.pieces = 1_000;
    let mut sent = vec![Vec::new(); 4];
    for tag in 0..200_u64 {
        let (lane, len) = ((tag % 4) as u32, 8 + (tag as usize * 7_919) % 100_000);
        while !pair.a.push(lane, &body(tag, len)) {
            assert!(pair.pump(), "there will be room");
        }
        sent[lane as usize].push(tag);
    }
    pair.drive();
    for lane in 0..4 {
        assert_eq!(tags(&pair.b, lane), sent[lane as usize]);
    }
    pair.assert_idle();
}

#[test]
fn a_pong_tells_how_many_pushes_were_taken() {
    let mut pair = Pair::new(&Config { max_message: 65_536, ..Config::default() });
    for (lane, len) in [(0, 8), (1, 65_536), (2, 0)] {
        assert!(pair.a.push(lane, &body(0, len)));
    }
    pair.drive();
    pair.a.conn.ping();
    pair.drive();
    assert_eq!(pair.a.conn.push_counts(), (3, 3, 3));
    pair.assert_idle();
}

#[test]
fn refused_and_given_up_pushes_count_when_they_end() {
    let mut raw = Raw::new(&Config { max_message: 65_536, ..Config::default() });
    raw.say_all([push(0, first(1, 65_537)), push(1, first(1, 100)), push(2, whole(8)), ping(1)]);
    assert!(raw.heard().contains(&pong(1, 1)));
    raw.say_all([reset(FragmentOf::Lane(1)), reset(FragmentOf::Lane(1)), ping(2)]);
    assert_eq!(raw.heard(), [pong(2, 2)]);
    for len in [60_000, 5_536] {
        raw.say(lane_fragment(0, len));
    }
    raw.say(ping(3));
    assert!(raw.heard().contains(&pong(3, 3)));
    assert_eq!((raw.end.pushes.len(), raw.end.conn.in_flight().dropped_pushes), (1, 2));
    assert!(raw.end.conn.lanes.inn.iter().all(|inn| inn.grant.is_whole()));
}

#[test]
fn a_push_waits_for_its_lane_and_not_for_the_others() {
    let mut pair = Pair::new(&narrow());
    pair.b.takes_pushes = false;
    assert!(pair.a.push(0, &body(1, 16_000)));
    assert!(!pair.a.push(0, &body(2, 8_000)));
    assert!(pair.a.push(1, &body(3, 8_000)));
    pair.drive();
    assert!(!pair.a.push(0, &body(2, 8_000)));
    let taken = &pair.b.pushes[0];
    let (lane, cost) = (taken.lane, taken.cost);
    pair.b.conn.push_handed_on(lane, cost);
    pair.drive();
    assert!(pair.a.push(0, &body(2, 8_000)));
}

#[test]
fn a_push_larger_than_its_lanes_credit_is_lent_room() {
    let mut pair = Pair::new(&narrow());
    for tag in 0..20 {
        let message = body(tag, 1 << 20);
        while !pair.a.push(0, &message) {
            assert!(pair.pump(), "there will be room");
        }
        while !pair.a.push(0, &body(tag, 100)) {
            assert!(pair.pump(), "there will be room");
        }
    }
    pair.drive();
    assert_eq!(tags(&pair.b, 0), (0..20).flat_map(|tag| [tag, tag]).collect::<Vec<_>>());
    pair.assert_idle();
    let grant = &pair.b.conn.lanes.inn[0].grant;
    assert!(grant.unspent() <= 16_384, "what was lent was paid back: {grant:?}");
}

#[test]
fn room_is_lent_to_one_lane_after_the_other() {
    let mut raw = Raw::new(&narrow());
    raw.say_all([
        blocked(Scope::Lane(0), 100_000),
        blocked(Scope::Lane(1), 100_000),
        blocked(Scope::Lane(2), 200),
    ]);
    assert_eq!(raw.heard(), [credit(Scope::Lane(0), 100_000)]);
    raw.say(push(0, first(0, (100_000 - 64 - NAME) as u32)));
    assert_eq!(raw.heard(), [], "7.8: until it is whole");
    for _ in 0..7 {
        raw.say(lane_fragment(0, 13_000));
    }
    raw.say(lane_fragment(0, 100_000 - 64 - NAME as usize - 91_000));
    let heard = raw.heard();
    assert!(heard.contains(&credit(Scope::Lane(1), 100_000)), "{heard:?}");
    // Given up it is over too.
    raw.say_all([push(1, first(0, (100_000 - 64 - NAME) as u32)), blocked(Scope::Lane(3), 50_000)]);
    assert_eq!(raw.heard(), []);
    raw.say(reset(FragmentOf::Lane(1)));
    assert!(raw.heard().contains(&credit(Scope::Lane(3), 50_000)));
}

#[test]
fn a_lane_whose_handler_does_not_take_holds_up_only_itself() {
    let mut raw = Raw::new(&narrow());
    raw.end.takes_pushes = false;
    raw.say_all([push(0, whole(1_000)), blocked(Scope::Lane(0), 100_000), blocked(Scope::Lane(1), 100_000)]);
    assert_eq!(raw.heard(), [credit(Scope::Lane(1), 100_000)]);
}

#[test]
fn blocked_is_a_promise_that_is_kept() {
    for len in [3, 100, 100_000, 4 << 20] {
        let mut pair = Pair::new(&narrow());
        pair.b.takes_pushes = false;
        assert!(pair.a.push(0, &body(1, 16_300)));
        pair.drive();
        assert!(!pair.a.push(0, &body(2, len)));
        // Nobody wants to push it any more, and other lanes wait for their turn behind it.
        pair.a.conn.push_unwanted(0);
        assert!(!pair.a.push(1, &body(3, 100_000)));
        pair.drive();
        pair.b.takes_pushes = true;
        let cost = pair.b.pushes[0].cost;
        pair.b.conn.push_handed_on(0, cost);
        pair.drive();
        assert!(pair.a.push(1, &body(3, 100_000)), "7.8: with {len} bytes promised");
        pair.drive();
        assert_eq!(tags(&pair.b, 1), [3]);
        assert_eq!(tags(&pair.b, 0), [1], "nothing of the other was run");
        pair.a.conn.ping();
        pair.drive();
        let (begun, ended, taken) = pair.a.conn.push_counts();
        assert!(begun == ended && ended == taken, "both ends count the same");
        pair.assert_idle();
    }
}

#[test]
fn a_smaller_push_after_one_that_was_given_up_does_not_keep_its_promise() {
    let mut pair = Pair::new(&narrow());
    assert!(!pair.a.push(0, &body(2, 100_000)));
    pair.a.conn.push_unwanted(0);
    // There is room for it without what was asked for.
    assert!(pair.a.push(0, &body(3, 100)));
    assert!(!pair.a.push(1, &body(4, 100_000)), "the other lane waits for its turn");
    pair.drive();
    assert!(pair.a.push(1, &body(4, 100_000)), "7.8: what was promised has come and gone");
    pair.drive();
    assert_eq!(tags(&pair.b, 1), [4]);
    pair.assert_idle();
}

#[test]
fn room_freed_by_cutting_a_reply_is_told_to_who_waits_for_it() {
    let config =
        Config { max_message: 65_536, max_fragment: 16_384, send_buffer: 16_384, ..Config::default() };
    let settings = Settings { replies_credit: 1 << 20, lane_credit: 1 << 20, ..Settings::initial() };
    let mut raw = Raw::with_settings(&config, settings);
    raw.say_all([call(1, whole(8)), call(2, whole(8))]);
    for number in [1, 2] {
        raw.end.reply(number, body(1, 60_000));
    }
    let large = body(2, 60_000);
    assert!(!raw.end.push(0, &large), "two replies wait to be written");
    // Not a byte leaves: the caller goes, and with it its reply.
    let told = raw.end.room;
    raw.say(cancel(theirs(1)));
    assert!(raw.end.room > told, "who waits for the write buffer is told");
    assert!(raw.end.push(0, &large));
}

#[test]
fn a_promise_that_somebody_else_keeps_is_kept() {
    let mut pair = Pair::new(&narrow());
    assert!(!pair.a.push(0, &body(1, 50_000)));
    pair.a.conn.push_unwanted(0);
    assert!(!pair.a.push(0, &body(2, 50_000)), "another one waits for it now");
    pair.drive();
    assert!(pair.a.push(0, &body(2, 50_000)));
    pair.drive();
    assert_eq!(tags(&pair.b, 0), [2]);
    assert_eq!(pair.a.conn.push_counts().0, 1);
    pair.assert_idle();
}

#[test]
fn a_push_too_many_waits_and_goes_when_there_is_credit() {
    let mut raw = Raw::new(&Config::default());
    let message = body(1, 10_000);
    assert!(raw.end.push(2, &message));
    assert!(!raw.end.push(2, &message));
    assert!(!raw.end.push(2, &message));
    let wanted = 2 * 10_064;
    let asked: Vec<Frame> =
        raw.heard().into_iter().filter(|frame| matches!(frame, Frame::Blocked(_))).collect();
    assert_eq!(asked, [Frame::Blocked(Credit { scope: Scope::Lane(2), total: wanted })], "7.6: once");
    raw.say(credit(Scope::Lane(2), wanted));
    assert!(raw.end.push(2, &message));
    assert!(!raw.end.push(4, &message), "10.1: there is no such lane");
}

#[test]
fn after_goaway_no_push_is_sent() {
    for word in [intent(), last_word(EndCode::None, 0)] {
        let mut raw = Raw::new(&Config::default());
        raw.say(word);
        let pushing = Pushing { route: OpenRoute::Spec(&NOTE), lane: 0, block: &[], len: 8 };
        assert!(raw.end.conn.check_push(&pushing).is_err());
        assert!(matches!(raw.end.conn.push_room(&pushing), PushRoom::Full(_)));
    }
}

#[test]
fn large_pushes_are_dropped_when_the_peer_takes_none_any_more() {
    let mut raw = Raw::new(&Config::default());
    assert!(raw.end.push(0, &body(1, 10_000)));
    raw.say(credit(Scope::Lane(0), 1 << 20));
    assert!(raw.end.push(0, &body(1, 60_000)));
    raw.say(last_word(EndCode::None, 0));
    assert!(raw.end.conn.pushes_ended(2));
    assert_eq!(raw.end.conn.in_flight().unsent, raw.end.conn.outbox.waiting());
    assert!(!raw.heard().iter().any(|frame| matches!(frame, Frame::Fragment(_))));
}

/// PUSH of a bound route, which comes with others as one.
fn plain(lane: u32, message: Bytes) -> Frame {
    let Frame::Push(push) = push(lane, whole(0)) else { unreachable!() };
    let message = crate::frame::Piece { bytes: message, ..push.message };
    Frame::Push(crate::frame::Push { route: crate::frame::RouteRef::Number(0), message, ..push })
}

/// Says these in one go.
fn say_at_once(raw: &mut Raw, frames: impl IntoIterator<Item = Frame>) {
    let mut out = BytesMut::new();
    frames.into_iter().for_each(|frame| frame.encode(&mut out));
    raw.end.feed(&out);
}

#[test]
fn of_pushes_that_come_as_one_the_one_over_a_limit_is_dropped_alone() {
    let mut raw = Raw::new(&Config { max_message: 65_536, ..Config::default() });
    raw.say(bind(0));
    let lens = [8, 65_536, 65_537, 9, 10];
    say_at_once(&mut raw, lens.into_iter().enumerate().map(|(n, len)| plain(1, body(n as u64, len))));
    raw.say(ping(1));
    assert!(raw.heard().contains(&pong(1, 5)));
    assert_eq!(tags(&raw.end, 1), [0, 1, 3, 4]);
    assert_eq!(raw.end.conn.in_flight().dropped_pushes, 1);
    assert!(raw.end.conn.lanes.inn.iter().all(|inn| inn.grant.is_whole()));
}

#[test]
fn of_pushes_that_come_as_one_those_before_the_lane_is_overdrawn_are_taken() {
    let mut raw = Raw::new(&narrow());
    raw.end.takes_pushes = false;
    raw.say(bind(0));
    // Each costs 1,064: the sixteenth is too much.
    say_at_once(&mut raw, (0..20).map(|n| plain(0, body(n, 1_000))));
    assert_eq!(tags(&raw.end, 0), (0..15).collect::<Vec<_>>());
    let reason = raw.end.ended.clone().expect("it broke a rule");
    assert_eq!(reason.name(), "CREDIT_OVERDRAWN");
}

#[test]
fn pushes_that_come_as_one_cost_what_each_costs() {
    let mut raw = Raw::new(&narrow());
    raw.end.takes_pushes = false;
    raw.say(bind(0));
    say_at_once(&mut raw, (0..10).map(|n| plain(0, body(n, 100))));
    let inn = &raw.end.conn.lanes.inn[0];
    assert_eq!((inn.grant.held(), inn.grant.spent()), (1_640, 1_640));
    assert!(raw.end.pushes.iter().all(|push| push.cost == 164));
    // One of a route that is not bound ends the connection, and those before it are run.
    let mut frames: Vec<_> = (0..3).map(|n| plain(2, body(n, 8))).collect();
    let Frame::Push(unbound) = plain(2, body(9, 8)) else { unreachable!() };
    frames.push(Frame::Push(crate::frame::Push {
        route: crate::frame::RouteRef::Number(1),
        ..unbound.clone()
    }));
    frames.push(Frame::Push(crate::frame::Push { route: crate::frame::RouteRef::Number(1), ..unbound }));
    say_at_once(&mut raw, frames);
    assert_eq!(tags(&raw.end, 2), [0, 1, 2]);
    assert!(raw.end.ended.is_some());
}
