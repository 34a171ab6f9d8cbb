//! The way out: what was taken is finished, what was not is certainly not run, what is stuck is cut and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use protocall::{Channel, Code, EndedBy, Error, Router, Server};
use protocall_tests::proto::echo::v1::EchoClient;
use tokio::sync::{Semaphore, mpsc};

use crate::relay::Relayed;
use crate::support::{Ends, Over, Running, echo, host, message, until, within};

#[tokio::test]
async fn a_rolling_shutdown_fails_no_call_that_was_taken_either_way() {
    let ran = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&ran);
    let host = host().on_call(move |_, payload| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            for _ in 0..payload.len() {
                tokio::task::yield_now().await;
            }
            Ok(payload)
        }
    });
    for over in [Over::Tcp, Over::Unix, Over::Memory] {
        for drains in ["server", "dialler", "both"] {
            ran.store(0, Ordering::SeqCst);
            let mut ends = Ends::new(over, &host).await;
            let mut callers = tokio::task::JoinSet::new();
            let sessions = ends.both();
            for caller in &sessions {
                for _ in 0..16 {
                    let client = echo(caller);
                    callers.spawn(async move {
                        let (mut done, mut not_run) = (0, 0);
                        loop {
                            match client.echo(message([0; 20])).await {
                                Ok(_) => done += 1,
                                Err(status) if !status.may_have_run() => {
                                    assert_eq!(status.code(), Code::UNAVAILABLE, "{status:?}");
                                    not_run += 1;
                                    break;
                                }
                                Err(status) => panic!("{drains} over {over:?}: {status:?}"),
                            }
                        }
                        (done, not_run)
                    });
                }
            }
            until(|| ran.load(Ordering::SeqCst) > 200).await;
            if drains != "server" {
                ends.near.drain();
            }
            if drains != "dialler" {
                ends.server.shut_down();
            }
            let results = within(callers.join_all()).await;
            let done: u64 = results.iter().map(|(done, _)| done).sum();
            assert_eq!(done, ran.load(Ordering::SeqCst), "what ran was answered, what was not did not run");
            for session in &sessions {
                let reason = within(session.closed()).await;
                assert!(reason.is_clean(), "{reason}");
            }
            let report = within(ends.server.report()).await;
            assert_eq!((report.cut, report.calls_cut), (0, 0));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stuck_handler_is_cut_after_the_drain_timeout_and_counted() {
    let (entered, mut enters) = mpsc::channel::<()>(8);
    let host = host().on_call(move |_, _| {
        entered.try_send(()).unwrap();
        std::future::pending()
    });
    let limit = Duration::from_secs(5);
    let ends =
        Ends::with(Over::Memory, Router::new(), host.router(), |s| s.drain_timeout(limit), |c| c).await;
    let calls: Vec<_> =
        (0..3).map(|_| tokio::spawn(echo(&ends.near).echo(message("x")).no_timeout())).collect();
    for _ in 0..3 {
        within(enters.recv()).await.unwrap();
    }
    let report = within(ends.server.report()).await;
    assert_eq!((report.open, report.drained, report.cut, report.calls_cut), (1, 0, 1, 3));
    for call in calls {
        let status = within(call).await.unwrap().unwrap_err();
        assert_eq!((status.code(), status.may_have_run()), (Code::UNAVAILABLE, true), "{status:?}");
    }
    let reason = within(ends.near.closed()).await;
    assert_eq!(reason.by(), EndedBy::Peer);
    assert!(reason.text().contains("drain_timeout"), "{reason}");
}

#[tokio::test]
async fn a_drain_waits_for_pushes_that_were_taken() {
    let gate = Arc::new(Semaphore::new(0));
    let (ran, mut runs) = mpsc::channel::<()>(64);
    let inside = Arc::clone(&gate);
    let host = host().on_note(move |_, _| {
        let (gate, ran) = (Arc::clone(&inside), ran.clone());
        async move {
            gate.acquire().await.unwrap().forget();
            ran.try_send(()).unwrap();
            Ok(())
        }
    });
    let mut ends = Ends::new(Over::Tcp, &host).await;
    for _ in 0..10 {
        within(echo(&ends.near).note(message("x"))).await.unwrap();
    }
    within(ends.near.flushed()).await.unwrap();
    ends.server.shut_down();
    within(ends.near.closed()).await;
    gate.add_permits(10);
    let report = within(ends.server.report()).await;
    assert_eq!(report.cut, 0);
    for _ in 0..10 {
        runs.try_recv().unwrap();
    }
}

#[tokio::test]
async fn the_last_handle_of_a_channel_closes_it_unless_it_serves() {
    let server = Running::start(Server::new(host().router()).listen("tcp://127.0.0.1:0")).await;
    let channel = Channel::connect(&server.uri).await.unwrap();
    let client = EchoClient::new(&channel);
    let session = channel.session().await.unwrap();
    drop(channel);
    within(client.echo(message("x"))).await.unwrap();
    let call = client.echo(message("y"));
    drop(client);
    // The call itself holds it.
    within(call).await.unwrap();
    let reason = within(session.closed()).await;
    assert_eq!(reason.by(), EndedBy::Us);
    until(|| server.handle.sessions().is_empty()).await;

    let channel = Channel::builder(&server.uri).serve(host().router()).connect().await.unwrap();
    drop(channel);
    let far = server.handle.sessions().pop().unwrap();
    let reply = within(echo(&far).echo(message("still there"))).await.unwrap();
    assert_eq!(&reply.payload[..], b"still there");
}

#[tokio::test]
async fn a_dropped_server_ends_every_call_once_and_a_channel_connects_anew() {
    let (entered, mut enters) = mpsc::channel::<()>(8);
    let stuck = host().on_call(move |_, _| {
        entered.try_send(()).unwrap();
        std::future::pending()
    });
    let server = Running::start(Server::new(stuck.router()).listen("tcp://127.0.0.1:0")).await;
    let uri = server.uri.clone();
    let channel = Channel::connect(&uri).await.unwrap();
    let call = tokio::spawn(EchoClient::new(&channel).echo(message("x")));
    within(enters.recv()).await.unwrap();
    within(server.kill()).await;
    let status = within(call).await.unwrap().unwrap_err();
    assert_eq!((status.code(), status.may_have_run()), (Code::UNAVAILABLE, true), "{status:?}");
    let status = within(EchoClient::new(&channel).echo(message("x"))).await.unwrap_err();
    assert!(matches!(status.local(), Some(Error::Connect { .. } | Error::Closed(_))), "{status:?}");
    assert!(!status.may_have_run());
    let _again = Running::start(Server::new(host().router()).listen(&uri)).await;
    let reply = within(EchoClient::new(&channel).echo(message("again"))).await.unwrap();
    assert_eq!(reply.payload, Bytes::from_static(b"again"));
}

#[test]
fn a_runtime_that_is_shut_down_ends_the_calls_that_it_drove() {
    let callers = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for whose in ["server's", "client's"] {
        let theirs =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let ours =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (entered, mut enters) = mpsc::channel::<()>(8);
        let stuck = host().on_call(move |_, _| {
            entered.try_send(()).unwrap();
            std::future::pending()
        });
        let server = theirs.block_on(Running::start(Server::new(stuck.router()).listen("tcp://127.0.0.1:0")));
        let channel = ours.block_on(Channel::connect(&server.uri)).unwrap();
        let call = callers.spawn(EchoClient::new(&channel).echo(message("x")));
        callers.block_on(within(enters.recv())).unwrap();
        let (goes, stays) = if whose == "client's" { (ours, theirs) } else { (theirs, ours) };
        goes.shutdown_background();
        let status = callers.block_on(within(call)).unwrap().unwrap_err();
        assert_eq!((status.code(), status.may_have_run()), (Code::UNAVAILABLE, true), "{whose}: {status:?}");
        stays.shutdown_background();
    }
}

#[tokio::test(start_paused = true)]
async fn serving_ends_only_when_the_last_replies_have_been_written() {
    let gate = Arc::new(Semaphore::new(0));
    let (entered, mut enters) = mpsc::channel::<()>(1);
    let inside = Arc::clone(&gate);
    let host = host().on_call(move |_, _| {
        let (gate, entered) = (Arc::clone(&inside), entered.clone());
        async move {
            entered.try_send(()).unwrap();
            gate.acquire().await.unwrap().forget();
            Ok(Bytes::from(vec![7; 120_000]))
        }
    });
    let wire = within(Relayed::new(&host.router(), 1, |s| s, |c| c)).await;
    let Ends { near, far, channel, mut server, .. } = wire.ends;
    let call = tokio::spawn(echo(&near).echo(message("x")));
    within(enters.recv()).await.unwrap();
    server.shut_down();
    let report = tokio::spawn(server.report());
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    // It was told of the drain. It reads nothing now: the reply is handed to the transport, which does not take it.
    wire.to_near.stop();
    gate.add_permits(1);
    until(|| far.is_closed()).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!report.is_finished() && !call.is_finished(), "the reply has not left yet");
    wire.to_near.go();
    let report = within(report).await.unwrap();
    assert_eq!((report.open, report.drained, report.cut, report.calls_cut), (1, 1, 0, 0));
    assert_eq!(within(call).await.unwrap().unwrap().payload.len(), 120_000);
    let reason = within(near.closed()).await;
    assert!(reason.is_clean() && reason.by() == EndedBy::Peer, "the GOAWAY came too: {reason}");
    drop(channel);
}

#[test]
fn a_process_that_leaves_when_serving_ends_loses_no_reply() {
    let clients = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (entered, mut enters) = mpsc::channel::<()>(1);
    let host = host().on_call(move |_, _| {
        entered.try_send(()).unwrap();
        // As large as one batch can be: it is the transport's, or lost, when the machine is done.
        async { Ok(Bytes::from(vec![7; 120_000])) }
    });
    for _ in 0..10 {
        let (near, far) = tokio::io::duplex(1 << 10);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let router = host.router();
        let server = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let bound = Server::new(router).bind().await.unwrap();
                bound.handle().serve_over(far).unwrap();
                bound.serve_until(stopped).await
            })
        });
        let channel =
            clients.block_on(within(Channel::builder("tcp://memory:1").connect_over(near))).unwrap();
        let call = clients.spawn(EchoClient::new(&channel).echo(message("x")));
        clients.block_on(within(enters.recv())).unwrap();
        stop.send(()).unwrap();
        let reply = clients.block_on(within(call)).unwrap().unwrap();
        assert_eq!(reply.payload.len(), 120_000);
        let report = server.join().unwrap();
        assert_eq!((report.drained, report.cut), (1, 0));
    }
}

#[tokio::test]
async fn a_drain_waits_for_what_handlers_detached() {
    let gate = Arc::new(Semaphore::new(0));
    let (ran, mut runs) = mpsc::channel::<()>(1);
    let inside = Arc::clone(&gate);
    let host = host().on_call(move |ctx, payload| {
        let (gate, ran) = (Arc::clone(&inside), ran.clone());
        ctx.detach(async move {
            gate.acquire().await.unwrap().forget();
            ran.try_send(()).unwrap();
        });
        async move { Ok(payload) }
    });
    let mut ends = Ends::new(Over::Memory, &host).await;
    within(echo(&ends.near).echo(message("x"))).await.unwrap();
    ends.server.shut_down();
    let reason = within(ends.near.closed()).await;
    assert!(reason.is_clean(), "{reason}");
    let report = tokio::spawn(ends.server.report());
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!report.is_finished() && runs.try_recv().is_err());
    gate.add_permits(1);
    let report = within(report).await.unwrap();
    assert_eq!((report.drained, report.cut), (1, 0));
    runs.try_recv().expect("it was done when serving ended");
}
