//! connectrpc: the Connect protocol over HTTP/2, its own server and a connection of its own client.
//!
//! Not at their defaults: no compression, which replies of a KiB and more would get; no limits of sizes, as that of messages is 4 MiB.
//! The limit of streams stays at its default: with 4,096 the connection breaks.

#![allow(refining_impl_trait, reason = "handlers name what they return, as in its README")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bench_harness::{Checked, Client, Job, Kind, Payload, Peer, Result, Source, Supply, burn};
use connectrpc::client::{CallOptions, ClientConfig, Http2Connection, SharedHttp2Connection, stream_iter};
use connectrpc::{
    ConnectError, InboundStream, Limits, RequestContext, Response, Router, Server, ServiceRequest,
    ServiceResult, ServiceStream, StreamMessage,
};
use futures::{StreamExt, stream};

#[allow(clippy::all, clippy::too_many_lines, clippy::use_self, elided_lifetimes_in_paths, unused)]
mod proto {
    connectrpc::include_generated!();
}
use proto::bench::v1::{
    Bench, BenchClient, Nothing, Packet, Streams, StreamsClient, Tally, Upload, UploadClient, Wanted,
};

struct Connect;

struct Handlers;

impl Bench for Handlers {
    async fn echo(&self, _: RequestContext, request: ServiceRequest<'_, Packet>) -> ServiceResult<Packet> {
        Response::ok(request.to_owned_message())
    }

    async fn full(&self, ctx: RequestContext, request: ServiceRequest<'_, Packet>) -> ServiceResult<Packet> {
        if ctx.header("tenant").is_none_or(|tenant| tenant != "north") {
            return Err(ConnectError::invalid_argument("no tenant"));
        }
        tokio::task::yield_now().await;
        Response::ok(request.to_owned_message())
    }

    async fn work(&self, _: RequestContext, request: ServiceRequest<'_, Packet>) -> ServiceResult<Packet> {
        burn(request.burn_us);
        Response::ok(request.to_owned_message())
    }
}

struct Uploads;

impl Upload for Uploads {
    async fn upload(&self, _: RequestContext, packets: InboundStream<Packet>) -> ServiceResult<Tally> {
        Response::ok(tell(tally(packets).await?))
    }
}

/// What comes, until the stream ends.
async fn tally(mut packets: InboundStream<Packet>) -> Result<bench_harness::Tally, ConnectError> {
    let mut tally = bench_harness::Tally::default();
    while let Some(packet) = packets.next().await {
        let packet = packet?;
        let packet = packet.view();
        tally.add(packet.seq, packet.body);
    }
    Ok(tally)
}

fn tell(bench_harness::Tally { count, sum, in_order }: bench_harness::Tally) -> Tally {
    Tally { count, sum, in_order, ..Tally::default() }
}

#[derive(Default)]
struct Flows(Supply);

impl Streams for Flows {
    async fn down(
        &self,
        _: RequestContext,
        wanted: ServiceRequest<'_, Wanted>,
    ) -> ServiceResult<ServiceStream<Packet>> {
        let (size, time) = (wanted.size as usize, Duration::from_millis(wanted.millis));
        let source = self.0.source(bench_harness::Wanted { size, time });
        Response::stream_ok(stream::iter(source.map(|payload| Ok(packet(payload)))))
    }

    async fn sent(&self, _: RequestContext, _: ServiceRequest<'_, Nothing>) -> ServiceResult<Tally> {
        Response::ok(tell(self.0.sent()))
    }

    async fn up(&self, _: RequestContext, packets: InboundStream<Packet>) -> ServiceResult<Tally> {
        Response::ok(tell(tally(packets).await?))
    }

    async fn both(
        &self,
        _: RequestContext,
        packets: InboundStream<Packet>,
    ) -> ServiceResult<ServiceStream<StreamMessage<Packet>>> {
        Response::stream_ok(packets)
    }
}

