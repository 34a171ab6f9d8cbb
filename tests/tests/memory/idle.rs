//! What connections hold that do nothing: after one call, and after a burst and large messages. Time is moved by hand.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use protocall::{Channel, Router, Server};
use protocall_tests::proto::echo::v1::{EchoClient, EchoRequest, EchoServer};
use tokio::task::JoinSet;

use super::{Host, LIVE};

/// Connections, of which the mean is taken.
const MANY: usize = 64;
/// Bytes that fit between the two ends, each way.
const STREAM: usize = 1 << 10;
/// What tokio takes for those once they were full: a buffer grows to the next larger size. It counts, though it is the test's.
const STREAMS: usize = 2 * STREAM + 104;
/// The most that both ends of one hold when they rest, with the streams. Tasks, drivers and sessions are most of it.
const BOTH_ENDS: usize = 6_000 + STREAMS;
/// What an end may keep that has traffic, for the next calls: far more than this test makes it keep.
const WITH_TRAFFIC: usize = 4 << 20;

fn live() -> usize {
    LIVE.load(Ordering::Relaxed)
}

async fn call(client: &EchoClient, size: usize) {
    let reply = client.echo(EchoRequest { payload: Bytes::from(vec![7; size]) }).await.unwrap();
    assert_eq!(reply.payload.len(), size);
}

/// Both ends are silent until they rest: a second after the last byte, whoever wrote it.
pub(crate) async fn rest() {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
}

pub(crate) async fn connections_that_rest_hold_little() {
    tokio::time::pause();
    let serves = || Router::new().add(EchoServer::new(Host { pends: false }));
    let bound = Server::new(serves()).bind().await.unwrap();
    let handle = bound.handle();
    let serving = tokio::spawn(bound.serve());
    // The first of all makes what all share.
    let mut clients = Vec::with_capacity(MANY + 1);
    let mut before = 0;
    for number in 0..=MANY {
        let (near, far) = tokio::io::duplex(STREAM);
        handle.serve_over(far).unwrap();
        let channel = Channel::builder("tcp://memory:1").connect_over(near).await.unwrap();
        clients.push(EchoClient::new(channel));
        call(&clients[number], 110).await;
        if number == 0 {
            rest().await;
            before = live();
        }
    }
    let held = |what: &str, most: usize| {
        let each = live().saturating_sub(before) / MANY;
        println!("{what}: {each} bytes, both ends (bar {most})");
        assert!(each <= most, "{what}: {each} bytes");
        each
    };
    // At once: a thousand that connect together never hold more.
    held("after one call", BOTH_ENDS);
    rest().await;
    let rested = held("after one call and a rest", BOTH_ENDS);
    for round in 0..2 {
        for client in &clients {
            call(client, 1 << 20).await;
            let mut calls = JoinSet::new();
            (0..64)
                .for_each(|_| drop(calls.spawn(client.echo(EchoRequest { payload: vec![7; 110].into() }))));
            while let Some(reply) = calls.join_next().await {
                reply.unwrap().unwrap();
            }
        }
        let busy = held("after 1 MiB and 64 in flight", WITH_TRAFFIC);
        assert!(busy > 64 << 10, "round {round}: with traffic they keep their buffers");
        rest().await;
        let again = held("after that and a rest", BOTH_ENDS);
        assert!(again < rested + 2 * STREAM, "round {round}: {again} bytes, where it was {rested}");
    }
    serving.abort();
}
