//! What streams hold: when they are idle, when nobody reads them, and when their peer is hostile. By the bounds that
//! docs/architecture.md prints.

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use protocall::{Channel, Code, Context, RecvStream, Router, SendStream, Server, Status};
use protocall_tests::proto::echo::v1::{Echo, EchoClient, EchoReply, EchoRequest, EchoServer, RepeatRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::raw::{CONNECTION, NO_PINGS, Raw, Taken, frame, hello_to, live, settle};

/// The most that an idle stream costs, at each end: its handler and the task of that included.
const IDLE: usize = 1 << 10;
/// The smallest credit that can be set.
const SMALL: usize = 16 << 10;

/// What a handler of `Converse` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    /// It waits for an item.
    Reads,
    /// It never looks.
    Ignores,
    /// It looked once, and never again.
    Looked,
}

impl Echo for Host {
    async fn echo(&self, _: &Context, req: EchoRequest) -> Result<EchoReply, Status> {
        Ok(EchoReply { payload: req.payload })
    }

    async fn note(&self, _: &Context, _: EchoRequest) -> Result<(), Status> {
        Ok(())
    }

    async fn repeat(&self, _: &Context, _: RepeatRequest, _: SendStream<EchoReply>) -> Result<(), Status> {
        pending().await
    }

    async fn gather(&self, _: &Context, _: RecvStream<EchoRequest>) -> Result<EchoReply, Status> {
        pending().await
    }

    async fn converse(
        &self,
        _: &Context,
        mut input: RecvStream<EchoRequest>,
        out: SendStream<EchoReply>,
    ) -> Result<(), Status> {
        let _out = out;
        match self {
            Self::Reads => while input.next().await?.is_some() {},
            Self::Ignores => pending().await,
            Self::Looked => {
                tokio::select! {
                    biased;
                    _ = input.next() => {}
                    () = tokio::task::yield_now() => {}
                }
                pending().await
            }
        }
        Ok(())
    }
}

fn served(host: Host) -> Router {
    Router::new().add(EchoServer::new(host))
}

/// CALL of `Converse`, by name.
fn open(id: u32) -> Vec<u8> {
    const ROUTE: &[u8] = b"echo.v1.Echo/Converse";
    frame(0x10, 0x60, id, &[&(ROUTE.len() as u16).to_be_bytes()[..], ROUTE].concat())
}

/// Opens so many streams, and waits until their handlers run.
async fn open_streams(raw: &mut Raw, streams: u32) {
    raw.say(&hello_to(1 << 20)).await;
    for id in 1..=streams {
        raw.say(&open(id)).await;
    }
    while raw.session.stats().streams < streams as usize {
        tokio::task::yield_now().await;
    }
    settle().await;
}

/// Of our server with a raw client, then of both ends: the rest is the client's.
async fn idle_streams_cost_little() {
    const MANY: u32 = 10_000;
    tokio::time::pause();
    let most = |s: Server| s.max_in_flight(MANY);
    let mut raw = Raw::new(served(Host::Reads), most).await;
    open_streams(&mut raw, MANY).await;
    // What the connection keeps while it has traffic is no stream's.
    super::idle::rest().await;
    let server = raw.held() / MANY as usize;
    raw.end().await;

    let bound = most(Server::new(served(Host::Reads))).bind().await.unwrap();
    let handle = bound.handle();
    let serving = tokio::spawn(bound.serve());
    let (near, far) = tokio::io::duplex(64 << 10);
    let session = handle.serve_over(far).unwrap();
    let channel = Channel::builder("tcp://memory:1").connect_over(near).await.unwrap();
    let client = EchoClient::new(channel);
    let mut streams = Vec::with_capacity(MANY as usize);
    let before = live();
    for _ in 0..MANY {
        streams.push(client.converse().await.unwrap());
    }
    while session.stats().streams < MANY as usize {
        tokio::task::yield_now().await;
    }
    settle().await;
    super::idle::rest().await;
    let both = live().saturating_sub(before) / MANY as usize;
    // The halves themselves lie in the test's own list.
    let halves = size_of::<(SendStream<EchoRequest>, RecvStream<EchoReply>)>();
    let client = both.saturating_sub(server) + halves;
    println!("an idle stream: {server} bytes at the server, {client} at the client (bar {IDLE})");
    assert!(server <= IDLE && client <= IDLE, "{server} and {client} bytes");
    drop(streams);
    serving.abort();
}

