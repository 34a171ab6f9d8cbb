//! What a peer's process is told to do and what it tells, both as one line of JSON. `protocall-bench` and `bench-harness` share
//! it. A peer knows no case by name: all that makes a case is in its [`Job`].

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// One run. Every field has a default, so a run by hand names only what differs from `c64`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Job {
    pub addr: SocketAddr,
    pub kind: Kind,
    /// What else goes on over the first connection meanwhile.
    pub beside: Option<Beside>,
    pub server: Place,
    pub client: Place,
    /// The whole encoded message, in bytes, or about that.
    pub size: usize,
    pub connections: usize,
    /// Calls in flight on each connection.
    pub in_flight: usize,
    /// Routes that the calls use in turn, of [`Kind::Routes`].
    pub routes: usize,
    pub warmup_ms: u64,
    pub window_ms: u64,
    /// CPU that a handler burns: [`Kind::Work`] in each call, [`Kind::Mixed`] in one of a hundred.
    pub burn_us: u32,
    /// The server's process, whose CPU and memory the client reads; 0: its own, for runs by hand.
    pub server_pid: u32,
}

/// Another load, or a burden, on the same connection.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Beside {
    pub kind: Kind,
    pub in_flight: usize,
    pub size: usize,
}

/// Where a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Place {
    pub runtime: Runtime,
    /// Threads of the runtime, if it is one that has several.
    pub workers: usize,
    /// The core it is pinned to.
    pub cpu: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    #[default]
    MultiThread,
    /// tokio's multi-thread runtime with its LIFO slot off.
    NoLifo,
    CurrentThread,
}

/// What the client does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Closed loop of calls.
    #[default]
    Echo,
    /// The same with metadata, a time limit a call, and a handler that awaits.
    Full,
    /// The same with a handler that burns CPU.
    Work,
    /// Open loop; now and then a handler burns CPU.
    Mixed,
    /// One-way messages, one after the other.
    Push,
    /// One stream from the server, as long as it lasts.
    StreamDown,
    /// One stream to the server.
    StreamUp,
    /// Closed loop of calls whose messages are large, with a short answer.
    Put,
    /// Closed loop of short calls whose answers are large.
    Get,
    /// Streams from the server that nobody reads, as long as the run takes; only beside something else.
    Unread,
    /// Closed loop of items over one stream there and back.
    RoundTrips,
    /// Open streams, [`in_flight`](Job::in_flight) of them, on which nothing comes any more.
    Resting,
    /// One stream each way in one call, the server giving back each message as it comes.
    StreamBoth,
    /// Closed loops from both ends of the connection.
    Bidi,
    /// Connections that do nothing.
    Idle,
    /// Closed loop of calls, the next of each loop over the next of many routes.
    Routes,
}

/// What a peer's binary says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct About {
    pub can: Vec<Kind>,
    pub current_thread_only: bool,
}

/// What one run measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sample {
    pub calls: u64,
    pub seconds: f64,
    pub latency: Latency,
    /// The latency without the calls that burn CPU, of [`Kind::Mixed`].
    pub calm: Option<Latency>,
    pub client: Usage,
    pub server: Usage,
    /// The most memory that the server had.
    pub server_rss_kib: u64,
    /// What was answered of the load beside it.
    pub beside: u64,
    /// What each idle connection cost the server and the client, of [`Kind::Idle`]; each stream, of [`Kind::Resting`].
    pub kib_per_connection: Option<[f64; 2]>,
    /// TCP segments that left, from either end (and from anything else in the same network namespace).
    pub segments: u64,
    /// CPU that neither process used: how much the machine did beside.
    pub others_cpu_s: f64,
    /// How far apart the two cores were, in nanoseconds, just before: by who has the run done.
    pub apart_ns: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    pub p50_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub max_us: f64,
}

/// What a process used in the window.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    pub cpu_s: f64,
    /// Context switches: waits, and losses of the core.
    pub switches: u64,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 4_500)),
            kind: Kind::Echo,
            beside: None,
            server: Place { cpu: Some(0), ..Place::default() },
            client: Place { cpu: Some(1), ..Place::default() },
            size: 110,
            connections: 1,
            in_flight: 64,
            routes: 1,
            warmup_ms: 700,
            window_ms: 3_000,
            burn_us: 0,
            server_pid: 0,
        }
    }
}

impl Default for Place {
    fn default() -> Self {
        Self { runtime: Runtime::MultiThread, workers: 1, cpu: None }
    }
}
