//! One-way messages and streams, down, up, or there and back: all that is sent must arrive.

use std::time::{Duration, Instant};

use bench_job::{Job, Kind, Sample};

use crate::closed::Beside;
use crate::measure::{Used, Window, connect};
use crate::{Client, Peer, Result, Supply, Tally};

/// What is to flow.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The whole encoded message, in bytes.
    pub size: usize,
    /// How long it is sent.
    pub time: Duration,
}

/// One flow to warm up, and one that counts.
pub(crate) async fn run<P: Peer>(job: &Job) -> Result<Sample> {
    let client = connect::<P>(job).await?;
    let window = Window::from_now(job.warmup_ms, job.window_ms);
    let beside = Beside::start::<P>(job, &client, window).await?;
    once::<P>(job, &client, job.warmup_ms).await?;
    let before = Used::so_far(job.server_pid);
    let start = Instant::now();
    let count = once::<P>(job, &client, job.window_ms).await?;
    // Until the receiver has counted the last one.
    let seconds = start.elapsed().as_secs_f64();
    let used = Used::so_far(job.server_pid).since(before);
    Ok(Sample { beside: beside.finish().await?, ..used.sample(count, seconds) })
}

/// How many have arrived where they were to arrive: all, in order, or it fails.
async fn once<P: Peer>(job: &Job, client: &P::Client, millis: u64) -> Result<u64> {
    let (client, kind) = (client.clone(), job.kind);
    let wanted = Wanted { size: job.size, time: Duration::from_millis(millis) };
    // On a worker, as the tasks of the other kinds.
    let [sent, arrived] = P::spawn(async move { flow(client, kind, wanted).await }).await??;
    if arrived != sent || sent.count == 0 {
        return Err(format!("sent {sent:?}, but {arrived:?} arrived").into());
    }
    Ok(sent.count)
}

/// What was sent and what arrived.
async fn flow<C: Client>(client: C, kind: Kind, wanted: Wanted) -> Result<[Tally; 2]> {
    if kind == Kind::StreamDown {
        return client.stream_down(wanted).await;
    }
    let supply = Supply::default();
    let source = supply.source(wanted);
    let arrived = match kind {
        Kind::Push => client.push(source).await?,
        Kind::StreamUp => client.stream_up(source).await?,
        _ => client.stream_both(source).await?,
    };
    Ok([supply.sent(), arrived])
}
