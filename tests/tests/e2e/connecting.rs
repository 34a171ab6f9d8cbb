//! One attempt to connect for all who wait for it, and what waits outside of any runtime.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as Cx, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use protocall::{Channel, EndedBy, Error, Server, Status};
use protocall_tests::proto::echo::v1::EchoClient;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::{Ends, Over, Running, echo, host, message, until, within};

/// A listener that counts whom it takes, and does something about each when the gate lets it.
struct Slow {
    uri: String,
    accepted: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Slow {
    /// Serves who comes through the gate, or hangs up on them.
    async fn start(server: Option<&Running>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("tcp://{}", listener.local_addr().unwrap());
        let (accepted, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let (count, opens) = (Arc::clone(&accepted), Arc::clone(&gate));
        let handle = server.map(|server| server.handle.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                opens.acquire().await.unwrap().forget();
                if let Some(handle) = &handle {
                    handle.serve_over(stream).unwrap();
                }
            }
        });
        Self { uri, accepted, gate }
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn calls_shorter_than_the_way_to_connect_fail_and_the_connection_comes_about() {
    let server = Running::start(Server::new(host().router())).await;
    let slow = Slow::start(Some(&server)).await;
    let channel = Channel::builder(&slow.uri).connect_lazy().unwrap();
    let client = EchoClient::new(&channel);
    for _ in 0..3 {
        let short = client.echo(message("x")).timeout(Duration::from_millis(20));
        let status = within(short).await.unwrap_err();
        assert!(matches!(status.local(), Some(Error::NotSent { .. })), "{status:?}");
        assert!(!status.may_have_run());
    }
    until(|| slow.accepted() == 1).await;
    slow.gate.add_permits(1);
    within(client.echo(message("late"))).await.unwrap();
    assert_eq!(slow.accepted(), 1, "all have waited for one attempt");
}

#[tokio::test]
async fn all_who_wait_for_an_attempt_that_fails_are_told_the_same() {
    let slow = Slow::start(None).await;
    let channel = Channel::builder(&slow.uri).connect_lazy().unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..50 {
        calls.spawn(EchoClient::new(&channel).echo(message("x")));
    }
    until(|| slow.accepted() == 1).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    slow.gate.add_permits(1);
    let told: Vec<Status> =
        within(calls.join_all()).await.into_iter().map(|result| result.unwrap_err()).collect();
    assert!(told.iter().all(|status| !status.may_have_run()));
    assert!(told.iter().all(|status| status.to_string() == told[0].to_string()), "{told:?}");
    assert_eq!(slow.accepted(), 1);
    // What failed is not kept: the next one tries anew.
    slow.gate.add_permits(1);
    within(EchoClient::new(&channel).echo(message("x"))).await.unwrap_err();
    assert_eq!(slow.accepted(), 2);
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread, which no runtime knows of.
fn by_hand<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Cx::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn what_waits_outside_of_a_runtime_has_its_deadline_all_the_same() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let inside = Arc::clone(&gate);
    let host = host().on_call(move |_, payload| {
        let gate = Arc::clone(&inside);
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(payload)
        }
    });
    let ends = runtime.block_on(Ends::with(
        Over::Tcp,
        host.router(),
        host.on_note(|_, _| std::future::pending()).router(),
        |s| s.max_in_flight(64),
        |c| c,
    ));
    let calls: Vec<_> = (0..64).map(|_| runtime.spawn(echo(&ends.near).echo(message("x")))).collect();
    runtime.block_on(until(|| ends.far.stats().calls_in == 64));
    let short = Duration::from_millis(20);
    let status = by_hand(echo(&ends.near).echo(message("late")).timeout(short)).unwrap_err();
    assert!(matches!(status.local(), Some(Error::NotSent { .. })), "{status:?}");
    gate.add_permits(65);
    by_hand(echo(&ends.near).echo(message("y"))).unwrap();
    for call in calls {
        runtime.block_on(within(call)).unwrap().unwrap();
    }
    let status = by_hand(async {
        loop {
            if let Err(status) = echo(&ends.near).note(message([0; 30_000])).timeout(short).await {
                return status;
            }
        }
    });
    assert!(matches!(status.local(), Some(Error::NotSent { .. })), "{status:?}");
    // There is no runtime to connect on, and it says so.
    let lazy = Channel::builder("tcp://127.0.0.1:1").connect_lazy().unwrap();
    let status = by_hand(EchoClient::new(&lazy).echo(message("x"))).unwrap_err();
    assert!(matches!(status.local(), Some(Error::NoRuntime)), "{status:?}");
}

#[tokio::test]
async fn a_channel_tells_when_and_why_its_connection_ends() {
    let server = Running::start(Server::new(host().router()).listen("tcp://127.0.0.1:0")).await;
    let channel = Channel::builder(&server.uri).connect_lazy().unwrap();
    let client = EchoClient::new(&channel);
    // Before the first connection it waits for that.
    let early = tokio::spawn({
        let channel = channel.clone();
        async move { channel.closed().await }
    });
    tokio::task::yield_now().await;
    within(client.echo(message("x"))).await.unwrap();
    assert!(!early.is_finished());
    server.handle.sessions()[0].close();
    let reason = within(early).await.unwrap();
    assert_eq!(reason.by(), EndedBy::Peer, "{reason}");
    // It has ended: at once, until a call has connected again.
    assert_eq!(within(channel.closed()).await, reason);
    within(client.echo(message("x"))).await.unwrap();
    channel.close();
    let reason = within(channel.closed()).await;
    assert!(reason.by() == EndedBy::Us && reason.is_clean(), "{reason}");
    within(client.echo(message("and again"))).await.unwrap();
}
