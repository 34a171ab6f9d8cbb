//! One-way messages: what is sent, and what the receiver counted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bench_job::{Job, Sample};

use crate::measure::{Used, connect};
use crate::{Client, Payload, Peer, Result};

/// Messages in order, until the time is over. An iterator, so that a peer can make a stream of it.
#[derive(Debug)]
pub struct Source {
    payload: Payload,
    until: Instant,
    sent: Arc<Mutex<Tally>>,
    /// What [`sent`](Self::sent) will be told.
    tally: Tally,
}

/// What was sent, or what arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    pub count: u64,
    pub sum: u64,
    pub in_order: bool,
}

/// A receiver's count of what arrives.
#[derive(Debug, Default)]
pub struct Receipts(Mutex<Tally>);

impl Default for Tally {
    fn default() -> Self {
        Self { count: 0, sum: 0, in_order: true }
    }
}

impl Tally {
    fn add(&mut self, seq: u64, body: &[u8]) {
        self.in_order &= seq == self.count;
        self.count += 1;
        self.sum =
            self.sum.wrapping_add(seq ^ u64::from(body.last().copied().unwrap_or(0)) ^ body.len() as u64);
    }
}

impl Receipts {
    /// One message, when it has been decoded.
    pub fn add(&self, seq: u64, body: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(seq, body);
    }

    /// What has come so far.
    pub fn tally(&self) -> Tally {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew.
    pub fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Tally::default();
    }
}

impl Iterator for Source {
    type Item = Payload;

    fn next(&mut self) -> Option<Payload> {
        let seq = self.tally.count;
        // The clock is looked at now and then.
        if seq.is_multiple_of(64) && Instant::now() >= self.until {
            *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = self.tally;
            return None;
        }
        let payload = self.payload.numbered(seq);
        self.tally.add(seq, &payload.body);
        Some(payload)
    }
}

pub(crate) async fn run<P: Peer>(job: &Job) -> Result<Sample> {
    let client = connect::<P>(job).await?;
    once::<P>(job, &client, job.warmup_ms).await?;
    let before = Used::so_far(job.server_pid);
    let start = Instant::now();
    let count = once::<P>(job, &client, job.window_ms).await?;
    // Until the receiver has counted the last one.
    let seconds = start.elapsed().as_secs_f64();
    Ok(Used::so_far(job.server_pid).since(before).sample(count, seconds))
}

async fn once<P: Peer>(job: &Job, client: &P::Client, millis: u64) -> Result<u64> {
    let sent = Arc::new(Mutex::new(Tally::default()));
    let until = Instant::now() + Duration::from_millis(millis);
    let source =
        Source { payload: Payload::new(job.size), until, sent: Arc::clone(&sent), tally: Tally::default() };
    let client = client.clone();
    // On a worker, as the tasks of the other kinds.
    let arrived = P::spawn(async move { client.push(source).await }).await??;
    let sent = *sent.lock().unwrap_or_else(PoisonError::into_inner);
    if arrived != sent {
        return Err(format!("sent {sent:?}, but {arrived:?} arrived").into());
    }
    Ok(sent.count)
}
