//! Calls, pushes and replies that nobody takes: what is on the wire stops at the credit, and who holds them holds no more than
//! docs/architecture.md prints.

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use protocall::{Caller, Channel, Context, Raw as Payload, RawCall, Router, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::current;
use super::raw::{CONNECTION, NO_PINGS, Raw, Taken, frame, hello, hello_to, live, settle};

const ROUTE: &[u8] = b"some.Where/Else";
/// `send_buffer`, `receive_budget` and `lane_credit`, as they are by default; `max_message` too.
const SEND_BUFFER: usize = 1 << 20;
const RECEIVE_BUDGET: usize = 16 << 20;
const LANE_CREDIT: usize = 1 << 20;
const MAX_MESSAGE: usize = 4 << 20;
/// What a call takes beside its bytes: its entries, its handler and the task of that.
const CALL: usize = 2 << 10;

fn named(kind: u8, flags: u8, id: u32, rest: &[u8]) -> Vec<u8> {
    frame(kind, 0x20 | flags, id, &[&(ROUTE.len() as u16).to_be_bytes()[..], ROUTE, rest].concat())
}

/// CALL of a request of so many bytes.
fn call(id: u32, len: usize) -> Vec<u8> {
    named(0x10, 0x08, id, &vec![7; len])
}

/// PUSH of so many bytes, in as many frames as it takes.
fn push(len: usize) -> Vec<u8> {
    let first = named(0x20, 0x01, 0, &(len as u32).to_be_bytes());
    let pieces = vec![7; len];
    first.into_iter().chain(pieces.chunks(60_000).flat_map(|piece| frame(0x13, 0x10, 0, piece))).collect()
}

/// What a message costs its account, of which this much is body behind the route.
fn cost(body: usize) -> usize {
    64 + ROUTE.len() + body
}

/// Answers each call with so many bytes.
fn answers(len: usize) -> Router {
    let reply = Bytes::from(vec![7; len]);
    Router::new().fallback(move |_: Context, _: RawCall| {
        let reply = reply.clone();
        async move { Ok::<_, Status>(Payload(reply)) }
    })
}

/// Its handlers of pushes never end.
fn sits_on_pushes() -> Router {
    Router::new().fallback_push(|_: Context, _: RawCall| pending::<Result<(), Status>>())
}

/// So many calls, or pushes, of ours at once, to who grants nothing: what of them is on the wire.
async fn the_wire_stops_at_the_credit(kind: u8, number: usize, credit: usize) {
    const LEN: usize = 1_000;
    let (mut peer, ours) = tokio::io::duplex(64 << 10);
    peer.write_all(&hello(&[(3, &8_192_u32.to_be_bytes())])).await.unwrap();
    let (never, pong) = NO_PINGS;
    let builder = Channel::builder("tcp://memory:1").keepalive(never, pong);
    let caller = Caller::from(builder.connect_over(ours).await.unwrap());
    let before = live();
    let mut sends = JoinSet::new();
    for _ in 0..number {
        let caller = caller.clone();
        sends.spawn(async move {
            match kind {
                0x10 => caller.call_raw("some.Where/Else", vec![7; LEN]).await.map(drop),
                _ => caller.push_raw("some.Where/Else", vec![7; LEN]).await,
            }
        });
    }
    let reads = tokio::spawn(async move {
        let (mut taken, mut spent, mut messages, mut blocked) = (Taken::default(), 0, 0, false);
        loop {
            // BLOCKED may come before what was granted: then all that still comes is taken.
            let limit = match blocked || messages == number {
                true => Duration::ZERO,
                false => Duration::from_secs(60),
            };
            if limit.is_zero() {
                settle().await;
            }
            let Ok(frames) = tokio::time::timeout(limit, taken.more(&mut peer)).await else { break };
            for (of, flags, _, body) in frames {
                blocked |= of == 0x09;
                if of == kind {
                    messages += 1;
                    // Beside the message and a route's name: the length of that or its number, and a deadline.
                    let free = if flags & 0x10 == 0 { 2 } else { 6 };
                    spent += 64 + body.len() - free;
                    assert_eq!(flags & 0x05, 0, "neither in fragments nor with a block");
                }
            }
        }
        assert!(blocked || messages == number, "nothing more comes, and it does not say why");
        (spent, messages)
    });
    let (spent, messages) = reads.await.unwrap();
    let held = live().saturating_sub(before);
    println!("{number} of kind {kind:#x}: {messages} and {spent} bytes on the wire, {} KiB held", held >> 10);
    // All of them, or as many as the credit is for.
    let least = (number * cost(LEN)).min(credit - cost(LEN));
    assert!((least..=credit).contains(&spent), "{spent} of {credit}");
    // Each holds its own message, and nothing is held twice.
    assert!(held <= number * (LEN + 2 * CALL) + 2 * CONNECTION, "{held} bytes");
    while let Some(done) = sends.join_next().await {
        // The raw peer is gone: who was answered by that is told, pushes that had left are none of those.
        assert!(kind == 0x20 || done.unwrap().is_err());
    }
}

/// A raw caller that reads nothing, and one that reads and grants nothing: what we hold of our answers.
async fn replies_that_nobody_takes_are_bounded(number: u32, grants: bool) {
    // It fits into a frame of the initial limit.
    const LEN: usize = 12 << 10;
    let mut raw = Raw::new(answers(LEN), |s| s.max_in_flight(8_192)).await;
    let credit: &[(u16, &[u8])] = if grants { &[(5, &[0xff; 8])] } else { &[] };
    raw.say(&hello(credit)).await;
    let mut taken = Taken::default();
    for id in 1..=number {
        raw.say(&call(id, 10)).await;
    }
    let mut spent = 0;
    let will_come = (number as usize).min(131_072 / (64 + LEN)) * (64 + LEN);
    while !grants && spent < will_come {
        for (kind, _, _, body) in taken.more(&mut raw.peer).await {
            spent += if kind == 0x11 { 64 + body.len() } else { 0 };
        }
    }
    settle().await;
    assert!(grants || spent == will_come, "{spent}");
    let most = 16 * SEND_BUFFER + RECEIVE_BUDGET + CONNECTION + number as usize * CALL;
    println!("{number} replies, granted {grants}: {} KiB held (bar {})", raw.held() >> 10, most >> 10);
    assert!(raw.held() <= most, "{} bytes", raw.held());
    assert!(!raw.session.is_closed());
    raw.end().await;
}

/// A raw pusher that sends all it may to handlers that never end, then one more.
async fn pushes_that_nobody_takes_are_bounded(number: usize) {
    let mut raw = Raw::new(sits_on_pushes(), |s| s).await;
    raw.say(&hello_to(64)).await;
    let len = LANE_CREDIT / number - cost(0);
    for _ in 0..number {
        raw.say(&push(len)).await;
    }
    settle().await;
    let most = LANE_CREDIT + MAX_MESSAGE + CONNECTION + number * 256;
    println!("{number} pushes: {} KiB held (bar {})", raw.held() >> 10, most >> 10);
    assert!(raw.held() <= most, "{} bytes", raw.held());
    assert!(!raw.session.is_closed());
    // One has its handler, so its cost was given back; as much again is the whole credit.
    raw.say(&push(len)).await;
    settle().await;
    assert!(!raw.session.is_closed());
    raw.say(&push(len + LANE_CREDIT % number)).await;
    is_cut_off(raw).await;
}

/// Four calls of the largest message fit but for what each costs beside it.
async fn calls_that_overdraw_are_cut_off() {
    let mut raw = Raw::new(answers(0), |s| s).await;
    raw.say(&hello_to(64)).await;
    for id in 1..=4 {
        raw.say(&named(0x10, 0x09, id, &[&(MAX_MESSAGE as u32).to_be_bytes()[..], &[7; 100]].concat())).await;
    }
    is_cut_off(raw).await;
}

async fn is_cut_off(mut raw: Raw) {
    assert_eq!(raw.session.closed().await.name(), "CREDIT_OVERDRAWN");
    let mut said = Vec::new();
    raw.peer.read_to_end(&mut said).await.unwrap();
    assert!(said.windows(2).any(|pair| pair == [0x07, 0x01]), "GOAWAY FINAL is its last word");
    settle().await;
    let stats = raw.session.stats();
    assert_eq!((stats.calls_in, stats.held_bytes), (0, 0), "{stats:?}");
    raw.end().await;
}

pub(crate) fn what_nobody_takes_is_bounded() {
    for number in [1, 1_000, 4_096] {
        current(the_wire_stops_at_the_credit(0x10, number, 131_072));
        current(the_wire_stops_at_the_credit(0x20, number, 16_384));
        for grants in [true, false] {
            current(replies_that_nobody_takes_are_bounded(number as u32, grants));
        }
        current(pushes_that_nobody_takes_are_bounded(number));
    }
    current(calls_that_overdraw_are_cut_off());
}
