//! Pushes, each hop's lane its own.

use super::super::pair::Pair;
use super::super::*;
use super::*;
use crate::frame::FragmentOf;
use crate::message::Payload;

/// A push under way from the first of two pairs, half of it there, and on by the second: its lane, as it came.
fn half_a_push(near: &mut Pair, far: &mut Pair) -> (u32, ComingPush) {
    near.b.reads_straight(false);
    let pushing = Pushing { route: OpenRoute::Spec(&NOTE), lane: 1, block: &[], len: LEN };
    assert!(matches!(near.a.conn.push_room(&pushing), PushRoom::Large));
    near.a.conn.push_large(pushing, Payload::coming(LEN, 0));
    near.a.settle();
    send_push(&mut near.a, 0..LEN / 2);
    near.drive();
    let [(1, serial)] = near.b.pushes_begun[..] else { panic!("{:?}", near.b.pushes_begun) };
    assert!(near.b.conn.push_begun(1, serial).is_some());
    assert!(near.b.conn.take_begun_push(1, serial + 1).is_none());
    let push = near.b.conn.take_begun_push(1, serial).expect("it is under way");
    let Messages::Coming(coming) = push.messages else { panic!("{push:?}") };
    assert!(matches!(far.a.conn.push_room(&pushing), PushRoom::Large));
    far.a.conn.push_large(pushing, Payload::coming(LEN, 0));
    far.a.settle();
    pass_push(near, far, coming);
    far.drive();
    (push.lane, coming)
}

/// This part of a push leaves.
fn send_push(end: &mut End, part: std::ops::Range<usize>) {
    let place = end.conn.push_on_its_way(1).expect("it is on its way");
    assert!(end.conn.push_came(1, place, body(4, LEN).slice(part)));
}

/// What has come of the push goes on. True: that was the last of it.
fn pass_push(near: &mut Pair, far: &mut Pair, coming: ComingPush) -> bool {
    let place = far.a.conn.push_on_its_way(1).expect("it is on its way");
    loop {
        match near.b.conn.push_piece(1, coming.serial) {
            Came::Part(bytes) => assert!(far.a.conn.push_came(1, place, bytes)),
            Came::Last(bytes) => {
                assert!(far.a.conn.push_came(1, place, bytes));
                near.b.conn.leave_push(1, coming);
                near.b.settle();
                return true;
            }
            Came::Broken(_) => {
                far.a.conn.break_push(1, place);
                far.a.settle();
                near.b.conn.leave_push(1, coming);
                near.b.settle();
                return true;
            }
            Came::Wait => return false,
        }
    }
}

fn missing(pair: &mut Pair) -> usize {
    pair.b.conn.under_way(FragmentOf::Lane(1)).map_or(0, |assembly| assembly.missing())
}

#[test]
fn a_push_goes_on_before_it_is_whole_and_is_counted_once_at_each_hop() {
    let (mut near, mut far) = (Pair::new(&config()), Pair::new(&config()));
    let (_, coming) = half_a_push(&mut near, &mut far);
    assert_eq!(missing(&mut far), LEN / 2);
    send_push(&mut near.a, LEN / 2..LEN);
    near.drive();
    assert!(near.a.push(1, &body(5, 20)), "one behind it");
    near.drive();
    assert!(pass_push(&mut near, &mut far, coming));
    far.drive();
    assert_eq!(far.b.pushes[0].message, body(4, LEN));
    assert_eq!(near.b.pushes.len(), 1, "but that behind it, none was handed on whole");
    for pair in [&mut near, &mut far] {
        pair.a.conn.ping();
        pair.assert_idle();
        let (begun, ended, taken) = pair.a.conn.push_counts();
        assert_eq!((begun, begun), (ended, taken));
        assert_eq!(pair.b.conn.in_flight().dropped_pushes, 0);
    }
}

