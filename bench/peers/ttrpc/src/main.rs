//! ttrpc, its asynchronous half, with rust-protobuf: all at its defaults but TCP_NODELAY, which it leaves off.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bench_harness::{Checked, Client, Job, Kind, Payload, Peer, Result, Source, Supply, burn};
use futures::stream;
use tokio::net::{TcpListener, TcpStream};
use ttrpc::r#async::transport::{Listener, Socket};
use ttrpc::r#async::{Server, ServerStream, ServerStreamReceiver, ServerStreamSender, TtrpcContext};
use ttrpc::{Code, context};

#[allow(clippy::all, clippy::too_many_lines, clippy::needless_pass_by_value)]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/mod.rs"));
}
use proto::bench::{Packet, Tally};
use proto::bench_ttrpc::{Bench, BenchClient, create_bench};
use proto::streams::{Nothing, Wanted};
use proto::streams_ttrpc::{Streams, StreamsClient, create_streams};
use proto::upload_ttrpc::{Upload, UploadClient, create_upload};

struct Ttrpc;

struct Handlers;

#[async_trait]
impl Bench for Handlers {
    async fn echo(&self, _: &TtrpcContext, packet: Packet) -> ttrpc::Result<Packet> {
        Ok(packet)
    }

    async fn full(&self, ctx: &TtrpcContext, packet: Packet) -> ttrpc::Result<Packet> {
        let tenant = ctx.metadata.get("tenant").and_then(|values| values.first());
        if tenant.is_none_or(|tenant| tenant != "north") {
            let status = ttrpc::get_status(Code::INVALID_ARGUMENT, "no tenant");
            return Err(ttrpc::Error::RpcStatus(status));
        }
        tokio::task::yield_now().await;
        Ok(packet)
    }

    async fn work(&self, _: &TtrpcContext, packet: Packet) -> ttrpc::Result<Packet> {
        burn(packet.burn_us);
        Ok(packet)
    }
}

#[async_trait]
impl Upload for Handlers {
    async fn upload(&self, _: &TtrpcContext, packets: ServerStreamReceiver<Packet>) -> ttrpc::Result<Tally> {
        tally(packets).await
    }
}

/// What comes, until the stream ends.
async fn tally(mut packets: ServerStreamReceiver<Packet>) -> ttrpc::Result<Tally> {
    let mut tally = bench_harness::Tally::default();
    while let Some(packet) = packets.recv().await? {
        tally.add(packet.seq, &packet.body);
    }
    Ok(tell(tally))
}

fn tell(bench_harness::Tally { count, sum, in_order }: bench_harness::Tally) -> Tally {
    Tally { count, sum, in_order, ..Tally::default() }
}

fn told(tally: &Tally) -> bench_harness::Tally {
    bench_harness::Tally { count: tally.count, sum: tally.sum, in_order: tally.in_order }
}

#[derive(Default)]
struct Flows(Supply);

#[async_trait]
impl Streams for Flows {
    async fn down(
        &self,
        _: &TtrpcContext,
        wanted: Wanted,
        out: ServerStreamSender<Packet>,
    ) -> ttrpc::Result<()> {
        let (size, time) = (wanted.size as usize, Duration::from_millis(wanted.millis));
        for payload in self.0.source(bench_harness::Wanted { size, time }) {
            out.send(&packet(payload)).await?;
        }
        Ok(())
    }

    async fn sent(&self, _: &TtrpcContext, _: Nothing) -> ttrpc::Result<Tally> {
        Ok(tell(self.0.sent()))
    }

    async fn up(&self, _: &TtrpcContext, packets: ServerStreamReceiver<Packet>) -> ttrpc::Result<Tally> {
        tally(packets).await
    }

    async fn both(&self, _: &TtrpcContext, mut both: ServerStream<Packet, Packet>) -> ttrpc::Result<()> {
        while let Some(packet) = both.recv().await? {
            both.send(&packet).await?;
        }
        Ok(())
    }
}