/// A sender that sends all it may, to handlers that do not read.
async fn streams_that_nobody_reads_hold_their_credit(streams: usize, credit: usize, item: usize) {
    let bound =
        Server::new(served(Host::Ignores)).stream_credit(credit).max_in_flight(8_192).bind().await.unwrap();
    let handle = bound.handle();
    let serving = tokio::spawn(bound.serve());
    let (near, far) = tokio::io::duplex(64 << 10);
    let session = handle.serve_over(far).unwrap();
    let channel = Channel::builder("tcp://memory:1").connect_over(near).await.unwrap();
    let client = EchoClient::new(channel);
    let before = live();
    let mut open = Vec::with_capacity(streams);
    for _ in 0..streams {
        open.push(client.converse().await.unwrap());
    }
    let payload = Bytes::from(vec![7; item]);
    let mut sent = 0;
    for (out, _) in &mut open {
        loop {
            // Only the stream's credit stops it, not the write buffer.
            let send = tokio::time::timeout(
                Duration::from_millis(1),
                out.send(EchoRequest { payload: payload.clone() }),
            );
            match send.await {
                Ok(result) => result.unwrap(),
                Err(_) => break,
            }
            sent += 1;
        }
    }
    let len = prost::Message::encoded_len(&EchoRequest { payload: payload.clone() });
    let fits = credit / (64 + len);
    while session.stats().stream_bytes < (streams * fits * (64 + len)) as u64 {
        tokio::task::yield_now().await;
    }
    assert_eq!(sent, streams * fits, "the credit, and not an item more");
    let held = live().saturating_sub(before);
    // Twice its credit at the receiver, and both ends' own.
    let most = streams * (2 * credit + 2 * IDLE) + 2 * CONNECTION;
    println!("{streams} streams nobody reads, items of {item}: {} KiB held (bar {})", held >> 10, most >> 10);
    assert!(held <= most, "{streams} streams, items of {item}: {held} bytes");
    // Calls go on.
    client.echo(EchoRequest { payload }).await.unwrap();
    drop(open);
    while session.stats().streams > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(session.stats().stream_bytes, 0);
    serving.abort();
}

/// Items of so many bytes, each behind padding that fills a read buffer, so long as credit is there.
async fn padded_items_keep_no_buffers_alive(host: Host, item: &[Vec<u8>], cost: usize) {
    const STREAMS: u32 = 64;
    let mut raw = Raw::new(served(host), |s| s.stream_credit(SMALL)).await;
    open_streams(&mut raw, STREAMS).await;
    let padding = frame(0x80, 0, 0, &[0; 60 << 10]).repeat(2);
    let times = (SMALL / cost).min(16);
    for _ in 0..times {
        for id in 1..=STREAMS {
            for part in item {
                let mut part = part.clone();
                part[6..10].copy_from_slice(&id.to_be_bytes());
                raw.peer.write_all(&part).await.unwrap();
            }
            raw.peer.write_all(&padding).await.unwrap();
        }
    }
    settle().await;
    assert!(!raw.session.is_closed());
    let mut most = STREAMS as usize * (2 * SMALL + IDLE) + CONNECTION;
    if host == Host::Looked {
        // Who waits is handed what came as it was read: one item.
        most += STREAMS as usize * (146 << 10);
    }
    println!("{host:?}, padded items that cost {cost}: {} KiB held (bar {})", raw.held() >> 10, most >> 10);
    assert!(raw.held() <= most, "{} bytes", raw.held());
    raw.end().await;
}