impl Peer for Connect {
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
        let router = Router::new().add_service(Arc::new(Handlers)).add_service(Arc::new(Uploads));
        let router = router.add_service(Arc::new(Flows::default()));
        let mut server = Server::new(router).with_limits(Limits::unlimited());
        if matches!(job.kind, Kind::Push | Kind::StreamUp | Kind::StreamBoth) {
            // h2 ends a connection that has many small frames which are not read yet; it bears half of this. At its default the
            // stream does not last.
            server = server.with_http2_initial_connection_window_size(8 << 20);
        }
        server.serve(job.addr).await
    }

    async fn connect(job: &Job) -> Result<Clients> {
        let uri = format!("http://{}", job.addr);
        let connection = Http2Connection::connect_plaintext(uri.parse()?).await?.shared(1_024);
        let config = ClientConfig::new(uri.parse()?).with_default_max_message_size(usize::MAX);
        let upload = UploadClient::new(connection.clone(), config.clone());
        let streams = StreamsClient::new(connection.clone(), config.clone());
        Ok(Clients { bench: BenchClient::new(connection, config), upload, streams })
    }
}

fn told(tally: &Tally) -> bench_harness::Tally {
    bench_harness::Tally { count: tally.count, sum: tally.sum, in_order: tally.in_order }
}

#[derive(Clone)]
struct Clients {
    bench: BenchClient<SharedHttp2Connection>,
    upload: UploadClient<SharedHttp2Connection>,
    streams: StreamsClient<SharedHttp2Connection>,
}

fn packet(payload: Payload) -> Packet {
    let body = payload.body.to_vec();
    Packet { seq: payload.seq, body, burn_us: payload.burn_us, ..Packet::default() }
}

impl Client for Clients {
    async fn echo(&self, payload: Payload) -> Result<Checked> {
        let reply = self.bench.echo(packet(payload.clone())).await?;
        payload.check(reply.view().seq, reply.view().body)
    }

    async fn full(&self, payload: Payload) -> Result<Checked> {
        let options =
            CallOptions::default().with_timeout(Duration::from_secs(5)).with_header("tenant", "north");
        let reply = self.bench.full_with_options(packet(payload.clone()), options).await?;
        payload.check(reply.view().seq, reply.view().body)
    }

    async fn work(&self, payload: Payload) -> Result<Checked> {
        let reply = self.bench.work(packet(payload.clone())).await?;
        payload.check(reply.view().seq, reply.view().body)
    }

    async fn push(&self, source: Source) -> Result<bench_harness::Tally> {
        let packets = stream_iter(source.map(packet));
        let reply = self.upload.upload(packets).await?;
        Ok(told(&reply.into_owned()))
    }

    async fn stream_down(&self, wanted: bench_harness::Wanted) -> Result<[bench_harness::Tally; 2]> {
        let (size, millis) = (wanted.size as u32, wanted.time.as_millis() as u64);
        let mut packets = self.streams.down(Wanted { size, millis, ..Wanted::default() }).await?;
        let mut tally = bench_harness::Tally::default();
        while let Some(packet) = packets.message().await? {
            tally.add(packet.view().seq, packet.view().body);
        }
        let sent = self.streams.sent(Nothing::default()).await?.into_owned();
        Ok([told(&sent), tally])
    }

    async fn stream_up(&self, source: Source) -> Result<bench_harness::Tally> {
        let packets = stream_iter(source.map(packet));
        Ok(told(&self.streams.up(packets).await?.into_owned()))
    }

    async fn stream_both(&self, source: Source) -> Result<bench_harness::Tally> {
        let (mut out, mut back) = self.streams.both().await?.into_split();
        let sender = tokio::spawn(async move {
            for payload in source {
                out.send(packet(payload)).await?;
            }
            Ok::<_, ConnectError>(())
        });
        let mut tally = bench_harness::Tally::default();
        while let Some(packet) = back.message().await? {
            tally.add(packet.view().seq, packet.view().body);
        }
        sender.await??;
        Ok(tally)
    }
}

fn main() -> ExitCode {
    bench_harness::run::<Connect>()
}
