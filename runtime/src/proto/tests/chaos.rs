//! Whatever bytes come, the machine does not panic, holds what it granted and no more, and goes on or ends by a
//! rule: two ends at once with everything they can do, and their bytes flipped, cut out, doubled and invented.

use super::meddle::{held_by_streams, let_go_of_all, meddle};
use super::pair::{Dice, Pair};
use super::raw::*;
use super::*;
use crate::frame::{FragmentOf, Scope};

/// What an end may hold at most for its peer with [`config`], and what it may owe: credit, and frames of calls.
const BOUND: u64 = 2 * 131_072 + 4 * (64 + 1_024 + 4_096 + 65_536);

fn config() -> Config {
    Config {
        max_message: 65_536,
        max_metadata: 4_096,
        receive_budget: 131_072,
        max_fragment: 16_384,
        lane_credit: 16_384,
        stream_credit: 16_384,
        max_lanes: 4,
        max_in_flight: 64,
        ..Config::default()
    }
}

fn do_something(end: &mut End, tag: u64, dice: &mut Dice) {
    match dice.below(16) {
        10..=15 => meddle(end, tag, dice),
        0..=3 => {
            let len = if dice.one_in(3) { dice.below(60_000) } else { dice.below(300) };
            let limit = dice.one_in(3).then(|| dice.below(40) as u32 * MS);
            let name = dice.one_in(2).then_some("test.Other/Route");
            let _ = end.open(Ask { limit, name, ..Ask::of(len).tag(tag) });
        }
        4 | 5 => {
            let message = body(tag, dice.below(if tag % 5 == 0 { 60_000 } else { 500 }));
            let lane = dice.below(4) as u32;
            if end.conn.takes_calls() && !end.push(lane, &message) && dice.one_in(2) {
                end.conn.push_unwanted(lane);
            }
        }
        6 if !end.calls.is_empty() => {
            let at = dice.below(end.calls.len());
            let number = end.calls[at].id.number();
            if dice.one_in(2) {
                end.reply(number, body(tag, dice.below(50_000)));
            } else {
                end.reply_status(number, &Status::aborted("no"));
            }
        }
        7 => {
            end.conn.ping();
        }
        // Whatever is going on, it changes nothing that can be seen.
        8 => end.conn.shrink(),
        9 => end.conn.rest(),
        _ => end.handler = [Handler::Echo, Handler::Wait][dice.below(2)],
    }
}

fn mangle(bytes: &mut Vec<u8>, dice: &mut Dice) {
    if bytes.is_empty() {
        return;
    }
    let at = dice.below(bytes.len());
    match dice.below(5) {
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(at..(at + dice.below(20)).min(bytes.len()))),
        3 => bytes.insert(at, dice.next() as u8),
        _ => {
            let copy = bytes[at..(at + dice.below(40)).min(bytes.len())].to_vec();
            bytes.splice(at..at, copy);
        }
    }
}

#[track_caller]
fn check_bound(end: &mut End, seed: u64) {
    let flight = end.conn.in_flight();
    let lanes: u64 = end.conn.lanes.inn.iter().map(|inn| inn.grant.held()).sum();
    let kept: usize = end.conn.replies_waiting.len() + end.conn.held.len();
    assert!(flight.held + lanes <= BOUND, "seed {seed}: {flight:?}");
    assert!(flight.serving <= 64 && kept <= 128, "seed {seed}");
    assert!(end.conn.events.is_empty());
    held_by_streams(end, 64 + 65_536);
    let asks = end.conn.asking.len() + end.conn.owed.streams.len() + end.conn.senders_in_line.len();
    assert!(asks <= 4 + 3 * 128, "seed {seed}: {asks} entries of streams");
}

#[test]
fn two_ends_that_do_everything_at_once_come_to_rest() {
    for seed in 0..1_500 {
        let mut dice = Dice::new(seed);
        let mut pair = Pair::strangers(&config(), &config());
        pair.seed(seed);
        pair.pieces = [0, 1_000, 9_000][dice.below(3)];
        (pair.to_a.latency, pair.to_b.latency) = (dice.below(9) as u32 * MS, dice.below(9) as u32 * MS);
        for tag in 0..dice.below(60) as u64 {
            let end = if dice.one_in(2) { &mut pair.a } else { &mut pair.b };
            do_something(end, tag, &mut dice);
            match dice.below(3) {
                0 => pair.step(dice.below(9) as u32 * MS),
                _ => drop(pair.pump()),
            }
            check_bound(&mut pair.a, seed);
            check_bound(&mut pair.b, seed);
        }
        for end in [&mut pair.a, &mut pair.b] {
            end.handler = Handler::Echo;
            let_go_of_all(end);
            let open: Vec<u32> = end.calls.iter().map(|call| call.id.number()).collect();
            open.into_iter().for_each(|number| end.reply(number, Bytes::new()));
            (0..4).for_each(|lane| end.conn.push_unwanted(lane));
        }
        pair.step(SECOND);
        [&mut pair.a, &mut pair.b].into_iter().for_each(let_go_of_all);
        pair.step(SECOND);
        assert!(
            pair.a.ended.is_none() && pair.b.ended.is_none(),
            "seed {seed}: {:?} {:?}",
            pair.a.ended,
            pair.b.ended
        );
        pair.a.answers.clear();
        pair.b.answers.clear();
        pair.assert_idle();
    }
}