/// Our own caller towards a raw callee that never grants anything: what it puts on the wire.
async fn the_wire_carries_no_more_than_was_granted(streams: u32) {
    const INITIAL: usize = 16_384;
    let (mut peer, ours) = tokio::io::duplex(64 << 10);
    peer.write_all(&hello_to(streams)).await.unwrap();
    let (never, pong) = NO_PINGS;
    let builder = Channel::builder("tcp://memory:1").keepalive(never, pong);
    let client = EchoClient::new(builder.connect_over(ours).await.unwrap());
    let reads = tokio::spawn(async move {
        let mut spent = vec![0; streams as usize + 1];
        let mut blocked = vec![false; streams as usize + 1];
        let mut taken = Taken::default();
        while blocked.iter().filter(|blocked| **blocked).count() < streams as usize {
            for (kind, _, id, body) in taken.more(&mut peer).await {
                match kind {
                    0x12 => spent[id] += 64 + body.len(),
                    0x09 => blocked[id] = true,
                    _ => {}
                }
            }
        }
        spent
    });
    let mut sends = tokio::task::JoinSet::new();
    for _ in 0..streams {
        let (mut out, _input) = client.converse().await.unwrap();
        sends.spawn(async move {
            loop {
                out.send(EchoRequest { payload: Bytes::from_static(&[7; 1_000]) }).await?;
            }
            #[allow(unreachable_code)]
            Ok::<_, Status>(_input)
        });
    }
    let spent = reads.await.unwrap();
    // Each has spent all but what is less than an item.
    assert!(spent[1..].iter().all(|spent| (INITIAL - 1_067..=INITIAL).contains(spent)), "{spent:?}");
    while let Some(done) = sends.join_next().await {
        assert_eq!(done.unwrap().unwrap_err().code(), Code::UNAVAILABLE);
    }
}

/// What overdraws is cut off, and nothing of it is left.
async fn who_overdraws_is_cut_off() {
    let mut raw = Raw::new(served(Host::Ignores), |s| s.stream_credit(SMALL)).await;
    open_streams(&mut raw, 2).await;
    let item = frame(0x12, 0, 1, &[0; 1_000]);
    for _ in 0..=SMALL / 1_064 {
        let _ = raw.peer.write_all(&item).await;
    }
    let reason = raw.session.closed().await;
    assert_eq!(reason.name(), "CREDIT_OVERDRAWN", "{reason}");
    settle().await;
    let stats = raw.session.stats();
    assert_eq!((stats.streams, stats.stream_bytes, stats.calls_in), (0, 0, 0), "{stats:?}");
    let mut said = Vec::new();
    raw.peer.read_to_end(&mut said).await.unwrap();
    assert!(said.windows(2).any(|pair| pair == [0x07, 0x01]), "GOAWAY FINAL is its last word");
    raw.end().await;
}

pub(crate) fn streams_hold_what_they_were_granted() {
    use super::current;
    current(idle_streams_cost_little());
    current(streams_that_nobody_reads_hold_their_credit(1, 256 << 10, 1_000));
    for item in [0, 1, 110, 4_100, 9_000] {
        current(streams_that_nobody_reads_hold_their_credit(100, SMALL, item));
    }
    for streams in [1_000, 4_096] {
        current(streams_that_nobody_reads_hold_their_credit(streams, SMALL, 1_000));
    }
    // Whole ones, small and larger than what they are copied into; and one byte in two fragments.
    let whole = |len| vec![frame(0x12, 0, 0, &vec![0; len])];
    let pieces = vec![frame(0x12, 0x01, 0, &1_u32.to_be_bytes()), frame(0x13, 0, 0, &[0])];
    for host in [Host::Ignores, Host::Looked] {
        current(padded_items_keep_no_buffers_alive(host, &whole(1), 65));
        current(padded_items_keep_no_buffers_alive(host, &whole(9_000), 9_064));
        current(padded_items_keep_no_buffers_alive(host, &pieces, 65));
    }
    for streams in [1, 1_000, 4_096] {
        current(the_wire_carries_no_more_than_was_granted(streams));
    }
    current(who_overdraws_is_cut_off());
}
