//! A client's run: connections, the load of the kind that is asked for, and what both processes used meanwhile.

use std::process;
use std::thread;
use std::time::{Duration, Instant};

use bench_job::{Job, Kind, Latency, Sample, Usage};
use hdrhistogram::Histogram;
use tokio::time::sleep;

use crate::usage::{machine_cpu_s, memory_kib, segments, usage};
use crate::{Error, Peer, Result, closed, flow, idle, open};

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn measure<P: Peer>(mut job: Job) -> Result<Sample> {
    if job.server_pid == 0 {
        job.server_pid = process::id();
    }
    let mut sample = match job.kind {
        Kind::Echo | Kind::Full | Kind::Work | Kind::Bidi | Kind::Routes => closed::run::<P>(&job).await?,
        Kind::Put | Kind::Get | Kind::RoundTrips => closed::run::<P>(&job).await?,
        Kind::Mixed => open::run::<P>(&job).await?,
        Kind::Push | Kind::StreamDown | Kind::StreamUp | Kind::StreamBoth => flow::run::<P>(&job).await?,
        Kind::Idle => idle::run::<P>(&job).await?,
        Kind::Resting => idle::streams::<P>(&job).await?,
        Kind::Unread => return Err("streams that nobody reads are nothing by themselves".into()),
    };
    sample.server_rss_kib = memory_kib(job.server_pid, "VmHWM");
    Ok(sample)
}

/// One connection; waits for the server to listen.
pub(crate) async fn connect<P: Peer>(job: &Job) -> Result<P::Client> {
    let start = Instant::now();
    loop {
        match P::connect(job).await {
            Ok(client) => return Ok(client),
            Err(error) if start.elapsed() > PATIENCE => return Err(error),
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// When calls count.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) begin: Instant,
    pub(crate) end: Instant,
}

impl Window {
    pub(crate) fn from_now(warmup_ms: u64, window_ms: u64) -> Self {
        let begin = Instant::now() + Duration::from_millis(warmup_ms);
        Self { begin, end: begin + Duration::from_millis(window_ms) }
    }

    /// A thread of its own that looks at both processes when the window opens and when it closes, however busy the runtime.
    pub(crate) fn watch(self, server_pid: u32) -> thread::JoinHandle<Used> {
        thread::spawn(move || {
            thread::sleep(self.begin.saturating_duration_since(Instant::now()));
            let before = Used::so_far(server_pid);
            thread::sleep(self.end.saturating_duration_since(Instant::now()));
            Used::so_far(server_pid).since(before)
        })
    }
}

/// What both processes used.
#[derive(Clone, Copy)]
pub(crate) struct Used {
    client: Usage,
    server: Usage,
    segments: u64,
    machine_cpu_s: f64,
}

impl Used {
    pub(crate) fn so_far(server_pid: u32) -> Self {
        let (client, server) = (usage(process::id()), usage(server_pid));
        Self { client, server, segments: segments(), machine_cpu_s: machine_cpu_s() }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        let minus = |now: Usage, then: Usage| Usage {
            cpu_s: now.cpu_s - then.cpu_s,
            switches: now.switches.saturating_sub(then.switches),
        };
        Self {
            client: minus(self.client, before.client),
            server: minus(self.server, before.server),
            segments: self.segments.saturating_sub(before.segments),
            machine_cpu_s: self.machine_cpu_s - before.machine_cpu_s,
        }
    }

    pub(crate) fn sample(self, calls: u64, seconds: f64) -> Sample {
        let Self { client, server, segments, machine_cpu_s } = self;
        let others_cpu_s = (machine_cpu_s - client.cpu_s - server.cpu_s).max(0.0);
        Sample { calls, seconds, client, server, segments, others_cpu_s, ..Sample::default() }
    }
}

/// Latencies of 1 ns to 100 s, 3 digits.
pub(crate) fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, 100_000_000_000, 3).map_err(Error::from)
}

pub(crate) fn latency(histogram: &Histogram<u64>) -> Latency {
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
    Latency { p50_us: at(0.5), p99_us: at(0.99), p999_us: at(0.999), max_us: histogram.max() as f64 / 1e3 }
}
