//! Streams of both ends at once, of every shape, with everything that their holders, their callees and the network can do: held
//! against the [`model`](super::model), and every frame against the wire's grammar by the [`observer`](super::observer).

use super::model::{Held, World};
use super::pair::{Dice, Pair};
use super::*;

const SHAPES: [Shape; 3] = [Shape::ServerStream, Shape::ClientStream, Shape::Bidi];
/// The largest item.
const LARGEST: usize = 60_000;

fn config(dice: &mut Dice) -> Config {
    Config {
        max_message: 65_536,
        max_metadata: 4_096,
        receive_budget: 131_072,
        max_fragment: 4_096,
        max_in_flight: 64,
        stream_credit: 16_384,
        lane_credit: 16_384,
        send_buffer: if dice.one_in(3) { 6_000 } else { 1 << 20 },
        max_timeout: dice.one_in(8).then_some(60 * MS),
        ..Config::default()
    }
}

fn item_len(dice: &mut Dice) -> usize {
    match dice.below(12) {
        0 => 0,
        1 => dice.below(16_000),
        2 => dice.below(LARGEST),
        _ => dice.below(300),
    }
}

fn open(world: &mut World, side: usize, dice: &mut Dice) {
    let len = if dice.one_in(8) { dice.below(LARGEST) } else { dice.below(100) };
    let limit = dice.one_in(6).then(|| dice.below(60) as u32 * MS);
    world.open(side, SHAPES[dice.below(3)], len, limit);
}

/// One of the halves' holders does something.
fn act(world: &mut World, side: usize, dice: &mut Dice) {
    let Some(at) = world.some(side, dice) else { return };
    match dice.below(40) {
        0..=9 => {
            world.read(side, at);
        }
        10..=13 => world.give_back(side, at),
        14..=23 => {
            let len = item_len(dice);
            world.send(side, at, len);
        }
        24 => while world.send(side, at, 2_000) {},
        25 | 26 => {
            let within = dice.one_in(2).then(|| dice.below(60) as u32 * MS);
            world.finish(side, at, within);
        }
        27 if dice.one_in(2) => world.reset(side, at),
        28 if dice.one_in(2) => world.stop_reading(side, at, dice.below(3) as u32),
        29 => world.drop_half(side, at, Half::Reader),
        30 => world.drop_half(side, at, Half::Sender),
        31 if dice.one_in(2) => {
            world.drop_half(side, at, Half::Reader);
            world.drop_half(side, at, Half::Sender);
        }
        32..=35 => world.answer(side, at, dice.below(4) > 0),
        36 => {
            let (key, caller) = (world.held[side][at].key, world.held[side][at].caller);
            let said = world.end(side).send_headers(key);
            assert!(!(said && caller));
        }
        37 => {
            let key = world.held[side][at].key;
            let _ = world.end(side).conn.awaits_headers(key);
            let _ = world.end(side).conn.take_headers(key);
        }
        _ => {
            let end = world.end(side);
            let (message, lane) = (body(1, dice.below(LARGEST)), dice.below(3) as u32);
            if end.conn.takes_calls() && !end.push(lane, &message) {
                end.conn.push_unwanted(lane);
            }
        }
    }
    world.look();
    world.forget_dropped();
}

fn happen(world: &mut World, dice: &mut Dice) {
    let side = dice.below(2);
    match dice.below(60) {
        0..=11 => open(world, side, dice),
        12..=49 => act(world, side, dice),
        50..=52 => world.pair.step(dice.below(12) as u32 * MS),
        53 => world.pair.drive(),
        54 => world.end(side).conn.rest(),
        55 => (if side == 0 { &mut world.pair.to_a } else { &mut world.pair.to_b }).stalled ^= true,
        56 => world.end(side).handler = [Handler::Wait, Handler::Wait, Handler::Stubborn][dice.below(3)],
        _ => {
            world.pair.pump();
        }
    }
    world.look();
}

/// Handlers that stayed when they were told to go, go.
fn drop_stopped(end: &mut End) {
    let numbers: Vec<u32> = end.calls.iter().map(|call| call.id.number()).collect();
    for number in numbers {
        if let Some(why) = end.conn.stopped(number) {
            end.reply_status(number, &stop_status(why));
        }
    }
}

