//! What calls cost in writes, reads and wake-ups: counted on a real socket, so that a lost gathering or a wake-up too many
//! fails without a clock. Both ends are in one process, on one thread.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as Cx, Poll};
use std::time::Duration;

use bytes::Bytes;
use protocall::{Call, Channel, Context, Router, SendStream, Server, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A message of 110 bytes.
#[protocall::message]
#[derive(Clone, PartialEq)]
struct Packet {
    #[prost(fixed64, tag = "1")]
    seq: u64,
    #[prost(bytes = "bytes", tag = "2")]
    body: Bytes,
}

#[protocall::service(package = "turns.v1")]
trait Mirror {
    async fn echo(&self, ctx: &Context, packet: Packet) -> Result<Packet, Status>;
    /// The same, but lets others run first.
    async fn wait(&self, ctx: &Context, packet: Packet) -> Result<Packet, Status>;
    /// The same, as often as its number says.
    async fn flow(&self, ctx: &Context, packet: Packet, out: SendStream<Packet>) -> Result<(), Status>;
}

struct Glass;

impl Mirror for Glass {
    async fn echo(&self, _: &Context, packet: Packet) -> Result<Packet, Status> {
        Ok(packet)
    }

    async fn wait(&self, _: &Context, packet: Packet) -> Result<Packet, Status> {
        tokio::task::yield_now().await;
        Ok(packet)
    }

    async fn flow(&self, _: &Context, packet: Packet, mut out: SendStream<Packet>) -> Result<(), Status> {
        for _ in 0..packet.seq {
            out.send(packet.clone()).await?;
        }
        Ok(())
    }
}

/// What one end asked of its stream.
#[derive(Default)]
struct Counts {
    writes: AtomicUsize,
    reads: AtomicUsize,
    /// Of those, the ones that found nothing: the driver makes one in each of its turns.
    empty_reads: AtomicUsize,
}

/// A stream that counts.
struct Counted<T>(T, Arc<Counts>);

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Cx<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self(io, counts) = self.get_mut();
        let read = Pin::new(io).poll_read(cx, buffer);
        counts.reads.fetch_add(1, Ordering::Relaxed);
        counts.empty_reads.fetch_add(usize::from(read.is_pending()), Ordering::Relaxed);
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Cx<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self(io, counts) = self.get_mut();
        counts.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Cx<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self(io, counts) = self.get_mut();
        counts.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}

/// What a call cost.
#[derive(Clone, Copy)]
struct Cost {
    /// The client's and the server's.
    writes: [f64; 2],
    reads: [f64; 2],
    empty_reads: [f64; 2],
    /// How often its caller was woken to look.
    polls: f64,
    /// How often the thread went to sleep.
    parks: f64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { writes, reads, empty_reads, polls, parks } = self;
        write!(f, "a call, client and server: writes {writes:.3?}, reads {reads:.3?}, ")?;
        write!(f, "{empty_reads:.3?} of them empty; polls {polls:.3}, parks {parks:.3}")
    }
}

/// All that is counted, so far.
struct Tally {
    ends: [[usize; 3]; 2],
    polls: usize,
    parks: u64,
}

#[derive(Default)]
struct Counter {
    ends: [Arc<Counts>; 2],
    polls: AtomicUsize,
}

impl Counter {
    fn tally(&self) -> Tally {
        let of = |end: &Arc<Counts>| {
            [&end.writes, &end.reads, &end.empty_reads].map(|count| count.load(Ordering::Relaxed))
        };
        let parks = Handle::current().metrics().worker_park_count(0);
        Tally { ends: self.ends.each_ref().map(of), polls: self.polls.load(Ordering::Relaxed), parks }
    }
}

impl Tally {
    fn cost_since(&self, before: &Self, calls: usize) -> Cost {
        let each = |now: usize, then: usize| (now - then) as f64 / calls as f64;
        let of = |what: usize| [0, 1].map(|end| each(self.ends[end][what], before.ends[end][what]));
        Cost {
            writes: of(0),
            reads: of(1),
            empty_reads: of(2),
            polls: each(self.polls, before.polls),
            parks: (self.parks - before.parks) as f64 / calls as f64,
        }
    }
}

