//! What waits in a lane is run in one go: each push by itself all the same, in order, and nobody else waits long for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;

use bytes::Bytes;
use prost::Message as _;
use protocall::{Context, Server, Session};
use tokio::io::AsyncWriteExt as _;

use crate::support::{Ends, HELLO, Over, Running, echo, host, message, until, within};

/// The numbers that were seen, in order.
type Seen = Arc<Mutex<Vec<u32>>>;

fn numbered(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

fn number(payload: &Bytes) -> u32 {
    u32::from_be_bytes(payload[..].try_into().unwrap())
}

async fn push_all(pusher: &Session, count: u32) {
    for n in 0..count {
        within(echo(pusher).note(message(numbered(n)))).await.unwrap();
    }
    within(pusher.flushed()).await.unwrap();
}

#[tokio::test]
async fn a_handler_that_panics_costs_its_own_push_alone() {
    let seen = Seen::default();
    let into = Arc::clone(&seen);
    let host = host().on_note(move |_, payload| {
        let (seen, n) = (Arc::clone(&into), number(&payload));
        async move {
            assert_ne!(n, 50, "a panic at the first poll");
            if n % 60 == 1 {
                tokio::task::yield_now().await;
            }
            assert_ne!(n, 61, "a panic at a later one");
            seen.lock().unwrap().push(n);
            Ok(())
        }
    });
    let ends = Ends::new(Over::Tcp, &host).await;
    for pusher in ends.both() {
        push_all(&pusher, 200).await;
        until(|| seen.lock().unwrap().len() == 198).await;
        let numbers = std::mem::take(&mut *seen.lock().unwrap());
        assert!(numbers.iter().copied().eq((0..200).filter(|n| ![50, 61].contains(n))), "{numbers:?}");
        within(echo(&pusher).echo(message("still there"))).await.unwrap();
    }
}

#[tokio::test]
async fn each_push_has_a_context_of_its_own() {
    let kept = Arc::new(Mutex::new(Vec::<(u32, Context)>::new()));
    let into = Arc::clone(&kept);
    let host = host().on_note(move |ctx, payload| {
        let (kept, n) = (Arc::clone(&into), number(&payload));
        async move {
            assert!(ctx.extension::<u32>().is_none(), "left by another push");
            assert_eq!(ctx.metadata().get_str("n").is_some(), n % 3 == 0);
            ctx.insert_extension(n);
            if n % 5 == 0 || n == 99 {
                kept.lock().unwrap().push((n, ctx));
            }
            Ok(())
        }
    });
    let ends = Ends::new(Over::Tcp, &host).await;
    for pusher in ends.both() {
        for n in 0..100 {
            let push = echo(&pusher).note(message(numbered(n)));
            let push = if n % 3 == 0 { push.metadata("n", n.to_string()) } else { push };
            within(push).await.unwrap();
        }
        until(|| kept.lock().unwrap().last().is_some_and(|(n, _)| *n == 99)).await;
        let kept = std::mem::take(&mut *kept.lock().unwrap());
        assert_eq!(kept.len(), 21);
        for (n, ctx) in kept {
            assert_eq!(*ctx.extension::<u32>().unwrap(), n);
            let expected = (n % 3 == 0).then(|| n.to_string());
            assert_eq!(ctx.metadata().get_str("n"), expected.as_deref());
        }
    }
    ends.idle().await;
}

/// What a handler leaves in its context.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a panic when the context is dropped");
    }
}

#[tokio::test]
async fn what_panics_when_a_context_is_dropped_costs_nobody_else() {
    let seen = Seen::default();
    let into = Arc::clone(&seen);
    let host = host()
        .on_note(move |ctx, payload| {
            into.lock().unwrap().push(number(&payload));
            ctx.insert_extension(Bomb);
            async { Ok(()) }
        })
        .on_call(|ctx, payload| {
            ctx.insert_extension(Bomb);
            async { Ok(payload) }
        });
    let mut ends = Ends::new(Over::Tcp, &host).await;
    for pusher in ends.both() {
        for n in 0..50 {
            within(echo(&pusher).note(message(numbered(n)))).await.unwrap();
            if n % 10 == 9 {
                // One alone is the first and the last of its turn.
                until(|| seen.lock().unwrap().len() == n as usize + 1).await;
                within(echo(&pusher).echo(message("answered"))).await.unwrap();
            }
        }
        assert!(std::mem::take(&mut *seen.lock().unwrap()).into_iter().eq(0..50));
    }
    ends.idle().await;
    ends.server.shut_down();
    let report = within(ends.server.report()).await;
    assert_eq!(report.cut, 0);
}

/// The handler of push 5 blocks its thread until it is told to go on.
fn blocking(seen: &Seen) -> (crate::support::Host, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (entered, enters) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let (seen, released) = (Arc::clone(seen), Arc::new(Mutex::new(released)));
    let host = host().on_note(move |_, payload| {
        let (seen, n) = (Arc::clone(&seen), number(&payload));
        if n == 5 {
            entered.send(()).unwrap();
            let _ = released.lock().unwrap().recv();
        }
        seen.lock().unwrap().push(n);
        async { Ok(()) }
    });
    (host, enters, release)
}

/// Keeps the workers going until it is dropped: when the one blocks that waited for sockets and alarms, tokio does not send
/// another to wait for them before there is something else to do.
struct Ticks(Arc<AtomicBool>);

impl Ticks {
    fn begin() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (runtime, stopped) = (tokio::runtime::Handle::current(), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                runtime.spawn(async {});
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        Self(stop)
    }
}

