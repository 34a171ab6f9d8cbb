//! What calls and hostile peers cost in memory, counted by an allocator. One test, since others would be counted too.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod idle;
mod large;
mod queued;
mod raw;
mod streams;
mod unread;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use protocall::{Channel, Context, RecvStream, Router, SendStream, Server, Session, Status};
use protocall_tests::proto::echo::v1::{Echo, EchoClient, EchoReply, EchoRequest, EchoServer, RepeatRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);
static LIVE: AtomicUsize = AtomicUsize::new(0);
/// Blocks of half a MiB and more.
static LARGE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is done by the system's allocator.
#[expect(unsafe_code, reason = "an allocator that counts")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        LARGE.fetch_add(usize::from(layout.size() >= 512 << 10), Ordering::Relaxed);
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Host {
    pends: bool,
}

impl Echo for Host {
    async fn echo(&self, _: &Context, req: EchoRequest) -> Result<EchoReply, Status> {
        if self.pends {
            tokio::task::yield_now().await;
        }
        Ok(EchoReply { payload: req.payload })
    }

    async fn note(&self, _: &Context, _: EchoRequest) -> Result<(), Status> {
        Ok(())
    }

    async fn repeat(&self, _: &Context, _: RepeatRequest, _: SendStream<EchoReply>) -> Result<(), Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn gather(&self, _: &Context, _: RecvStream<EchoRequest>) -> Result<EchoReply, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn converse(
        &self,
        _: &Context,
        _: RecvStream<EchoRequest>,
        _: SendStream<EchoReply>,
    ) -> Result<(), Status> {
        Err(Status::unimplemented("not here"))
    }
}

fn current<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// How the two ends are joined.
#[derive(Clone, Copy, Debug)]
enum Over {
    Memory,
    Tcp,
}

/// Allocations a call, both ends together, on one thread. The clock stands still: on a machine that is held up a quick
/// handler would look slow, and slow ones cost a task.
async fn a_call_costs(over: Over, pends: bool, in_flight: usize) -> f64 {
    tokio::time::pause();
    // Such a clock goes on by itself when nothing else does, but not while a thread blocks.
    let (done, blocked) = tokio::sync::oneshot::channel::<()>();
    let blocking = tokio::task::spawn_blocking(move || blocked.blocking_recv());
    let router = Router::new().add(EchoServer::new(Host { pends }));
    let client = match over {
        Over::Memory => EchoClient::new(router),
        Over::Tcp => {
            let bound = Server::new(router).listen("tcp://127.0.0.1:0").bind().await.unwrap();
            let address = bound.local_addrs()[0].to_string();
            tokio::spawn(bound.serve());
            EchoClient::new(Channel::connect(address).await.unwrap())
        }
    };
    let payload = Bytes::from_static(&[7; 100]);
    let rounds = 20_000 / in_flight;
    let mut calls = Vec::with_capacity(in_flight);
    let mut before = 0;
    for round in 0..2 * rounds {
        if round == rounds {
            before = COUNT.load(Ordering::Relaxed);
        }
        for _ in 0..in_flight {
            calls.push(client.echo(EchoRequest { payload: payload.clone() }));
        }
        // All of them are polled before any is done: so many are in flight.
        let mut left = in_flight;
        std::future::poll_fn(|cx| {
            calls.retain_mut(|call| match std::pin::Pin::new(call).poll(cx) {
                std::task::Poll::Ready(reply) => {
                    assert_eq!(reply.unwrap().payload.len(), 100);
                    left -= 1;
                    false
                }
                std::task::Poll::Pending => true,
            });
            if left == 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
    let count = COUNT.load(Ordering::Relaxed) - before;
    drop(done);
    let _ = blocking.await;
    count as f64 / (rounds * in_flight) as f64
}

async fn hostile(bytes: Vec<u8>, times: usize) -> usize {
    let router = Router::new().add(EchoServer::new(Host { pends: false }));
    let bound = Server::new(router).bind().await.unwrap();
    let handle = bound.handle();
    let serving = tokio::spawn(bound.serve());
    let (mut peer, ours) = tokio::io::duplex(64 << 10);
    let before = LIVE.load(Ordering::Relaxed);
    let session: Session = handle.serve_over(ours).unwrap();
    let mut most = 0;
    if peer.write_all(&raw::hello(&[])).await.is_ok() {
        for _ in 0..times {
            // It may be given up in the middle; it never reads.
            if peer.write_all(&bytes).await.is_err() || session.is_closed() {
                break;
            }
            most = most.max(LIVE.load(Ordering::Relaxed).saturating_sub(before));
        }
    }
    tokio::task::yield_now().await;
    most = most.max(LIVE.load(Ordering::Relaxed).saturating_sub(before));
    drop(session);
    let mut said = [0; 1 << 10];
    let _ = peer.read(&mut said).await;
    serving.abort();
    most
}

fn ping(number: u64) -> Vec<u8> {
    raw::frame(0x05, 0, 0, &number.to_be_bytes())
}

#[test]
fn memory_is_bounded_and_a_call_costs_few_allocations() {
    // Two, four if the handler is not done at its first poll; and buffers are renewed now and then.
    for (pends, in_flight, most) in [(false, 1, 2.05), (false, 64, 2.1), (true, 1, 4.05), (true, 64, 4.1)] {
        for over in [Over::Memory, Over::Tcp] {
            let each = current(a_call_costs(over, pends, in_flight));
            println!("{over:?}, pends {pends}, {in_flight} in flight: {each:.3} allocations a call");
            assert!(each <= most, "{over:?}, pends {pends}, {in_flight} in flight: {each}");
        }
    }
    let pings: Vec<u8> = (1..=10_000).flat_map(ping).collect();
    let blocked_and_push = b"\0\0\0\x0e\x09\x10\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff".to_vec();
    let cases = [
        ("ten million pings", pings, 1_000),
        ("asking for credit", blocked_and_push.repeat(1_000), 1_000),
        ("a length of 0", vec![0; 4], 1),
        ("a length of all", vec![0xff; 5], 1),
        ("the limit and nothing after", b"\0\x01\x48\0\x80".to_vec(), 1),
    ];
    for (what, bytes, times) in cases {
        let most = current(hostile(bytes, times));
        println!("{what}: {} KiB held", most >> 10);
        assert!(most < 2 << 20, "{what}: {most} bytes");
    }
    current(idle::connections_that_rest_hold_little());
    current(large::a_large_message_has_room_made_for_it_only_where_it_is_read());
    streams::streams_hold_what_they_were_granted();
    unread::what_nobody_takes_is_bounded();
    current(queued::a_push_to_many_costs_few_allocations());
    current(queued::receivers_that_do_not_read_hold_no_more_than_their_bound());
}