/// Everybody does what he is told to look for, until nobody is told any more.
fn go_on_as_told(world: &mut World) {
    for round in 0..10_000 {
        world.pair.drive();
        (0..2).for_each(|side| drop_stopped(world.end(side)));
        world.look();
        let mut quiet = true;
        for side in 0..2 {
            for at in 0..world.held[side].len() {
                let (reads, sends) = world.held[side][at].wakes;
                quiet &= !reads && !sends;
                if reads {
                    world.give_back(side, at);
                    while world.read(side, at) {
                        world.give_back(side, at);
                    }
                }
                if sends && world.settle_offer(side, at) {
                    world.send(side, at, round % 9_000);
                    world.finish(side, at, None);
                }
                let held = &world.held[side][at];
                let unread = held.reader && !held.ended && !held.shape.has_request();
                let unsent = held.sender && !held.closed;
                if !held.caller && !unread && !unsent {
                    world.answer(side, at, true);
                }
            }
        }
        if quiet {
            return;
        }
    }
    panic!("they do not come to an end");
}

fn begin(seed: u64, dice: &mut Dice) -> World {
    let mut pair = Pair::strangers(&config(dice), &config(dice));
    pair.seed(seed);
    pair.pieces = [0, 900, 5_000][dice.below(3)];
    (pair.to_a.latency, pair.to_b.latency) = (dice.below(9) as u32 * MS, dice.below(9) as u32 * MS);
    (pair.a.handler, pair.b.handler) = (Handler::Wait, Handler::Wait);
    World::new(pair)
}

/// No handler and no half is held any more.
fn drop_all(world: &mut World, dice: &mut Dice) {
    for side in 0..2 {
        while let Some(at) = world.some(side, dice) {
            let halves =
                if dice.one_in(2) { [Half::Reader, Half::Sender] } else { [Half::Sender, Half::Reader] };
            halves.into_iter().for_each(|half| world.drop_half(side, at, half));
            world.answer(side, at, false);
            world.forget_dropped();
        }
        let end = world.end(side);
        end.handler = Handler::Wait;
        let open: Vec<u32> = end.calls.iter().map(|call| call.id.number()).collect();
        open.into_iter().for_each(|number| end.reply_status(number, &Status::internal("it was dropped")));
        (0..3).for_each(|lane| end.conn.push_unwanted(lane));
    }
}

/// Nothing of any stream is left.
#[track_caller]
fn assert_nothing_left(world: &mut World) {
    for end in [&mut world.pair.a, &mut world.pair.b] {
        let conn = &mut end.conn;
        assert_eq!((conn.calling.busy(), conn.serving.busy()), (0, 0));
        assert_eq!((conn.calling.streams().count(), conn.serving.streams().count()), (0, 0));
        assert!(conn.asking.is_empty(), "{:?}", conn.asking);
        assert!(!matches!(conn.turn, Some(Asker::Stream(_))), "{:?}", conn.turn);
        assert!(conn.senders_in_line.is_empty() && conn.owed.streams.is_empty());
        assert!(conn.deadlines.is_empty());
    }
}

/// At rest the two ends agree on all credit, and each holds what its readers have not given back.
fn check_credit(world: &mut World) {
    for side in 0..2 {
        for at in 0..world.held[side].len() {
            let held = &world.held[side][at];
            let (key, owes, caller) = (held.key, held.owes, held.caller);
            let (mine, other) = match side {
                0 => (&mut world.pair.a.conn, &mut world.pair.b.conn),
                _ => (&mut world.pair.b.conn, &mut world.pair.a.conn),
            };
            let number = key.id.number();
            let open = match caller {
                true => mine.calling.open(number).is_some_and(|slot| !slot.side_ended),
                false => mine.serving.running(number).is_some_and(|served| !served.caller_ended),
            };
            let Some(inn) = mine.stream(key).filter(|_| open).and_then(|stream| stream.inn.as_ref()) else {
                continue;
            };
            let Some(out) = other.stream_of(key.id).and_then(|stream| stream.out.as_ref()) else { continue };
            if inn.is_under_way() || out.busy || out.closed.is_some() {
                continue;
            }
            assert_eq!(out.account.spent(), inn.grant.spent(), "{key:?}: both ends count the same");
            assert_eq!(out.account.available(), inn.grant.unspent(), "{key:?}: no credit is astray");
            if !inn.has_items() {
                assert_eq!(inn.grant.held(), owes, "{key:?}");
            }
        }
    }
}

