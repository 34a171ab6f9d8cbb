//! An open loop: calls are made when they are due, whether those before are answered or not. Now and then a call burns CPU; what
//! is measured is what that does to the others.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bench_job::{Job, Kind, Latency, Sample};
use tokio::sync::mpsc;

use crate::closed::{Latencies, call, clients, finish, record};
use crate::measure::{Window, connect, histogram, latency};
use crate::{Client, Payload, Peer, Result};

/// One call of so many burns.
const ONE_IN: u64 = 100;
/// The load is the capacity through this.
const LOAD: u64 = 10;

pub(crate) async fn run<P: Peer>(job: &Job) -> Result<Sample> {
    let capacity = capacity::<P>(job).await?;
    let gap = Duration::from_secs_f64(LOAD as f64 / capacity.max(1.0));
    let client = connect::<P>(job).await?;
    let (calm, _) = load::<P>(client.clone(), Calls::new(job, 0), gap).await?;
    let window = Window::from_now(0, job.window_ms);
    let watcher = window.watch(job.server_pid);
    let (latency, count) = load::<P>(client, Calls::new(job, job.burn_us), gap).await?;
    let used = watcher.join().map_err(|_| "the watching thread panicked")?;
    Ok(Sample { latency, calm: Some(calm), ..used.sample(count, job.window_ms as f64 / 1e3) })
}

/// What the server can do of this mix in a second, by a closed loop.
async fn capacity<P: Peer>(job: &Job) -> Result<f64> {
    let window = Window::from_now(job.warmup_ms / 2, job.warmup_ms);
    let done = Arc::new(Mutex::new(0_u64));
    let task = |index: usize, client: P::Client| {
        let (mut calls, done) = (Calls::new(job, job.burn_us), Arc::clone(&done));
        calls.dice.0 += index as u64;
        async move {
            while Instant::now() < window.end {
                call(&client, Kind::Mixed, calls.next().0).await?;
                let counts = (window.begin..window.end).contains(&Instant::now());
                *done.lock().unwrap_or_else(PoisonError::into_inner) += u64::from(counts);
            }
            Ok(())
        }
    };
    let clients = clients::<P>(job).await?.into_iter().enumerate();
    finish(clients.map(|(index, client)| P::spawn(task(index, client))).collect()).await?;
    let done = *done.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(done as f64 * 1e3 / job.warmup_ms as f64)
}

/// The calls of one loop.
struct Calls {
    payload: Payload,
    dice: Dice,
    burn_us: u32,
    window_ms: u64,
}

impl Calls {
    fn new(job: &Job, burn_us: u32) -> Self {
        let dice = Dice(0x9e37_79b9_7f4a_7c15);
        Self { payload: Payload::new(job.size), dice, burn_us, window_ms: job.window_ms }
    }

    /// The next call, and whether its latency is of interest: it is not one of those that could burn.
    fn next(&mut self) -> (Payload, bool) {
        let unlucky = self.dice.roll().is_multiple_of(ONE_IN);
        let payload = self.payload.numbered(self.payload.seq + 1);
        self.payload.seq += 1;
        (Payload { burn_us: if unlucky { self.burn_us } else { 0 }, ..payload }, !unlucky)
    }
}

/// Makes a call every `gap`; returns the latencies of those that never burn, from when they were due, and how many calls there
/// were in all.
async fn load<P: Peer>(client: P::Client, mut calls: Calls, gap: Duration) -> Result<(Latency, u64)> {
    let latencies: Latencies = Arc::new(Mutex::new(histogram()?));
    let mut due = pace(gap, Duration::from_millis(calls.window_ms));
    let mut tasks = Vec::new();
    while let Some(due) = due.recv().await {
        let (payload, counts) = calls.next();
        let latencies = counts.then(|| Arc::clone(&latencies));
        tasks.push(P::spawn(one(client.clone(), payload, due, latencies)));
    }
    let count = tasks.len() as u64;
    finish(tasks).await?;
    let latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((latency(&latencies), count))
}

async fn one<C: Client>(
    client: C,
    payload: Payload,
    due: Instant,
    latencies: Option<Latencies>,
) -> Result<()> {
    call(&client, Kind::Mixed, payload).await?;
    if let Some(latencies) = latencies {
        record(&latencies, due, Instant::now());
    }
    Ok(())
}

/// Tells when a call is due, from a thread of its own: tokio's timers are a millisecond coarse.
fn pace(gap: Duration, window: Duration) -> mpsc::Receiver<Instant> {
    let (tell, due) = mpsc::channel(65_536);
    thread::spawn(move || {
        let start = Instant::now();
        let mut at = start;
        while at < start + window {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if tell.blocking_send(at).is_err() {
                return;
            }
            at += gap;
        }
    });
    due
}

/// Chance that is the same in every run (xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
