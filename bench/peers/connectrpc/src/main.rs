//! connectrpc: the Connect protocol over HTTP/2, its own server and a connection of its own client.
//!
//! Not at their defaults: no compression, which replies of a KiB and more would get; no limits of sizes, as that of messages is 4 MiB.
//! The limit of streams stays at its default: with 4,096 the connection breaks.

#![allow(refining_impl_trait, reason = "handlers name what they return, as in its README")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bench_harness::{Checked, Client, Job, Kind, Payload, Peer, Receipts, Result, Source, burn};
use connectrpc::client::{CallOptions, ClientConfig, Http2Connection, SharedHttp2Connection, stream_iter};
use connectrpc::{
    ConnectError, InboundStream, Limits, RequestContext, Response, Router, Server, ServiceRequest,
    ServiceResult,
};
use futures::StreamExt;

#[allow(clippy::all, clippy::too_many_lines, elided_lifetimes_in_paths, unused)]
mod proto {
    connectrpc::include_generated!();
}
use proto::bench::v1::{Bench, BenchClient, Packet, Tally, Upload, UploadClient};

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
    async fn upload(&self, _: RequestContext, mut packets: InboundStream<Packet>) -> ServiceResult<Tally> {
        let receipts = Receipts::default();
        while let Some(packet) = packets.next().await {
            let packet = packet?;
            let packet = packet.view();
            receipts.add(packet.seq, packet.body);
        }
        let bench_harness::Tally { count, sum, in_order } = receipts.tally();
        Response::ok(Tally { count, sum, in_order, ..Tally::default() })
    }
}

impl Peer for Connect {
    const CAN: &'static [Kind] = &[Kind::Echo, Kind::Full, Kind::Work, Kind::Mixed, Kind::Push, Kind::Idle];

    type Client = Clients;

    async fn serve(job: Job) -> Result<()> {
        let router = Router::new().add_service(Arc::new(Handlers)).add_service(Arc::new(Uploads));
        let mut server = Server::new(router).with_limits(Limits::unlimited());
        if job.kind == Kind::Push {
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
        Ok(Clients { bench: BenchClient::new(connection, config), upload })
    }
}

#[derive(Clone)]
struct Clients {
    bench: BenchClient<SharedHttp2Connection>,
    upload: UploadClient<SharedHttp2Connection>,
}

fn packet(payload: &Payload) -> Packet {
    let body = payload.body.to_vec();
    Packet { seq: payload.seq, body, burn_us: payload.burn_us, ..Packet::default() }
}

impl Client for Clients {
    async fn echo(&self, payload: Payload) -> Result<Checked> {
        let reply = self.bench.echo(packet(&payload)).await?;
        payload.check(reply.view().seq, reply.view().body)
    }

    async fn full(&self, payload: Payload) -> Result<Checked> {
        let options =
            CallOptions::default().with_timeout(Duration::from_secs(5)).with_header("tenant", "north");
        let reply = self.bench.full_with_options(packet(&payload), options).await?;
        payload.check(reply.view().seq, reply.view().body)
    }

    async fn work(&self, payload: Payload) -> Result<Checked> {
        let reply = self.bench.work(packet(&payload)).await?;
        payload.check(reply.view().seq, reply.view().body)
    }

    async fn push(&self, source: Source) -> Result<bench_harness::Tally> {
        let packets = stream_iter(source.map(|payload| packet(&payload)));
        let reply = self.upload.upload(packets).await?;
        let tally = reply.view();
        Ok(bench_harness::Tally { count: tally.count, sum: tally.sum, in_order: tally.in_order })
    }
}

fn main() -> ExitCode {
    bench_harness::run::<Connect>()
}
