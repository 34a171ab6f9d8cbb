//! Closed loops: each task has one call in flight, and makes the next when it is answered. Another load may go on beside.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bench_job::{Job, Kind, Sample};
use hdrhistogram::Histogram;
use tokio::task::JoinHandle;

use crate::measure::{Window, connect, histogram, latency};
use crate::{Checked, Client, Held, Payload, Peer, Result};

pub(crate) type Latencies = Arc<Mutex<Histogram<u64>>>;

pub(crate) async fn run<P: Peer>(job: &Job) -> Result<Sample> {
    let clients = clients::<P>(job).await?;
    let window = Window::from_now(job.warmup_ms, job.window_ms);
    let watcher = window.watch(job.server_pid);
    let latencies = Arc::new(Mutex::new(histogram()?));
    let payload = Payload { burn_us: job.burn_us, ..Payload::new(job.size) };
    let reverse = (job.kind == Kind::Bidi).then(|| (clients[0].clone(), *job));
    let reverse = reverse.map(|(client, job)| P::spawn(async move { client.reverse(&job).await }));
    let beside = Beside::start::<P>(job, &clients[0], window).await?;
    let tasks = Task { kind: job.kind, payload, window, latencies: Arc::clone(&latencies) };
    finish(tasks.spawn::<P>(clients)).await?;
    let beside = beside.finish().await?;
    let reversed = match reverse {
        Some(reverse) => reverse.await??,
        None => 0,
    };
    let used = watcher.join().map_err(|_| "the watching thread panicked")?;
    let latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner);
    let sample = used.sample(latencies.len() + reversed, job.window_ms as f64 / 1e3);
    Ok(Sample { latency: latency(&latencies), beside, ..sample })
}

/// What goes on beside the load that is measured.
#[derive(Default)]
pub(crate) struct Beside {
    tasks: Vec<JoinHandle<Result<()>>>,
    latencies: Option<Latencies>,
    /// Streams that nobody reads.
    held: Vec<Held>,
}

impl Beside {
    /// On this client's connection.
    pub(crate) async fn start<P: Peer>(job: &Job, client: &P::Client, window: Window) -> Result<Self> {
        let Some(beside) = job.beside else { return Ok(Self::default()) };
        let bench_job::Beside { kind, in_flight, size } = beside;
        if kind == Kind::Unread {
            let mut held = Vec::new();
            for _ in 0..in_flight {
                held.push(client.unread(size).await?);
            }
            return Ok(Self { held, ..Self::default() });
        }
        let latencies = Arc::new(Mutex::new(histogram()?));
        let task = Task { kind, payload: Payload::new(size), window, latencies: Arc::clone(&latencies) };
        let tasks = task.spawn::<P>(vec![client.clone(); in_flight]);
        Ok(Self { tasks, latencies: Some(latencies), ..Self::default() })
    }

    /// How much of it was done in the window.
    pub(crate) async fn finish(self) -> Result<u64> {
        finish(self.tasks).await?;
        drop(self.held);
        let latencies = self.latencies.as_ref();
        Ok(latencies.map_or(0, |latencies| latencies.lock().unwrap_or_else(PoisonError::into_inner).len()))
    }
}

/// Calls made in the window by a closed loop on this client, for an end that was asked to call back.
///
/// # Errors
/// A call failed.
pub async fn count_calls<P: Peer>(client: P::Client, job: &Job) -> Result<u64> {
    let window = Window::from_now(job.warmup_ms, job.window_ms);
    let latencies = Arc::new(Mutex::new(histogram()?));
    let payload = Payload::new(job.size);
    let task = Task { kind: Kind::Echo, payload, window, latencies: Arc::clone(&latencies) };
    finish(task.spawn::<P>(vec![client; job.in_flight])).await?;
    let counted = latencies.lock().unwrap_or_else(PoisonError::into_inner).len();
    Ok(counted)
}

/// A handle for each task: those of a connection share it, if the peer can.
pub(crate) async fn clients<P: Peer>(job: &Job) -> Result<Vec<P::Client>> {
    let mut clients = Vec::with_capacity(job.connections * job.in_flight);
    for _ in 0..job.connections {
        let mut client = connect::<P>(job).await?;
        for task in 0..job.in_flight {
            if P::CONNECTION_PER_TASK && task > 0 {
                client = connect::<P>(job).await?;
            }
            clients.push(client.clone());
        }
    }
    Ok(clients)
}

/// What one of the tasks does, and all of them alike.
#[derive(Clone)]
struct Task {
    kind: Kind,
    payload: Payload,
    window: Window,
    latencies: Latencies,
}

impl Task {
    fn spawn<P: Peer>(self, clients: Vec<P::Client>) -> Vec<JoinHandle<Result<()>>> {
        let numbered = clients.into_iter().enumerate();
        numbered.map(|(index, client)| P::spawn(self.clone().run(client, index as u64))).collect()
    }

    async fn run<C: Client>(self, client: C, index: u64) -> Result<()> {
        if self.kind == Kind::RoundTrips {
            return client.round_trips(Rounds { task: self, seq: 0, start: Instant::now() }).await;
        }
        let mut seq = index << 40;
        let mut start = Instant::now();
        while start < self.window.end {
            seq += 1;
            call(&client, self.kind, self.payload.numbered(seq)).await?;
            let end = Instant::now();
            if (self.window.begin..self.window.end).contains(&end) {
                record(&self.latencies, start, end);
            }
            start = end;
        }
        Ok(())
    }
}

/// Items of a closed loop over a stream: the next is asked for when the one before is back.
struct Rounds {
    task: Task,
    seq: u64,
    start: Instant,
}

impl Iterator for Rounds {
    type Item = Payload;

    fn next(&mut self) -> Option<Payload> {
        let (now, Task { payload, window, latencies, .. }) = (Instant::now(), &self.task);
        if self.seq > 0 && (window.begin..window.end).contains(&now) {
            record(latencies, self.start, now);
        }
        self.seq += 1;
        self.start = now;
        (now < window.end).then(|| payload.numbered(self.seq))
    }
}

pub(crate) fn record(latencies: &Latencies, start: Instant, end: Instant) {
    let nanos = end.saturating_duration_since(start).as_nanos() as u64;
    latencies.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(nanos.max(1));
}

pub(crate) async fn call<C: Client>(client: &C, kind: Kind, payload: Payload) -> Result<Checked> {
    match kind {
        Kind::Full => client.full(payload).await,
        Kind::Work | Kind::Mixed => client.work(payload).await,
        Kind::Put => client.put(payload).await,
        Kind::Get => client.get(payload).await,
        _ => client.echo(payload).await,
    }
}

pub(crate) async fn finish(tasks: Vec<JoinHandle<Result<()>>>) -> Result<()> {
    for task in tasks {
        task.await??;
    }
    Ok(())
}
