//! Everything at once: both ends call at their limits, handlers call back, pushes and large messages between.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use protocall::{Session, Status};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::support::{Ends, Over, echo, host, message, until, within};

/// Calls each way.
const CALLS: u32 = 100_000;
/// Callers each way; more than may be in flight.
const CALLERS: u32 = 5_000;
/// So many may, by default.
const IN_FLIGHT: u32 = 4_096;

async fn call_much(session: Session, failures: mpsc::Sender<Status>) {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (client, failures) = (echo(&session), failures.clone());
        callers.spawn(async move {
            for round in 0..CALLS / CALLERS {
                // Some of them are called back three deep; never so many that they fill the limit and wait for each other.
                let deep = if (round + caller) % 50 == 0 { 3u8 } else { 0 };
                let mut sent = vec![deep];
                sent.extend_from_slice(&(caller * 1_000 + round).to_be_bytes());
                match client.echo(message(&sent)).await {
                    Ok(reply) => assert_eq!(&reply.payload[1..], &sent[1..]),
                    Err(status) => failures.try_send(status).unwrap_or_default(),
                }
            }
        });
    }
    // Large ones between, and pushes.
    for size in [4_000_000, 1_000_000, 70_000] {
        let client = echo(&session);
        callers.spawn(async move {
            for fill in 0..4 {
                let sent = [vec![0], vec![fill; size]].concat();
                let reply = client.echo(message(&sent)).await.unwrap();
                assert!(reply.payload == sent);
            }
        });
    }
    let client = echo(&session);
    callers.spawn(async move {
        for number in 0..5_000u32 {
            let size = if number % 500 == 499 { 300_000 } else { 4 };
            let mut payload = number.to_be_bytes().to_vec();
            payload.resize(size, 0);
            client.note(message(payload)).no_timeout().await.unwrap();
        }
    });
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
    session.flushed().await.unwrap();
}

fn storm(runtime: &tokio::runtime::Runtime) {
    runtime.block_on(async {
        let tasks = tokio::runtime::Handle::current().metrics();
        let calls = Arc::new(AtomicU64::new(0));
        let next = Arc::new(Mutex::new([0u32; 2]));
        let notes = Arc::new(AtomicU32::new(0));
        let host = |which: usize| {
            let (calls, next, notes) = (Arc::clone(&calls), Arc::clone(&next), Arc::clone(&notes));
            host()
                .on_call(move |ctx, payload| {
                    calls.fetch_add(1, Ordering::Relaxed);
                    async move {
                        if payload[0] > 0 {
                            let deeper = [&[payload[0] - 1], &payload[1..]].concat();
                            let reply = echo(&ctx.session()).echo(message(&deeper)).await?;
                            return Ok(Bytes::from([&payload[..1], &reply.payload[1..]].concat()));
                        }
                        Ok(payload)
                    }
                })
                .on_note(move |_, payload| {
                    let number = u32::from_be_bytes(payload[..4].try_into().unwrap());
                    let mut next = next.lock().unwrap();
                    assert_eq!(number, next[which], "order in a lane");
                    next[which] += 1;
                    notes.fetch_add(1, Ordering::Relaxed);
                    async { Ok(()) }
                })
                .router()
        };
        let before = tasks.num_alive_tasks();
        let ends = Ends::with(Over::Tcp, host(0), host(1), |s| s.timeout(None), |c| c.timeout(None)).await;
        let (failures, mut failed) = mpsc::channel(16);
        let full = [Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0))];
        let watches: Vec<_> = ends
            .both()
            .into_iter()
            .zip(full.clone())
            .map(|(session, most)| {
                tokio::spawn(async move {
                    loop {
                        most.fetch_max(session.stats().calls_out as u32, Ordering::Relaxed);
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        tokio::time::timeout(std::time::Duration::from_secs(300), async {
            tokio::join!(
                call_much(ends.near.clone(), failures.clone()),
                call_much(ends.far.clone(), failures)
            )
        })
        .await
        .expect("both directions hang");
        assert!(failed.recv().await.is_none());
        watches.iter().for_each(tokio::task::JoinHandle::abort);
        let most = full.map(|most| most.load(Ordering::Relaxed));
        assert_eq!(most, [IN_FLIGHT; 2], "the limits were met both ways, and kept");
        until(|| notes.load(Ordering::Relaxed) == 10_000).await;
        ends.idle().await;
        for session in ends.both() {
            let stats = session.stats();
            assert_eq!((stats.late_replies, stats.dropped_pushes), (0, 0), "{stats:?}");
        }
        assert!(calls.load(Ordering::Relaxed) >= 2 * u64::from(CALLS));
        let Ends { near, far, channel, server, proxy } = ends;
        near.close();
        within(far.closed()).await;
        drop((near, far, channel));
        within(server.report()).await;
        if let Some(proxy) = proxy {
            within(proxy.report()).await;
        }
        until(|| tasks.num_alive_tasks() <= before).await;
    });
}

#[test]
fn both_directions_at_once_lose_nothing_on_many_threads() {
    storm(&tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap());
}

#[test]
fn both_directions_at_once_lose_nothing_on_one_thread() {
    storm(&tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
}