#[test]
fn a_push_that_breaks_off_or_that_nobody_takes_any_more_leaves_its_lane_free_and_counted() {
    // Its sender gives it up; who passes it on goes; the connection that it came by ends; that by which it goes ends.
    for what in 0..4 {
        let (mut near, mut far) = (Pair::new(&config()), Pair::new(&config()));
        let (lane, coming) = half_a_push(&mut near, &mut far);
        match what {
            0 => {
                let place = near.a.conn.push_on_its_way(lane).expect("it is on its way");
                near.a.conn.break_push(lane, place);
                near.a.settle();
                near.drive();
                assert!(pass_push(&mut near, &mut far, coming));
            }
            1 => {
                near.b.conn.leave_push(lane, coming);
                near.b.settle();
                let place = far.a.conn.push_on_its_way(lane).expect("it is on its way");
                far.a.conn.break_push(lane, place);
                far.a.settle();
                send_push(&mut near.a, LEN / 2..LEN);
            }
            2 => {
                near.cut();
                assert!(pass_push(&mut near, &mut far, coming));
            }
            _ => {
                let place = far.a.conn.push_on_its_way(lane).expect("it is on its way");
                far.cut();
                assert!(!far.a.conn.push_came(lane, place, Bytes::from_static(b"late")));
                near.b.conn.leave_push(lane, coming);
                near.b.settle();
                send_push(&mut near.a, LEN / 2..LEN);
            }
        }
        for (pair, stands) in [(&mut near, what != 2), (&mut far, what != 3)] {
            if !stands {
                continue;
            }
            pair.drive();
            assert!(pair.b.pushes.is_empty(), "{what}: half a push is none");
            assert!(pair.a.push(lane, &body(6, LEN)), "{what}: the lane is free");
            pair.a.conn.ping();
            pair.assert_idle();
            assert_eq!(pair.b.pushes.len(), 1);
            let (begun, ended, taken) = pair.a.conn.push_counts();
            assert_eq!((begun, begun), (ended, taken), "{what}");
            assert_eq!(pair.b.conn.in_flight().dropped_pushes, 1, "{what}");
        }
    }
}

#[test]
fn a_push_that_breaks_off_before_a_byte_of_it_has_left_is_begun_and_given_up() {
    let mut pair = Pair::new(&config());
    let pushing = Pushing { route: OpenRoute::Spec(&NOTE), lane: 1, block: &[], len: LEN };
    assert!(matches!(pair.a.conn.push_room(&pushing), PushRoom::Large));
    pair.a.conn.push_large(pushing, Payload::coming(LEN, 0));
    let place = pair.a.conn.push_on_its_way(1).expect("it is on its way");
    pair.a.conn.break_push(1, place);
    pair.a.conn.break_push(1, place);
    pair.a.conn.ping();
    pair.drive();
    assert!(pair.a.push(1, &body(6, LEN)));
    pair.a.conn.ping();
    pair.assert_idle();
    assert_eq!((pair.b.pushes.len(), pair.b.conn.in_flight().dropped_pushes), (1, 1));
    assert_eq!(pair.a.conn.push_counts(), (2, 2, 2));
}

#[test]
fn a_push_that_came_whole_is_not_taken_for_the_next_of_its_lane_that_is_under_way() {
    let mut pair = Pair::new(&config());
    pair.b.takes_pushes = false;
    assert!(pair.a.push(1, &body(1, LEN)));
    pair.drive();
    let [(1, first)] = pair.b.pushes_begun[..] else { panic!("{:?}", pair.b.pushes_begun) };
    let pushing = Pushing { route: OpenRoute::Spec(&NOTE), lane: 1, block: &[], len: LEN };
    assert!(matches!(pair.a.conn.push_room(&pushing), PushRoom::Large));
    pair.a.conn.push_large(pushing, Payload::coming(LEN, 0));
    send_push(&mut pair.a, 0..LEN / 2);
    pair.drive();
    assert!(pair.b.conn.push_begun(1, first).is_none() && pair.b.conn.take_begun_push(1, first).is_none());
    let (_, second) = pair.b.pushes_begun[1];
    assert!(pair.b.conn.take_begun_push(1, second).is_some());
}

#[test]
fn a_drain_is_done_when_the_last_push_on_its_way_breaks_off() {
    let mut pair = Pair::new(&config());
    let pushing = Pushing { route: OpenRoute::Spec(&NOTE), lane: 1, block: &[], len: LEN };
    assert!(matches!(pair.a.conn.push_room(&pushing), PushRoom::Large));
    pair.a.conn.push_large(pushing, Payload::coming(LEN, 0));
    send_push(&mut pair.a, 0..LEN / 2);
    pair.drive();
    let place = pair.a.conn.push_on_its_way(1).expect("it is on its way");
    let now = pair.now;
    pair.a.conn.drain(now);
    pair.a.settle();
    pair.drive();
    assert!(pair.a.ended.is_none(), "it waits for the push");
    pair.a.conn.break_push(1, place);
    pair.a.settle();
    pair.drive();
    assert!(pair.a.ended.is_some());
}
