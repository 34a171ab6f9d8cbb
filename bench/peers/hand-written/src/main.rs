//! The yardstick above all others: what people write by hand. Frames with protobuf on both sides, a task for every call, replies
//! gathered by a writer. No routes, deadlines, cancellation, metadata, flow control or limits.

mod flow;
mod wire;

use std::future::poll_fn;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bench_harness::{
    Checked, Client, Job, Kind, Payload, Peer, Receipts, Result, Source, Tally, Wanted, burn,
};
use bytes::{Buf, BufMut, BytesMut};
use slab::Slab;
use tokio::net::{TcpListener, TcpStream};

use crate::flow::Items;
use crate::wire::{Inbox, Outbox, Packet, lock};

/// An id with this bit is a one-way message's.
const PUSH: u64 = 1 << 63;
/// The id of a call that asks how many of those came.
const COUNT: u64 = 1 << 62;
/// The id of what asks for a stream down.
const DOWN: u64 = 1 << 61;
/// An item that the server gives back.
const ECHO: u64 = 1 << 60;
/// An item of a stream from the server.
const ITEM: u64 = 1 << 59;
/// Beside one of these two: the stream ends.
const LAST: u64 = 1 << 58;

struct HandWritten;

impl Peer for HandWritten {
    const CAN: &'static [Kind] = &[
        Kind::Echo,
        Kind::Work,
        Kind::Mixed,
        Kind::Push,
        Kind::StreamDown,
        Kind::StreamUp,
        Kind::StreamBoth,
        Kind::Idle,
    ];

    type Client = Connection;

    async fn serve(job: Job) -> Result<()> {
        let listener = TcpListener::bind(job.addr).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(serve_one(stream));
        }
    }

    async fn connect(job: &Job) -> Result<Connection> {
        let stream = TcpStream::connect(job.addr).await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        let (outbox, calls) = (Arc::new(Outbox::default()), Arc::new(Calls::default()));
        let writer = Arc::clone(&outbox);
        tokio::spawn(async move { writer.write_to(write).await });
        let (reader, items) = (Arc::clone(&calls), Arc::new(Items::default()));
        let streamed = Arc::clone(&items);
        tokio::spawn(async move {
            let ended = reader.answer(Inbox::new(read), &streamed).await;
            reader.close();
            ended
        });
        Ok(Connection { outbox, calls, items })
    }
}

async fn serve_one(stream: TcpStream) -> Result<()> {
    let (read, write) = stream.into_split();
    let outbox = Arc::new(Outbox::default());
    let writer = Arc::clone(&outbox);
    tokio::spawn(async move { writer.write_to(write).await });
    let (mut inbox, mut frames, receipts) = (Inbox::new(read), Vec::new(), Receipts::default());
    loop {
        inbox.read(&mut frames).await?;
        for (id, packet) in frames.drain(..) {
            if id & PUSH != 0 {
                receipts.add(packet.seq, &packet.body);
            } else if id & COUNT != 0 {
                outbox.send(id, &pack(receipts.tally()));
                receipts.clear();
            } else if id & ECHO != 0 {
                outbox.room().await;
                outbox.send(ITEM | id & LAST, &packet);
            } else if id & DOWN != 0 {
                tokio::spawn(flow::send_down(Arc::clone(&outbox), packet));
            } else {
                let outbox = Arc::clone(&outbox);
                tokio::spawn(async move { outbox.send(id, &handle(packet).await) });
            }
        }
    }
}

async fn handle(packet: Packet) -> Packet {
    burn(packet.burn_us);
    packet
}

/// A tally in the form of a message.
fn pack(tally: Tally) -> Packet {
    let mut body = BytesMut::new();
    body.put_u64(tally.sum);
    body.put_u8(tally.in_order.into());
    Packet { seq: tally.count, body: body.freeze(), burn_us: 0 }
}