#[track_caller]
fn assert_all_ended(world: &World) {
    let waits = |held: &&Held| held.reader && !held.ended;
    let Some(held) = world.held.iter().flatten().find(waits) else { return };
    let both: Vec<_> = world.held.iter().flatten().filter(|other| other.tag == held.tag).collect();
    let [a, b] = [&world.pair.a.conn, &world.pair.b.conn].map(|conn| (&conn.turn, &conn.asking));
    panic!("never told of the end: {both:?} {:?}, turns {a:?} {b:?}", world.facts[&held.tag]);
}

/// How a case ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Finish {
    /// All go on to their ends.
    Well,
    Dropped,
    Drained,
    Cut,
}

fn run(seed: u64) -> (u64, u64, u64, u64) {
    let mut dice = Dice::new(seed);
    let mut world = begin(seed, &mut dice);
    let finish =
        [Finish::Well, Finish::Dropped, Finish::Dropped, Finish::Drained, Finish::Cut][dice.below(5)];
    for _ in 0..100 + dice.below(400) {
        happen(&mut world, &mut dice);
    }
    if finish != Finish::Cut {
        (world.pair.to_a.stalled, world.pair.to_b.stalled) = (false, false);
    }
    match finish {
        Finish::Well | Finish::Drained => {
            world.pair.drive();
            world.look();
            check_credit(&mut world);
            if finish == Finish::Drained {
                let now = world.pair.now;
                world.end(dice.below(2)).conn.drain(now);
                world.pair.step(50 * MS);
            }
            for held in world.held.iter_mut().flatten() {
                held.wakes = (true, true);
            }
            go_on_as_told(&mut world);
            assert_all_ended(&world);
        }
        Finish::Dropped => {}
        Finish::Cut => {
            world.pair.cut();
            world.look();
            for side in 0..2 {
                for at in 0..world.held[side].len() {
                    while world.read(side, at) {}
                    let held = &world.held[side][at];
                    assert!(!held.reader || held.ended, "9.6: {held:?}");
                }
            }
        }
    }
    drop_all(&mut world, &mut dice);
    world.pair.step(SECOND);
    drop_all(&mut world, &mut dice);
    world.pair.step(SECOND);
    if world.pair.a.ended.is_none() && world.pair.b.ended.is_none() {
        world.pair.assert_idle();
    } else {
        assert!(matches!(finish, Finish::Cut | Finish::Drained), "{:?}", world.pair.a.ended);
    }
    assert_nothing_left(&mut world);
    (world.opened, world.items, world.whole, world.broken)
}

fn run_many(seeds: std::ops::Range<u64>, least: u64) {
    let mut all = [0; 4];
    for seed in seeds {
        let Ok((opened, items, whole, broken)) = std::panic::catch_unwind(|| run(seed)) else {
            panic!("seed {seed}");
        };
        for (sum, more) in all.iter_mut().zip([opened, items, whole, broken]) {
            *sum += more;
        }
    }
    let [opened, items, whole, broken] = all;
    println!("{opened} streams, {items} items, {whole} whole ends, {broken} broken ones");
    assert!(opened >= least, "{opened} streams");
    assert!(items > least / 3 && whole > least / 20 && broken > least / 20, "{all:?}");
}

#[test]
fn streams_opened_and_dropped_at_random_leave_no_byte_no_credit_and_no_entry_astray() {
    run_many(0..2_000, 100_000);
}

#[test]
#[ignore = "a million takes minutes: `cargo test --release -p protocall --lib -- --ignored a_million`"]
fn a_million_streams_opened_and_dropped_at_random_leave_nothing_astray() {
    run_many(10_000..40_000, 1_000_000);
}
