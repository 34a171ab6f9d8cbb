//! Connections that do nothing: what memory each takes.

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
    let rest = Duration::from_millis(job.window_ms);
    sleep(rest).await;
    let held = || [memory_kib(job.server_pid, "VmRSS"), memory_kib(process::id(), "VmRSS")];
    let before = held();
    let mut clients = Vec::with_capacity(job.connections);
    for seq in 0..job.connections {
        let client = connect::<P>(job).await?;
        client.echo(payload.numbered(seq as u64)).await?;
        clients.push(client);
    }
    sleep(rest).await;
    let used = Used::so_far(job.server_pid);
    let after = held();
    sleep(Duration::from_secs(1)).await;
    let resting = Used::so_far(job.server_pid).since(used);
    let each = |side: usize| after[side].saturating_sub(before[side]) as f64 / job.connections as f64;
    Ok(Sample { kib_per_connection: Some([each(0), each(1)]), ..resting.sample(0, 1.0) })
}
