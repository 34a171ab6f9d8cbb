//! What pushes to many cost, and what receivers hold that do not read.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use protocall::{Caller, Channel, Router, Server, Session};
use protocall_tests::proto::echo::v1::{EchoClient, EchoRequest, EchoServer};
use tokio::io::{AsyncWriteExt, DuplexStream};

use super::raw::hello;
use super::{COUNT, Host, LIVE};

/// Receivers.
const MANY: usize = 64;
/// Pushes in a row.
const ROW: usize = 64;

fn message(len: usize) -> EchoRequest {
    EchoRequest { payload: Bytes::from(vec![7; len]) }
}

/// A message to many is encoded once: what it costs does not grow with those who get it, but for their write buffers, which
/// grow in steps.
pub(crate) async fn a_push_to_many_costs_few_allocations() {
    let serves = || Router::new().add(EchoServer::new(Host { pends: false }));
    let bound = Server::new(serves()).bind().await.unwrap();
    let handle = bound.handle();
    let serving = tokio::spawn(bound.serve());
    let mut channels = Vec::new();
    for _ in 0..MANY {
        let (near, far) = tokio::io::duplex(64 << 10);
        handle.serve_over(far).unwrap();
        let builder = Channel::builder("tcp://memory:1").serve(serves());
        channels.push(builder.connect_over(near).await.unwrap());
    }
    let all = EchoClient::new(handle.registry());
    let mut each = 0.0;
    for _ in 0..4 {
        let messages: Vec<_> = (0..ROW).map(|_| message(110)).collect();
        let before = COUNT.load(Ordering::Relaxed);
        for message in messages {
            assert_eq!(all.note(message).queue().sent, MANY);
        }
        each = (COUNT.load(Ordering::Relaxed) - before) as f64 / ROW as f64;
        for session in handle.registry() {
            session.flushed().await.unwrap();
        }
    }
    println!("a push to {MANY}: {each:.2} allocations, all receivers together");
    assert!(each < 16.0, "a push to {MANY}: {each}");
    serving.abort();
}

/// A receiver that says HELLO and reads nothing.
async fn deaf(handle: &protocall::ServerHandle) -> (DuplexStream, Session) {
    let (mut peer, ours) = tokio::io::duplex(1 << 10);
    let session = handle.serve_over(ours).unwrap();
    peer.write_all(&hello(&[])).await.unwrap();
    (peer, session)
}

/// Each has a queue and a write buffer; a message that all of them wait for is there once.
pub(crate) async fn receivers_that_do_not_read_hold_no_more_than_their_bound() {
    const QUEUE: usize = 128 << 10;
    const BUFFER: usize = 64 << 10;
    let bound = Server::new(Router::new()).push_queue(1_024, QUEUE).send_buffer(BUFFER).bind().await.unwrap();
    let handle = bound.handle();
    let serving = tokio::spawn(bound.serve());
    let mut peers = Vec::new();
    for _ in 0..MANY {
        peers.push(deaf(&handle).await);
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let before = LIVE.load(Ordering::Relaxed);
    let mut worst = [0; 2];
    for (way, most) in worst.iter_mut().enumerate() {
        for round in 0..3_000 {
            match way {
                0 => {
                    let told = EchoClient::new(Caller::from(handle.registry())).note(message(1_000)).queue();
                    assert_eq!(told.reached(), MANY);
                }
                _ => peers.iter().for_each(|(_, session)| {
                    assert_eq!(EchoClient::new(session).note(message(1_000)).queue().reached(), 1);
                }),
            }
            if round % 16 == 0 {
                tokio::task::yield_now().await;
            }
            *most = (*most).max(LIVE.load(Ordering::Relaxed).saturating_sub(before));
        }
    }
    let [shared, own] = worst.map(|most| most / MANY);
    // Beside what the settings say: what a message is beyond its bytes, and a buffer that has grown.
    let most = [BUFFER + QUEUE / MANY + (8 << 10), BUFFER + QUEUE + (16 << 10)];
    for (what, held, most) in [("the same", shared, most[0]), ("its own", own, most[1])] {
        println!("one that does not read, and waits for {what}: {} KiB, of {} KiB", held >> 10, most >> 10);
        assert!(held <= most, "{what}: {held} bytes");
    }
    for (_, session) in &peers {
        let stats = session.stats();
        assert!(stats.queued_bytes <= QUEUE && stats.discarded_pushes > 5_000, "{stats:?}");
    }
    // Nothing of it stays when they go.
    let sessions: Vec<Session> = peers.into_iter().map(|(_, session)| session).collect();
    for session in &sessions {
        session.closed().await;
        assert_eq!((session.stats().queued_pushes, session.stats().queued_bytes), (0, 0));
    }
    assert!(handle.registry().is_empty());
    serving.abort();
}