fn unpack(mut packet: Packet) -> Result<Tally> {
    let (sum, in_order) = (packet.body.try_get_u64()?, packet.body.try_get_u8()? == 1);
    Ok(Tally { count: packet.seq, sum, in_order })
}

#[derive(Clone)]
struct Connection {
    outbox: Arc<Outbox>,
    calls: Arc<Calls>,
    items: Arc<Items>,
}

/// The calls that wait for their answers.
#[derive(Default)]
struct Calls(Mutex<Slab<Call>>);

enum Call {
    Waiting(Waker),
    Answered(Packet),
    Closed,
}

impl Calls {
    fn open(&self) -> usize {
        lock(&self.0).insert(Call::Waiting(Waker::noop().clone()))
    }

    /// The reader task: a batch of answers under one lock, then their callers are woken.
    async fn answer(&self, mut inbox: Inbox, items: &Items) -> Result<()> {
        let (mut frames, mut wakers, mut came) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            inbox.read(&mut frames).await?;
            self.answer_batch(&mut frames, &mut wakers, &mut came)?;
            wakers.drain(..).for_each(Waker::wake);
            items.add(&mut came).await;
        }
    }

    /// Items of a stream are for others.
    fn answer_batch(
        &self,
        frames: &mut Vec<(u64, Packet)>,
        wakers: &mut Vec<Waker>,
        items: &mut Vec<(u64, Packet)>,
    ) -> Result<()> {
        let mut calls = lock(&self.0);
        for (id, packet) in frames.drain(..) {
            if id & ITEM != 0 {
                items.push((id, packet));
                continue;
            }
            let call = calls.get_mut((id & !COUNT) as usize).ok_or("an answer to no call")?;
            if let Call::Waiting(waker) = std::mem::replace(call, Call::Answered(packet)) {
                wakers.push(waker);
            }
        }
        Ok(())
    }

    fn close(&self) {
        for (_, call) in lock(&self.0).iter_mut() {
            if let Call::Waiting(waker) = std::mem::replace(call, Call::Closed) {
                waker.wake();
            }
        }
    }

    fn poll(&self, id: usize, cx: &Context<'_>) -> Poll<Result<Packet>> {
        let mut calls = lock(&self.0);
        if let Call::Waiting(waker) = &mut calls[id] {
            waker.clone_from(cx.waker());
            return Poll::Pending;
        }
        Poll::Ready(match calls.remove(id) {
            Call::Answered(packet) => Ok(packet),
            _ => Err("the connection was closed".into()),
        })
    }
}

impl Connection {
    async fn call(&self, kind: u64, packet: &Packet) -> Result<Packet> {
        let id = self.calls.open();
        self.outbox.send(id as u64 | kind, packet);
        poll_fn(|cx| self.calls.poll(id, cx)).await
    }
}

fn packet(payload: Payload) -> Packet {
    Packet { seq: payload.seq, body: payload.body, burn_us: payload.burn_us }
}

impl Client for Connection {
    async fn echo(&self, payload: Payload) -> Result<Checked> {
        let reply = self.call(0, &packet(payload.clone())).await?;
        payload.check(reply.seq, &reply.body)
    }

    async fn work(&self, payload: Payload) -> Result<Checked> {
        self.echo(payload).await
    }

    async fn push(&self, source: Source) -> Result<Tally> {
        for payload in source {
            self.outbox.room().await;
            self.outbox.send(PUSH, &packet(payload));
        }
        unpack(self.call(COUNT, &Packet::default()).await?)
    }

    async fn stream_down(&self, wanted: Wanted) -> Result<[Tally; 2]> {
        flow::down(self, DOWN, wanted).await
    }

    async fn stream_up(&self, source: Source) -> Result<Tally> {
        self.push(source).await
    }

    async fn stream_both(&self, source: Source) -> Result<Tally> {
        flow::both(self, ECHO, source).await
    }
}

fn main() -> ExitCode {
    bench_harness::run::<HandWritten>()
}