#[test]
fn mangled_bytes_end_by_a_rule_or_go_on() {
    let mut ended = 0;
    for seed in 0..4_000 {
        let mut dice = Dice::new(seed);
        let (mut a, mut b) = (
            End::new(Role::Dialler, &config(), test_clock()),
            End::new(Role::Acceptor, &config(), test_clock()),
        );
        for tag in 0..20 {
            do_something(if dice.one_in(2) { &mut a } else { &mut b }, tag, &mut dice);
            let mut bytes = a.write(20_000);
            if dice.one_in(6) {
                mangle(&mut bytes, &mut dice);
            }
            b.feed(&bytes);
            let bytes = b.write(usize::MAX);
            if a.ended.is_none() {
                a.feed(&bytes);
            }
            check_bound(&mut b, seed);
        }
        if let Some(reason) = &b.ended {
            ended += 1;
            let by_rule = reason.by() != crate::EndedBy::Us || reason.text().contains("(wire ");
            assert!(by_rule, "seed {seed}: {reason}");
        }
        b.cut();
        let_go_of_all(&mut b);
        assert_eq!((b.conn.in_flight().calling, b.conn.in_flight().serving), (0, 0));
    }
    assert!(ended > 1_000, "{ended} of 4,000");
}

fn some_frame(dice: &mut Dice) -> Frame {
    let n = 1 + dice.below(5) as u32;
    let id = if dice.one_in(2) { theirs(n) } else { ours(n) };
    let lane = dice.below(5) as u32;
    let of = if dice.one_in(3) { FragmentOf::Lane(lane) } else { FragmentOf::Call(id) };
    let scope = [Scope::Calls, Scope::Replies, Scope::Lane(lane), Scope::Stream(id)][dice.below(4)];
    let total = [dice.next(), u64::from(dice.next() as u16), 1 << 18][dice.below(3)];
    let len = dice.below(300);
    let piece = if dice.one_in(3) { first(len, (len + dice.below(70_000)) as u32) } else { whole(len) };
    match dice.below(56) {
        0..=3 => call(n, piece),
        4 | 5 => reply(id, piece),
        6 => failed(id, 1 + n),
        7 => item(id, piece),
        8 => last_item(id, piece),
        9 => fragment(id, 1 + len * dice.below(200)),
        10 => lane_fragment(lane, 1 + len * 40),
        11 => headers(id),
        12 => reset(of),
        13 => cancel(theirs(n)),
        14 | 15 => push(lane % 4, piece),
        16 => stream_call(n),
        43 => Frame::Call(crate::frame::Call { stream: dice.one_in(2), ..call_with(n, None) }),
        44 => Frame::Call(crate::frame::Call { stream: true, ..call_with(n, Some(piece)) }),
        45 => Frame::End(theirs(n)),
        46 | 47 => stop(id),
        48 => item(id, whole(len * 100)),
        // Most do no harm by themselves.
        17..=22 if lane < 4 => credit(scope, total),
        23..=30 if lane < 4 => blocked(scope, total),
        31..=36 => push(lane % 4, whole(len)),
        37..=42 => cancel(theirs(n)),
        _ => ping(dice.next() >> 40),
    }
}

#[test]
fn a_peer_that_keeps_no_rule_costs_no_more_than_was_granted() {
    let mut survived = 0;
    for seed in 0..20_000 {
        let mut dice = Dice::new(seed);
        let mut raw = Raw::new(&config());
        raw.end.handler = [Handler::Wait, Handler::Echo, Handler::Stubborn, Handler::Busy][dice.below(4)];
        for tag in 0..30 {
            if dice.one_in(3) {
                meddle(&mut raw.end, tag, &mut dice);
            }
            if dice.one_in(5) {
                let _ = raw.end.open(Ask::of(dice.below(30_000)).tag(tag).within(dice.below(20) as u32 * MS));
            }
            match dice.below(10) {
                0 => drop(raw.heard()),
                1 => raw.step(dice.below(9) as u32 * MS),
                2 if !raw.end.calls.is_empty() => {
                    let number = raw.end.calls[0].id.number();
                    raw.end.reply(number, body(tag, dice.below(40_000)));
                }
                3 => raw.end.conn.rest(),
                _ => raw.say(some_frame(&mut dice)),
            }
            check_bound(&mut raw.end, seed);
            if raw.end.ended.is_some() {
                break;
            }
            survived += 1;
        }
        // What it says is always well formed, whatever it heard.
        raw.heard();
        raw.end.cut();
        let_go_of_all(&mut raw.end);
        let flight = raw.end.conn.in_flight();
        assert_eq!((flight.calling, flight.serving), (0, 0), "seed {seed}");
    }
    assert!(survived > 60_000, "{survived}");
}