impl Drop for Ticks {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_holds_up_its_lane_and_no_call() {
    let seen = Seen::default();
    let (host, enters, release) = blocking(&seen);
    let _ticks = Ticks::begin();
    let ends = Ends::new(Over::Tcp, &host).await;
    for pusher in ends.both() {
        push_all(&pusher, 100).await;
        tokio::task::block_in_place(|| enters.recv().unwrap());
        for _ in 0..10 {
            within(echo(&pusher).echo(message("meanwhile"))).await.unwrap();
        }
        assert_eq!(seen.lock().unwrap().len(), 5);
        release.send(()).unwrap();
        until(|| seen.lock().unwrap().len() == 100).await;
        let numbers = std::mem::take(&mut *seen.lock().unwrap());
        assert!(numbers.iter().copied().eq(0..100), "{numbers:?}");
    }
    ends.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pushes_that_were_taken_are_run_though_the_connection_ends_before() {
    for end in 0..2 {
        let seen = Seen::default();
        let (host, enters, release) = blocking(&seen);
        let _ticks = Ticks::begin();
        let ends = Ends::new(Over::Tcp, &host).await;
        let pusher = ends.both()[end].clone();
        push_all(&pusher, 100).await;
        tokio::task::block_in_place(|| enters.recv().unwrap());
        pusher.close();
        within(pusher.closed()).await;
        release.send(()).unwrap();
        until(|| seen.lock().unwrap().len() == 100).await;
        assert!(seen.lock().unwrap().iter().copied().eq(0..100));
    }
}

#[tokio::test]
async fn a_task_that_pushes_in_a_loop_lets_others_run() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    for pusher in ends.both() {
        within(echo(&pusher).note(message(""))).await.unwrap();
        let ran = Arc::new(AtomicBool::new(false));
        let other = Arc::clone(&ran);
        tokio::spawn(async move { other.store(true, Ordering::SeqCst) });
        // There is room for many more: none of these waits.
        for _ in 0..1_000 {
            echo(&pusher).note(message("")).await.unwrap();
        }
        assert!(ran.load(Ordering::SeqCst));
    }
}

#[tokio::test]
async fn what_a_peer_pushed_before_it_went_is_run_to_the_last_though_one_turn_does_not_take_it_all() {
    for count in [1_u32, 255, 256, 257, 600, 2_000] {
        let seen = Seen::default();
        let into = Arc::clone(&seen);
        let host = host().on_note(move |_, payload| {
            into.lock().unwrap().push(number(&payload));
            async { Ok(()) }
        });
        let server = Running::start(Server::new(host.router())).await;
        let mut bytes = HELLO.to_vec();
        for n in 0..count {
            bytes.extend_from_slice(&note_frame(n));
        }
        // All of it is there, and the end behind it, before the server looks for the first time.
        let (mut peer, ours) = tokio::io::duplex(bytes.len());
        peer.write_all(&bytes).await.unwrap();
        peer.shutdown().await.unwrap();
        let session = server.handle.serve_over(ours).unwrap();
        within(session.closed()).await;
        until(|| seen.lock().unwrap().len() == count as usize).await;
        assert!(seen.lock().unwrap().iter().copied().eq(0..count), "{count}: out of order");
    }
}

#[tokio::test]
async fn no_push_is_lost_or_passes_another_wherever_the_time_of_a_turn_is_up() {
    let seen = Seen::default();
    let into = Arc::clone(&seen);
    let host = host().on_note(move |_, payload| {
        // Quick for some, and never long: turns end anywhere.
        let n = number(&payload);
        for work in 0..n % 8 * 500 {
            std::hint::black_box(work);
        }
        into.lock().unwrap().push(n);
        async { Ok(()) }
    });
    let ends = Ends::new(Over::Tcp, &host).await;
    for pusher in ends.both() {
        for n in 0..4_000 {
            let push = echo(&pusher).note(message(numbered(n)));
            // Alone, some in a row, and many in a row.
            let alone = n % 100 < 20 || n % 3 == 0 && n % 100 < 50;
            let push = if alone { push.metadata("n", "alone") } else { push };
            within(push).await.unwrap();
        }
        until(|| seen.lock().unwrap().len() == 4_000).await;
        assert!(seen.lock().unwrap().drain(..).eq(0..4_000), "out of order");
    }
    ends.idle().await;
}

#[tokio::test]
async fn a_reply_beside_a_trickle_of_pushes_leaves_soon() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    for (caller, pusher) in [(ends.near.clone(), ends.far.clone()), (ends.far.clone(), ends.near.clone())] {
        within(echo(&pusher).note(message(""))).await.unwrap();
        let call = tokio::spawn(echo(&caller).echo(message("x")));
        // A task as the driver is, which has its turn as often.
        let pushing = tokio::spawn(async move {
            let mut rounds = 0;
            while !call.is_finished() {
                // Some at a time, so that more have come whenever the driver looks, and very small.
                for _ in 0..3 {
                    echo(&pusher).note(message("")).await.unwrap();
                }
                rounds += 1;
                run_others().await;
            }
            call.await.unwrap().unwrap();
            rounds
        });
        let rounds = within(pushing).await.unwrap();
        // 32 KiB of them are some 900 rounds.
        assert!(rounds < 300, "the reply waited for {rounds} rounds of pushes");
    }
}

/// Lets the tasks run that are ready, as the driver does. (`yield_now` waits until there are none.)
async fn run_others() {
    let mut ran = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut ran, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// PUSH by its full name in lane 0 (docs/wire.md 10.1).
fn note_frame(number: u32) -> Vec<u8> {
    let route = "echo.v1.Echo/Note";
    let message = message(numbered(number)).encode_to_vec();
    let length = 6 + 2 + route.len() + message.len();
    let mut frame = u32::try_from(length).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(&[0x20, 0x20, 0, 0, 0, 0]);
    frame.extend_from_slice(&u16::try_from(route.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(route.as_bytes());
    frame.extend_from_slice(&message);
    frame
}