/// A server's task, and a client of it.
struct Ends {
    client: MirrorClient,
    serving: JoinHandle<()>,
}

impl Ends {
    async fn over<T: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        near: T,
        far: T,
        counter: &Counter,
    ) -> Self {
        let bound = Server::new(Router::new().add(MirrorServer::new(Glass))).bind().await.unwrap();
        let handle = bound.handle();
        let serving = tokio::spawn(bound.serve());
        handle.serve_over(Counted(far, Arc::clone(&counter.ends[1]))).unwrap();
        let near = Counted(near, Arc::clone(&counter.ends[0]));
        let channel = Channel::builder("tcp://counted:1").connect_over(near).await.unwrap();
        Self { client: MirrorClient::new(channel), serving }
    }
}

/// Which method is called.
type Make = fn(&MirrorClient, Packet) -> Call<Packet, Packet>;

const ECHO: Make = |client, packet| client.echo(packet);
const WAIT: Make = |client, packet| client.wait(packet);

/// A connection over TCP.
async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

/// Has so many items of `size` bytes sent, to who lets others run so often for each, and counts what each cost.
async fn cost_of_items(size: usize, items: usize, pauses: usize) -> Cost {
    let (near, far) = sockets().await;
    let counter = Arc::new(Counter::default());
    let Ends { client, serving } = Ends::over(near, far, &counter).await;
    ECHO(&client, Packet::default()).await.unwrap();
    let before = counter.tally();
    // On a task of its own, as most are.
    let reading = tokio::spawn(async move {
        let packet = Packet { seq: items as u64, body: vec![7; size].into() };
        let mut packets = client.flow(packet).await.unwrap();
        let mut read = 0;
        while packets.next().await.unwrap().is_some() {
            read += 1;
            for _ in 0..pauses {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(read, items);
    });
    reading.await.unwrap();
    let cost = counter.tally().cost_since(&before, items);
    serving.abort();
    cost
}

/// Makes calls in so many closed loops at once, over TCP, and counts what the later half of them cost.
async fn cost_of_calls(make: Make, in_flight: usize) -> Cost {
    let (near, far) = sockets().await;
    let counter = Arc::new(Counter::default());
    let Ends { client, serving } = Ends::over(near, far, &counter).await;
    // Past the calls of a new connection, whose handlers are watched.
    make_calls(make, &client, &counter, in_flight).await;
    let before = counter.tally();
    make_calls(make, &client, &counter, in_flight).await;
    let cost = counter.tally().cost_since(&before, 2_048);
    serving.abort();
    cost
}

async fn make_calls(make: Make, client: &MirrorClient, counter: &Arc<Counter>, loops: usize) {
    let each = 2_048 / loops;
    let spawn = |number| {
        let (client, counter) = (client.clone(), Arc::clone(counter));
        tokio::spawn(async move {
            for seq in number..number + each as u64 {
                let packet = Packet { seq, body: Bytes::from_static(&[7; 99]) };
                let mut call = pin!(make(&client, packet.clone()));
                let reply = std::future::poll_fn(|cx| {
                    counter.polls.fetch_add(1, Ordering::Relaxed);
                    call.as_mut().poll(cx)
                });
                assert!(reply.await.unwrap() == packet);
            }
        })
    };
    let tasks: Vec<_> = (0..loops as u64).map(spawn).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// On one thread whose clock stands still: on a machine that is held up a quick handler would look slow.
fn on_current_thread(cost: impl Future<Output = Cost>) -> Cost {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        // A clock that is paused goes on by itself when nothing else does, but not while a thread blocks.
        let (done, blocked) = oneshot::channel::<()>();
        let blocking = tokio::task::spawn_blocking(move || blocked.blocking_recv());
        let cost = cost.await;
        drop(done);
        let _ = blocking.await;
        cost
    })
}

/// On one worker, where a task that was just woken runs next.
fn on_a_worker(make: Make, in_flight: usize) -> Cost {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(cost_of_calls(make, in_flight))
}

/// None of what was counted for a call is over its bound.
fn assert_within(what: &str, cost: Cost, bound: Cost) {
    println!("{what}: {cost}");
    let all =
        |cost: Cost| [&cost.writes[..], &cost.reads, &cost.empty_reads, &[cost.polls, cost.parks]].concat();
    let within = all(cost).iter().zip(all(bound)).all(|(cost, bound)| *cost <= bound);
    assert!(within, "{what}: {cost}\nand may cost: {bound}");
}

#[test]
fn a_call_alone_costs_each_end_one_write_and_two_turns() {
    let bound = Cost { writes: [1.0; 2], reads: [3.0; 2], empty_reads: [2.0; 2], polls: 2.0, parks: 2.0 };
    assert_within("1 in flight", on_current_thread(cost_of_calls(ECHO, 1)), bound);
    // There the clock goes on, and a handler that looks slow is a task, for which the server may take a turn more.
    let bound = Cost { reads: [4.5; 2], empty_reads: [3.5; 2], parks: 3.0, ..bound };
    assert_within("1 in flight, a worker", on_a_worker(ECHO, 1), bound);
}

#[test]
fn calls_in_flight_share_writes_reads_and_turns() {
    // Twice what it is: a round of 64 is some three turns at each end, and a look or two whether more has come.
    let bound =
        Cost { writes: [0.08, 0.16], reads: [0.4; 2], empty_reads: [0.3; 2], polls: 2.0, parks: 0.12 };
    assert_within("64 in flight", on_current_thread(cost_of_calls(ECHO, 64)), bound);
    // By a clock that goes on, so that all but the writes is loose.
    let bound = Cost { writes: [0.3; 2], reads: [1.5; 2], empty_reads: [1.0; 2], polls: 2.0, parks: 0.6 };
    assert_within("64 in flight, a worker", on_a_worker(ECHO, 64), bound);
}

/// By a clock that goes on when nothing else does.
#[tokio::test(start_paused = true)]
async fn a_connection_that_rests_wakes_nobody_but_to_see_whether_it_lives() {
    let counter = Arc::new(Counter::default());
    let (near, far) = tokio::io::duplex(64 << 10);
    let Ends { client, serving } = Ends::over(near, far, &counter).await;
    ECHO(&client, Packet::default()).await.unwrap();
    let ends = async |rest: Duration| {
        let before = counter.tally().ends;
        tokio::time::sleep(rest).await;
        let after = counter.tally().ends;
        [0, 1].map(|end| [0, 1, 2].map(|what| after[end][what] - before[end][what]))
    };
    // An alarm that was set for `connect_timeout`, 10 s, still comes, once; `keepalive` is 20 s.
    ends(Duration::from_secs(11)).await;
    assert_eq!(ends(Duration::from_secs(8)).await, [[0; 3]; 2]);
    for [writes, reads, _] in ends(Duration::from_secs(20 * 60)).await {
        // A ping and a pong each time, and a turn for the alarm.
        println!("in 20 minutes: {writes} writes, {reads} reads");
        assert!(0 < writes && writes <= 2 * 60, "{writes} writes");
        assert!(reads <= 10 * 60, "{reads} reads");
    }
    serving.abort();
}

#[test]
fn replies_of_handlers_that_wait_share_writes_too() {
    let cost = on_a_worker(WAIT, 64);
    println!("64 in flight, handlers that wait: {cost}");
    // One for each 16 or more; written as soon as the first is there, they would take twice as many.
    assert!(cost.writes[1] <= 0.09, "{cost}");
}

#[test]
fn items_share_writes_and_their_credit_goes_back_half_a_window_at_a_time() {
    let cost = on_current_thread(cost_of_items(100, 16_384, 0));
    println!("items of 100 bytes: {cost}");
    assert!(cost.writes[0] <= 0.003 && cost.writes[1] <= 0.006, "{cost}");
    // A window is 63 of them. Who reads them one by one, so that the driver could write for each, has two CREDIT sent.
    let cost = on_current_thread(cost_of_items(4 << 10, 2_048, 4));
    println!("items of 4 KiB, read slowly: {cost}");
    assert!(cost.writes[0] <= 4.0 / 63.0 && cost.writes[1] <= 6.0 / 63.0, "{cost}");
}