impl Peer for Ttrpc {
    const CAN: &'static [Kind] = &[
        Kind::Echo,
        Kind::Full,
        Kind::Work,
        Kind::Mixed,
        Kind::Push,
        Kind::StreamDown,
        Kind::StreamUp,
        Kind::StreamBoth,
        Kind::Idle,
    ];

    type Client = Clients;

    async fn serve(job: Job) -> Result<()> {
        let listener = TcpListener::bind(job.addr).await?;
        let accepted = stream::unfold(listener, |listener| async move {
            let accepted = listener.accept().await;
            let stream = accepted.and_then(|(stream, _)| stream.set_nodelay(true).map(|()| stream));
            Some((stream, listener))
        });
        let handlers = Arc::new(Handlers);
        let server = Server::new().add_listener(Listener::new(accepted));
        let mut server =
            server.register_service(create_bench(handlers.clone())).register_service(create_upload(handlers));
        server = server.register_service(create_streams(Arc::new(Flows::default())));
        server.start().await?;
        std::future::pending().await
    }

    async fn connect(job: &Job) -> Result<Clients> {
        let stream = TcpStream::connect(job.addr).await?;
        stream.set_nodelay(true)?;
        let client = ttrpc::r#async::Client::new(Socket::new(stream));
        let (bench, upload) = (BenchClient::new(client.clone()), UploadClient::new(client.clone()));
        Ok(Clients { bench, upload, streams: StreamsClient::new(client) })
    }
}

#[derive(Clone)]
struct Clients {
    bench: BenchClient,
    upload: UploadClient,
    streams: StreamsClient,
}

fn packet(payload: Payload) -> Packet {
    let body = payload.body.to_vec();
    Packet { seq: payload.seq, body, burn_us: payload.burn_us, ..Packet::default() }
}

impl Client for Clients {
    async fn echo(&self, payload: Payload) -> Result<Checked> {
        let reply = self.bench.echo(context::Context::default(), &packet(payload.clone())).await?;
        payload.check(reply.seq, &reply.body)
    }

    async fn full(&self, payload: Payload) -> Result<Checked> {
        let mut context = context::with_duration(Duration::from_secs(5));
        context.add("tenant".into(), "north".into());
        let reply = self.bench.full(context, &packet(payload.clone())).await?;
        payload.check(reply.seq, &reply.body)
    }

    async fn work(&self, payload: Payload) -> Result<Checked> {
        let reply = self.bench.work(context::Context::default(), &packet(payload.clone())).await?;
        payload.check(reply.seq, &reply.body)
    }

    async fn push(&self, source: Source) -> Result<bench_harness::Tally> {
        let mut upload = self.upload.upload(context::Context::default()).await?;
        for payload in source {
            upload.send(&packet(payload)).await?;
        }
        Ok(told(&upload.close_and_recv().await?))
    }

    async fn stream_down(&self, wanted: bench_harness::Wanted) -> Result<[bench_harness::Tally; 2]> {
        let (size, millis) = (wanted.size as u32, wanted.time.as_millis() as u64);
        let asked = Wanted { size, millis, ..Wanted::default() };
        let mut packets = self.streams.down(context::Context::default(), &asked).await?;
        let mut tally = bench_harness::Tally::default();
        while let Some(packet) = packets.recv().await? {
            tally.add(packet.seq, &packet.body);
        }
        let sent = self.streams.sent(context::Context::default(), &Nothing::default()).await?;
        Ok([told(&sent), tally])
    }

    async fn stream_up(&self, source: Source) -> Result<bench_harness::Tally> {
        let mut up = self.streams.up(context::Context::default()).await?;
        for payload in source {
            up.send(&packet(payload)).await?;
        }
        Ok(told(&up.close_and_recv().await?))
    }

    async fn stream_both(&self, source: Source) -> Result<bench_harness::Tally> {
        let (out, mut back) = self.streams.both(context::Context::default()).await?.split();
        let sender = tokio::spawn(async move {
            for payload in source {
                out.send(&packet(payload)).await?;
            }
            out.close_send().await
        });
        let mut tally = bench_harness::Tally::default();
        loop {
            match back.recv().await {
                Ok(packet) => tally.add(packet.seq, &packet.body),
                Err(ttrpc::Error::Eof) => break,
                Err(error) => return Err(error.into()),
            }
        }
        sender.await??;
        Ok(tally)
    }
}

fn main() -> ExitCode {
    bench_harness::run::<Ttrpc>()
}
