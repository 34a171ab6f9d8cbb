//! The cases: what each one measures, as the job that the processes get.

use bench_job::{Job, Kind, Place, Runtime};

#[derive(Clone)]
pub struct Case {
    pub name: String,
    pub about: String,
    /// A part of `--quick`.
    pub quick: bool,
    /// One run says it all: it does not measure time.
    pub once: bool,
    pub job: Job,
}

/// Pinned to one core each, one worker.
fn calls(in_flight: usize) -> Job {
    Job { in_flight, ..Job::default() }
}

fn on(runtime: Runtime, job: Job) -> Job {
    Job { server: Place { runtime, ..job.server }, client: Place { runtime, ..job.client }, ..job }
}

/// Nothing pinned; so many workers in the server and in the client.
pub fn workers(server: usize, client: usize, job: Job) -> Job {
    let place = |workers| Place { workers, ..Place::default() };
    Job { server: place(server), client: place(client), ..job }
}

pub fn case(name: impl Into<String>, about: &str, job: Job) -> Case {
    Case { name: name.into(), about: about.to_owned(), quick: false, once: false, job }
}

fn quick(name: &str, about: &str, job: Job) -> Case {
    Case { quick: true, ..case(name, about, job) }
}

pub fn all() -> Vec<Case> {
    [calls_and_pushes(), streams()].concat()
}

fn streams() -> Vec<Case> {
    let stream = |kind| move |size| Job { kind, size, ..Job::default() };
    let [down, up, both] = [Kind::StreamDown, Kind::StreamUp, Kind::StreamBoth].map(stream);
    vec![
        quick("stream-down", "110 B, one stream from the server, one await an item; items/s", down(110)),
        case("stream-down-4k", "4 KiB, one stream from the server, one await an item; items/s", down(4_096)),
        quick("stream-up", "110 B, one stream to the server, one await an item; items/s", up(110)),
        case("stream-up-4k", "4 KiB, one stream to the server, one await an item; items/s", up(4_096)),
        quick(
            "stream-both",
            "110 B, one stream there and back, each item echoed; items/s that came back",
            both(110),
        ),
        case(
            "stream-both-4k",
            "4 KiB, one stream there and back, each item echoed; items/s that came back",
            both(4_096),
        ),
    ]
}

fn calls_and_pushes() -> Vec<Case> {
    let kind = |kind| Job { kind, ..Job::default() };
    let current = |in_flight| on(Runtime::CurrentThread, calls(in_flight));
    let no_lifo = |in_flight| on(Runtime::NoLifo, calls(in_flight));
    let large = Job { size: 1 << 20, in_flight: 16, ..Job::default() };
    let mixed = Job { burn_us: 5_000, ..kind(Kind::Mixed) };
    let work = Job { burn_us: 50, ..kind(Kind::Work) };
    vec![
        quick("c1", "110 B, 1 in flight", calls(1)),
        quick("c64", "110 B, 64 in flight", calls(64)),
        quick("c1024", "110 B, 1,024 in flight", calls(1_024)),
        quick("c64-current", "110 B, 64 in flight, current-thread runtimes", current(64)),
        quick("c1024-current", "110 B, 1,024 in flight, current-thread runtimes", current(1_024)),
        case("c64-nolifo", "110 B, 64 in flight, tokio's LIFO slot off", no_lifo(64)),
        case("c1024-nolifo", "110 B, 1,024 in flight, tokio's LIFO slot off", no_lifo(1_024)),
        quick("workers2", "110 B, 64 in flight, 2 workers each, not pinned", workers(2, 2, calls(64))),
        quick("4k", "4 KiB, 64 in flight", Job { size: 4_096, ..calls(64) }),
        quick("1m", "1 MiB, 16 in flight", large),
        quick("push", "one-way, 110 B, one await a message; messages/s", kind(Kind::Push)),
        case("conns16", "110 B, 16 connections with 64 in flight each", Job { connections: 16, ..calls(64) }),
        case(
            "bidi",
            "110 B, 64 in flight from each end of one connection; calls/s of both",
            kind(Kind::Bidi),
        ),
        case(
            "full",
            "110 B, 64 in flight, with metadata, a time limit a call, a handler that awaits",
            kind(Kind::Full),
        ),
        case(
            "mixed",
            "open loop at a tenth of capacity, server with 2 workers; 1 % of calls burn 5 ms of CPU, latency is the others'",
            workers(2, 1, mixed),
        ),
        case(
            "work50",
            "64 in flight on one connection, handlers burn 50 µs of CPU, server with 2 workers",
            workers(2, 1, work),
        ),
        Case {
            once: true,
            ..quick(
                "idle",
                "memory of 1,000 idle connections",
                Job { connections: 1_000, ..kind(Kind::Idle) },
            )
        },
    ]
}

/// A shorter window says nothing about such a case: in half a second of its open loop the 99.9th percentile is the second slowest call.
pub fn shortest_ms(kind: Kind) -> u64 {
    if kind == Kind::Mixed { 3_000 } else { 0 }
}

/// How long a run takes, in seconds, more or less.
pub fn seconds(job: &Job) -> f64 {
    let (warmup, window) = (job.warmup_ms as f64 / 1e3, job.window_ms as f64 / 1e3);
    let work = match job.kind {
        Kind::Mixed => 1.5 * warmup + 2.0 * window,
        Kind::Idle => 2.0 * window + 1.5,
        Kind::Resting => 2.0 * window + 4.0,
        _ => warmup + window,
    };
    work + 0.1
}
