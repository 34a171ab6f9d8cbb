//! Peers that are dead, silent, stuck or speak something else: every wait has a bound, and nobody spins.

use std::sync::Arc;
use std::sync::Mutex;
use std::task::{Context as Cx, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use protocall::{Channel, Code, EndedBy, Error, Router, Server, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::support::{Ends, HELLO, Over, Running, echo, fill, host, message, until, within};

#[tokio::test(start_paused = true)]
async fn a_peer_that_stops_reading_is_given_up_and_its_driver_ends() {
    let server = Running::start(Server::new(host().router())).await;
    let (mut peer, ours) = tokio::io::duplex(1 << 10);
    let session = server.handle.serve_over(ours).unwrap();
    peer.write_all(&HELLO).await.unwrap();
    let tasks = tokio::runtime::Handle::current().metrics();
    let before = tasks.num_alive_tasks();
    // More than fits between the two: nobody reads it.
    while echo(&session).note(message([7; 1_000])).try_send().is_ok() {}
    let reason = within(session.closed()).await;
    assert_eq!((reason.by(), reason.name()), (EndedBy::Us, "TIMEOUT"), "{reason}");
    assert!(reason.text().contains("write_stall"), "{reason}");
    // The driver goes, though the peer never reads what is left.
    tokio::time::advance(Duration::from_secs(40)).await;
    until(|| tasks.num_alive_tasks() < before).await;
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn closing_towards_a_peer_that_does_not_read_ends_soon() {
    let server = Running::start(Server::new(host().router())).await;
    let (mut peer, ours) = tokio::io::duplex(1 << 10);
    let tasks = tokio::runtime::Handle::current().metrics();
    let before = tasks.num_alive_tasks();
    let session = server.handle.serve_over(ours).unwrap();
    peer.write_all(&HELLO).await.unwrap();
    while echo(&session).note(message([7; 1_000])).try_send().is_ok() {}
    session.close();
    within(async {
        // An idle runtime moves the clock; one that spins never does.
        tokio::time::sleep(Duration::from_secs(40)).await;
    })
    .await;
    assert_eq!(tasks.num_alive_tasks(), before);
    drop(peer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_its_thread_holds_up_nobody_else() {
    let (entered, mut enters) = mpsc::channel::<()>(1);
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (release, released) = (Mutex::new(release), Arc::new(Mutex::new(released)));
    let host = host().on_call(move |_, payload| {
        let (entered, released) = (entered.clone(), Arc::clone(&released));
        let release = release.lock().unwrap().clone();
        async move {
            match &payload[..] {
                b"block" => {
                    entered.try_send(()).unwrap();
                    released.lock().unwrap().recv_timeout(Duration::from_secs(30)).unwrap();
                }
                _ => release.send(()).unwrap(),
            }
            Ok(payload)
        }
    });
    let ends = Ends::new(Over::Tcp, &host).await;
    for caller in ends.both() {
        let blocked = tokio::spawn(echo(&caller).echo(message("block")));
        within(enters.recv()).await.unwrap();
        within(echo(&caller).echo(message("go"))).await.unwrap();
        within(blocked).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_push_handler_runs_to_its_end_and_is_told_when_the_connection_ends() {
    for swapped in [false, true] {
        let (entered, mut enters) = mpsc::channel::<()>(1);
        let (told, mut tells) = mpsc::channel::<()>(1);
        let host = host().on_note(move |ctx, _| {
            let (entered, told) = (entered.clone(), told.clone());
            async move {
                entered.try_send(()).unwrap();
                ctx.cancelled().await;
                assert!(ctx.is_cancelled());
                tokio::task::yield_now().await;
                told.try_send(()).unwrap();
                Ok(())
            }
        });
        let ends = Ends::new(Over::Tcp, &host).await;
        let [near, far] = ends.both();
        let (pusher, other) = if swapped { (far, near) } else { (near, far) };
        echo(&pusher).note(message("wait")).await.unwrap();
        within(enters.recv()).await.unwrap();
        other.close();
        within(tells.recv()).await.unwrap();
    }
}

/// The waker of a task that is gone.
struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

/// Polls something in a thousand tasks, of which nobody may hold anything afterwards.
fn poll_in_many_tasks(mut poll: impl FnMut(&mut Cx<'_>)) {
    let tasks: Vec<_> = (0..1_000).map(|_| Arc::new(Task)).collect();
    for task in &tasks {
        let waker = Waker::from(Arc::clone(task));
        poll(&mut Cx::from_waker(&waker));
    }
    let held = tasks.iter().filter(|task| Arc::strong_count(task) > 1).count();
    assert_eq!(held, 0, "tasks that are gone are still held");
}

#[tokio::test]
async fn waiting_again_and_again_for_the_end_holds_no_memory() {
    let ends = Ends::new(Over::Memory, &host()).await;
    poll_in_many_tasks(|cx| {
        let mut closed = Box::pin(ends.near.closed());
        assert!(closed.as_mut().poll(cx).is_pending());
        assert!(closed.as_mut().poll(cx).is_pending());
    });
}

#[tokio::test]
async fn a_push_that_waits_and_is_dropped_again_and_again_holds_no_memory() {
    let (entered, mut enters) = mpsc::channel::<()>(1);
    let host = host().on_note(move |_, _| {
        let _ = entered.try_send(());
        std::future::pending()
    });
    let ends = Ends::new(Over::Memory, &host).await;
    fill(&ends.near, 50_000).await;
    within(enters.recv()).await.unwrap();
    poll_in_many_tasks(|cx| {
        let mut push = Box::pin(echo(&ends.near).note(message([0; 60_000])));
        assert!(push.as_mut().poll(cx).is_pending());
    });
}

#[tokio::test]
async fn waiting_again_and_again_to_be_cancelled_holds_no_memory() {
    let (ctxs, mut got) = mpsc::channel(1);
    let host = host().on_call(move |ctx, _| {
        ctxs.try_send(ctx).unwrap();
        std::future::pending()
    });
    let ends = Ends::new(Over::Memory, &host).await;
    let _call = tokio::spawn(echo(&ends.near).echo(message("x")));
    let ctx = within(got.recv()).await.unwrap();
    poll_in_many_tasks(|cx| {
        let mut cancelled = Box::pin(ctx.cancelled());
        assert!(cancelled.as_mut().poll(cx).is_pending());
    });
}

#[tokio::test(start_paused = true)]
async fn waits_without_end_are_no_overflow() {
    let long = Duration::MAX;
    let ends = Ends::with(
        Over::Memory,
        Router::new(),
        host().router(),
        |s| s.connect_timeout(long).keepalive(long, long).write_stall(long).drain_timeout(long),
        |c| c.connect_timeout(long).keepalive(long, long).write_stall(long).timeout(long),
    )
    .await;
    let reply = within(echo(&ends.near).echo(message("x")).timeout(long)).await.unwrap();
    assert_eq!(reply.payload, Bytes::from_static(b"x"));
    let report = within(ends.server.report()).await;
    assert_eq!((report.drained, report.cut), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_in_the_buffer_when_the_peer_says_final_was_not_run() {
    let (ours, mut peer) = tokio::io::duplex(256);
    peer.write_all(&HELLO).await.unwrap();
    let channel = Channel::builder("tcp://x:1").connect_over(ours).await.unwrap();
    let session = channel.session().await.unwrap();
    // Nobody reads: the first fills what lies between, the second stays in our buffer.
    let first = tokio::spawn(echo(&session).echo(message([1; 10_000])));
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    let second = tokio::spawn(echo(&session).echo(message([2; 10_000])));
    let third = tokio::spawn(echo(&session).echo(message([3; 60_000])));
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    // GOAWAY FINAL, NONE: one call taken.
    let mut bytes = b"\0\0\0\x1a\x07\x01\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend_from_slice(&1u64.to_be_bytes());
    bytes.extend_from_slice(&0u64.to_be_bytes());
    peer.write_all(&bytes).await.unwrap();
    for call in [second, third] {
        let status = tokio::time::timeout(Duration::from_secs(5), call).await.unwrap().unwrap().unwrap_err();
        assert_eq!(status.code(), Code::UNAVAILABLE, "{status:?}");
        assert!(!status.may_have_run(), "{status:?}");
    }
    assert!(!first.is_finished());
    drop(peer);
    let status: Status = within(first).await.unwrap().unwrap_err();
    assert!(matches!(status.local(), Some(Error::Closed(_))), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_given_up_within_the_connect_timeout() {
    for half in [&b""[..], &HELLO[..9]] {
        let (ours, mut peer) = tokio::io::duplex(1 << 10);
        peer.write_all(half).await.unwrap();
        let builder = Channel::builder("tcp://x:1").connect_timeout(Duration::from_secs(3));
        let error = within(builder.connect_over(ours)).await.unwrap_err();
        assert!(error.to_string().contains("connect_timeout"), "{error}");
        // Nothing is left open: they said HELLO, and the reason.
        let mut said = Vec::new();
        within(peer.read_to_end(&mut said)).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_given_up_within_the_connect_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("tcp://{}", listener.local_addr().unwrap());
    let accepted = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut said = Vec::new();
        within(stream.read_to_end(&mut said)).await.unwrap();
    });
    let error = within(Channel::builder(&uri).connect_timeout(Duration::from_millis(100)).connect()).await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::ConnectTimeout { .. }), "{error}");
    accepted.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_holds_up_neither_its_credit_nor_the_next_push_of_a_lane() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let (entered, mut enters) = mpsc::channel::<()>(1);
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (releases, released) = (Arc::new(Mutex::new(release)), Arc::new(Mutex::new(released)));
    let inside = Arc::clone(&gate);
    let by_note = Arc::clone(&releases);
    let host = host()
        .on_call(move |_, payload| {
            let (entered, released) = (entered.clone(), Arc::clone(&released));
            let releases = Arc::clone(&releases);
            async move {
                match payload.first() {
                    Some(b'b') => {
                        entered.try_send(()).unwrap();
                        released.lock().unwrap().recv_timeout(Duration::from_secs(20)).unwrap();
                    }
                    _ => releases.lock().unwrap().send(()).unwrap(),
                }
                Ok(Bytes::new())
            }
        })
        .on_note(move |_, payload| {
            let (gate, releases) = (Arc::clone(&inside), Arc::clone(&by_note));
            async move {
                match &payload[..] {
                    b"waits" => gate.acquire().await.unwrap().forget(),
                    _ => releases.lock().unwrap().send(()).unwrap(),
                }
                Ok(())
            }
        });
    // One message as large as can be, and no second before the first is handed on.
    let narrow = |s: Server| s.max_message(200_000).receive_budget(220_000);
    let ends = Ends::with(Over::Tcp, Router::new(), host.router(), narrow, |c| c).await;
    for _ in 0..5 {
        // The credit: what blocks was handed on, so the next call has room.
        let blocked = tokio::spawn(echo(&ends.near).echo(message(vec![b'b'; 190_000])));
        within(enters.recv()).await.unwrap();
        within(echo(&ends.near).echo(message(vec![b'g'; 190_000]))).await.unwrap();
        within(blocked).await.unwrap().unwrap();
        // The lane: its first push is done while another handler blocks, and its second goes on.
        within(echo(&ends.near).note(message("waits"))).await.unwrap();
        within(echo(&ends.near).note(message("go"))).await.unwrap();
        within(ends.near.flushed()).await.unwrap();
        let blocked = tokio::spawn(echo(&ends.near).echo(message("b")));
        within(enters.recv()).await.unwrap();
        gate.add_permits(1);
        within(blocked).await.unwrap().unwrap();
    }
}
