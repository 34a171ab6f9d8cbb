//! Connections, or streams, that do nothing: what memory each takes.

use std::process;
use std::time::Duration;

use bench_job::{Job, Sample};
use tokio::time::sleep;

use crate::measure::{Used, connect};
use crate::usage::memory_kib;
use crate::{Client, Payload, Peer, Result};

/// Connects, makes one call on each connection, lets them rest, and looks at what both processes hold more than with one.
pub(crate) async fn run<P: Peer>(job: &Job) -> Result<Sample> {
    let payload = Payload::new(job.size);
    let first = connect::<P>(job).await?;
    first.echo(payload.clone()).await?;
    let before = rested(job).await;
    let mut clients = Vec::with_capacity(job.connections);
    for seq in 0..job.connections {
        let client = connect::<P>(job).await?;
        client.echo(payload.numbered(seq as u64)).await?;
        clients.push(client);
    }
    let after = rested(job).await;
    sample(job, job.connections, [before, after]).await
}

/// Opens streams over one connection, has an item go there and back on each, lets them rest, and looks as above.
pub(crate) async fn streams<P: Peer>(job: &Job) -> Result<Sample> {
    let payload = Payload::new(job.size);
    let client = connect::<P>(job).await?;
    let mut held = vec![client.rest(payload.clone()).await?];
    let before = rested(job).await;
    held.reserve_exact(job.in_flight);
    for seq in 0..job.in_flight {
        held.push(client.rest(payload.numbered(seq as u64)).await?);
    }
    let after = rested(job).await;
    let sample = sample(job, job.in_flight, [before, after]).await;
    drop(held);
    sample
}

/// What the server and the client hold after a while.
async fn rested(job: &Job) -> [u64; 2] {
    sleep(Duration::from_millis(job.window_ms)).await;
    [memory_kib(job.server_pid, "VmRSS"), memory_kib(process::id(), "VmRSS")]
}

/// What each of so many took, and what both processes use while they rest for a second.
async fn sample(job: &Job, count: usize, [before, after]: [[u64; 2]; 2]) -> Result<Sample> {
    let used = Used::so_far(job.server_pid);
    sleep(Duration::from_secs(1)).await;
    let resting = Used::so_far(job.server_pid).since(used);
    let each = |side: usize| after[side].saturating_sub(before[side]) as f64 / count as f64;
    Ok(Sample { kib_per_connection: Some([each(0), each(1)]), ..resting.sample(0, 1.0) })
}
