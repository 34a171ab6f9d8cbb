//! tonic: gRPC over HTTP/2.

use std::process::ExitCode;
use std::time::Duration;

use bench_harness::{Checked, Client, Job, Kind, Payload, Peer, Receipts, Result, Source, burn};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

#[allow(clippy::all, clippy::too_many_lines)]
mod proto {
    tonic::include_proto!("bench.v1");
}
use proto::bench_client::BenchClient;
use proto::bench_server::{Bench, BenchServer};
use proto::upload_client::UploadClient;
use proto::upload_server::{Upload, UploadServer};
use proto::{Packet, Tally};

/// The default, 4 MiB, would do; this is what it is often set to.
const LARGEST: usize = 64 << 20;

struct Tonic;

struct Handlers;

#[tonic::async_trait]
impl Bench for Handlers {
    async fn echo(&self, request: Request<Packet>) -> Result<Response<Packet>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn full(&self, request: Request<Packet>) -> Result<Response<Packet>, Status> {
        if request.metadata().get("tenant").is_none_or(|tenant| tenant != "north") {
            return Err(Status::invalid_argument("no tenant"));
        }
        tokio::task::yield_now().await;
        Ok(Response::new(request.into_inner()))
    }

    async fn work(&self, request: Request<Packet>) -> Result<Response<Packet>, Status> {
        burn(request.get_ref().burn_us);
        Ok(Response::new(request.into_inner()))
    }
}

#[tonic::async_trait]
impl Upload for Handlers {
    async fn upload(&self, request: Request<Streaming<Packet>>) -> Result<Response<Tally>, Status> {
        let (mut packets, receipts) = (request.into_inner(), Receipts::default());
        while let Some(packet) = packets.message().await? {
            receipts.add(packet.seq, &packet.body);
        }
        let bench_harness::Tally { count, sum, in_order } = receipts.tally();
        Ok(Response::new(Tally { count, sum, in_order }))
    }
}

impl Peer for Tonic {
    const CAN: &'static [Kind] = &[Kind::Echo, Kind::Full, Kind::Work, Kind::Mixed, Kind::Push, Kind::Idle];

    type Client = Clients;

    async fn serve(job: Job) -> Result<()> {
        let bench = BenchServer::new(Handlers).max_decoding_message_size(LARGEST);
        // Its default, 200, would hold `c1024` back.
        let mut server = Server::builder().tcp_nodelay(true).max_concurrent_streams(4_096);
        server.add_service(bench).add_service(UploadServer::new(Handlers)).serve(job.addr).await?;
        Ok(())
    }

    async fn connect(job: &Job) -> Result<Clients> {
        let endpoint = Endpoint::from_shared(format!("http://{}", job.addr))?.tcp_nodelay(true);
        let channel = endpoint.connect().await?;
        let bench = BenchClient::new(channel.clone()).max_decoding_message_size(LARGEST);
        Ok(Clients { bench, upload: UploadClient::new(channel) })
    }
}

#[derive(Clone)]
struct Clients {
    bench: BenchClient<Channel>,
    upload: UploadClient<Channel>,
}

fn packet(payload: &Payload) -> Packet {
    Packet { seq: payload.seq, body: payload.body.clone(), burn_us: payload.burn_us }
}

impl Client for Clients {
    async fn echo(&self, payload: Payload) -> Result<Checked> {
        let reply = self.bench.clone().echo(packet(&payload)).await?.into_inner();
        payload.check(reply.seq, &reply.body)
    }

    async fn full(&self, payload: Payload) -> Result<Checked> {
        let mut request = Request::new(packet(&payload));
        request.metadata_mut().insert("tenant", "north".parse()?);
        request.set_timeout(Duration::from_secs(5));
        let reply = self.bench.clone().full(request).await?.into_inner();
        payload.check(reply.seq, &reply.body)
    }

    async fn work(&self, payload: Payload) -> Result<Checked> {
        let reply = self.bench.clone().work(packet(&payload)).await?.into_inner();
        payload.check(reply.seq, &reply.body)
    }

    async fn push(&self, source: Source) -> Result<bench_harness::Tally> {
        let packets = tokio_stream::iter(source.map(|payload| packet(&payload)));
        let Tally { count, sum, in_order } = self.upload.clone().upload(packets).await?.into_inner();
        Ok(bench_harness::Tally { count, sum, in_order })
    }
}

fn main() -> ExitCode {
    bench_harness::run::<Tonic>()
}
