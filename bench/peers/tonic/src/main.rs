//! tonic: gRPC over HTTP/2. Its streams come from iterators, and an echo gives back the stream that it gets: there is no quicker way.

use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use bench_harness::{Checked, Client, Job, Kind, Payload, Peer, Result, Source, Supply, burn};
use tokio_stream::Stream;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

#[allow(clippy::all, clippy::too_many_lines)]
mod proto {
    tonic::include_proto!("bench.v1");
}
use proto::bench_client::BenchClient;
use proto::bench_server::{Bench, BenchServer};
use proto::streams_client::StreamsClient;
use proto::streams_server::{Streams, StreamsServer};
use proto::upload_client::UploadClient;
use proto::upload_server::{Upload, UploadServer};
use proto::{Nothing, Packet, Tally, Wanted};

/// The default, 4 MiB, would do; this is what it is often set to.
const LARGEST: usize = 64 << 20;

struct Tonic;

struct Handlers;

#[derive(Default)]
struct Flows(Supply);

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
        Ok(Response::new(tell(tally(request.into_inner()).await?)))
    }
}

/// What comes, until the stream ends.
async fn tally(mut packets: Streaming<Packet>) -> Result<bench_harness::Tally, Status> {
    let mut tally = bench_harness::Tally::default();
    while let Some(packet) = packets.message().await? {
        tally.add(packet.seq, &packet.body);
    }
    Ok(tally)
}

fn tell(bench_harness::Tally { count, sum, in_order }: bench_harness::Tally) -> Tally {
    Tally { count, sum, in_order }
}

fn told(Tally { count, sum, in_order }: Tally) -> bench_harness::Tally {
    bench_harness::Tally { count, sum, in_order }
}

#[tonic::async_trait]
impl Streams for Flows {
    type DownStream = Pin<Box<dyn Stream<Item = Result<Packet, Status>> + Send>>;
    type BothStream = Streaming<Packet>;

    async fn down(&self, request: Request<Wanted>) -> Result<Response<Self::DownStream>, Status> {
        let Wanted { size, millis } = request.into_inner();
        let wanted = bench_harness::Wanted { size: size as usize, time: Duration::from_millis(millis) };
        let packets = self.0.source(wanted).map(|payload| Ok(packet(payload)));
        Ok(Response::new(Box::pin(tokio_stream::iter(packets))))
    }

    async fn sent(&self, _: Request<Nothing>) -> Result<Response<Tally>, Status> {
        Ok(Response::new(tell(self.0.sent())))
    }

    async fn up(&self, request: Request<Streaming<Packet>>) -> Result<Response<Tally>, Status> {
        Ok(Response::new(tell(tally(request.into_inner()).await?)))
    }

    async fn both(&self, request: Request<Streaming<Packet>>) -> Result<Response<Streaming<Packet>>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

impl Peer for Tonic {
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
        let bench = BenchServer::new(Handlers).max_decoding_message_size(LARGEST);
        // Its default, 200, would hold `c1024` back.
        let mut server = Server::builder().tcp_nodelay(true).max_concurrent_streams(4_096);
        let server = server.add_service(bench).add_service(UploadServer::new(Handlers));
        server.add_service(StreamsServer::new(Flows::default())).serve(job.addr).await?;
        Ok(())
    }

    async fn connect(job: &Job) -> Result<Clients> {
        let endpoint = Endpoint::from_shared(format!("http://{}", job.addr))?.tcp_nodelay(true);
        let channel = endpoint.connect().await?;
        let bench = BenchClient::new(channel.clone()).max_decoding_message_size(LARGEST);
        let upload = UploadClient::new(channel.clone());
        Ok(Clients { bench, upload, streams: StreamsClient::new(channel) })
    }
}

#[derive(Clone)]
struct Clients {
    bench: BenchClient<Channel>,
    upload: UploadClient<Channel>,
    streams: StreamsClient<Channel>,
}

fn packet(payload: Payload) -> Packet {
    Packet { seq: payload.seq, body: payload.body, burn_us: payload.burn_us }
}

impl Client for Clients {
    async fn echo(&self, payload: Payload) -> Result<Checked> {
        let reply = self.bench.clone().echo(packet(payload.clone())).await?.into_inner();
        payload.check(reply.seq, &reply.body)
    }

    async fn full(&self, payload: Payload) -> Result<Checked> {
        let mut request = Request::new(packet(payload.clone()));
        request.metadata_mut().insert("tenant", "north".parse()?);
        request.set_timeout(Duration::from_secs(5));
        let reply = self.bench.clone().full(request).await?.into_inner();
        payload.check(reply.seq, &reply.body)
    }

    async fn work(&self, payload: Payload) -> Result<Checked> {
        let reply = self.bench.clone().work(packet(payload.clone())).await?.into_inner();
        payload.check(reply.seq, &reply.body)
    }

    async fn push(&self, source: Source) -> Result<bench_harness::Tally> {
        let packets = tokio_stream::iter(source.map(packet));
        Ok(told(self.upload.clone().upload(packets).await?.into_inner()))
    }

    async fn stream_down(&self, wanted: bench_harness::Wanted) -> Result<[bench_harness::Tally; 2]> {
        let asked = Wanted { size: wanted.size as u32, millis: wanted.time.as_millis() as u64 };
        let arrived = tally(self.streams.clone().down(asked).await?.into_inner()).await?;
        let sent = self.streams.clone().sent(Nothing {}).await?.into_inner();
        Ok([told(sent), arrived])
    }

    async fn stream_up(&self, source: Source) -> Result<bench_harness::Tally> {
        let packets = tokio_stream::iter(source.map(packet));
        Ok(told(self.streams.clone().up(packets).await?.into_inner()))
    }

    async fn stream_both(&self, source: Source) -> Result<bench_harness::Tally> {
        let packets = tokio_stream::iter(source.map(packet));
        Ok(tally(self.streams.clone().both(packets).await?.into_inner()).await?)
    }
}

fn main() -> ExitCode {
    bench_harness::run::<Tonic>()
}
