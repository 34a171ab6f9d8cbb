//! A proxy whose upstream drains: how long the client's connection waits for the upstream's.

use std::sync::Arc;
use std::time::Duration;

use protocall::{Channel, EndedBy, Proxy, Router, Server};
use protocall_tests::proto::echo::v1::EchoClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::support::{HELLO, Running, host, message, within};

/// GOAWAY FINAL, code NONE, no call and no push taken.
const DRAINED: [u8; 30] = *b"\0\0\0\x1a\x07\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// A proxy before this address that waits so long for an upstream that drains.
async fn proxy(upstream: String, wait: Duration) -> Running {
    let never = Duration::ZERO;
    let connect = move |back| {
        let builder = Channel::builder(&upstream).serve(back);
        builder.keepalive(never, Duration::from_secs(1)).connect_lazy()
    };
    let between = Proxy::new(connect);
    let router = Router::new().fallback(between.clone()).fallback_push(between);
    Running::start(Server::new(router).drain_timeout(wait).listen("tcp://127.0.0.1:0")).await
}

#[tokio::test]
async fn a_client_is_not_held_for_ever_by_an_upstream_that_drains_and_never_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("tcp://{}", listener.local_addr().unwrap());
    let proxy = proxy(uri, Duration::from_millis(20)).await;
    let channel = Channel::connect(&proxy.uri).await.unwrap();
    let session = channel.session().await.unwrap();
    let call = tokio::spawn(EchoClient::new(&channel).echo(message("x")));
    let (mut upstream, _) = within(listener.accept()).await.unwrap();
    upstream.write_all(&[&HELLO[..], &DRAINED].concat()).await.unwrap();
    let status = within(call).await.unwrap().unwrap_err();
    assert!(!status.may_have_run(), "{status}");
    let reason = within(session.closed()).await;
    assert!(reason.is_clean() && reason.by() == EndedBy::Peer, "{reason}");
    // The proxy lets go of its upstream too.
    within(upstream.read_to_end(&mut Vec::new())).await.unwrap();
}

#[tokio::test]
async fn a_call_that_an_upstream_has_taken_is_answered_however_short_its_drain_may_be() {
    let gate = Arc::new(Semaphore::new(0));
    let inside = Arc::clone(&gate);
    let host = host().on_call(move |ctx, payload| {
        let gate = Arc::clone(&inside);
        async move {
            ctx.session().drain();
            gate.acquire().await.unwrap().forget();
            Ok(payload)
        }
    });
    let server = Running::start(Server::new(host.router()).listen("tcp://127.0.0.1:0")).await;
    let proxy = proxy(server.uri.clone(), Duration::ZERO).await;
    let channel = Channel::connect(&proxy.uri).await.unwrap();
    let session = channel.session().await.unwrap();
    let call = tokio::spawn(EchoClient::new(&channel).echo(message("x")));
    // The client has heard of the drain: another call would go over another connection.
    within(async {
        while channel.session().await.unwrap() == session {
            tokio::task::yield_now().await;
        }
    })
    .await;
    gate.add_permits(1);
    assert_eq!(within(call).await.unwrap().unwrap().payload, "x");
    assert!(within(session.closed()).await.is_clean());
}
