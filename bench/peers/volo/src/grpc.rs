//! volo-grpc, for the streams, which thrift has not: its defaults, but for a window. Streams come from iterators, and an echo gives back the stream that
//! it gets: there is no quicker way.

#![allow(clippy::result_large_err, reason = "its Status is so large")]

use std::net::SocketAddr;
use std::time::Duration;

use bench_harness::{Payload, Result, Source, Supply, Tally, Wanted};
use futures::{Stream, StreamExt, pin_mut, stream};
use volo::net::Address;
use volo_grpc::server::{Server, ServiceBuilder};
use volo_grpc::{BoxStream, RecvStream, Request, Response, Status};

#[allow(clippy::all, clippy::too_many_lines, elided_lifetimes_in_paths, unsafe_code, unused)]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/volo_grpc_gen.rs"));
}
use proto::volo_grpc_gen::bench::v1 as bench;

#[derive(Default)]
struct Flows(Supply);

impl bench::Streams for Flows {
    async fn down(
        &self,
        request: Request<bench::Wanted>,
    ) -> Result<Response<BoxStream<'static, Result<bench::Packet, Status>>>, Status> {
        let bench::Wanted { size, millis } = request.into_inner();
        let source = self.0.source(Wanted { size: size as usize, time: Duration::from_millis(millis) });
        Ok(Response::new(stream::iter(source.map(|payload| Ok(packet(payload)))).boxed()))
    }

    async fn sent(&self, _: Request<bench::Nothing>) -> Result<Response<bench::Tally>, Status> {
        Ok(Response::new(tell(self.0.sent())))
    }

    async fn up(
        &self,
        request: Request<RecvStream<bench::Packet>>,
    ) -> Result<Response<bench::Tally>, Status> {
        Ok(Response::new(tell(tally(request.into_inner()).await?)))
    }

    async fn both(
        &self,
        request: Request<RecvStream<bench::Packet>>,
    ) -> Result<Response<BoxStream<'static, Result<bench::Packet, Status>>>, Status> {
        Ok(Response::new(request.into_inner().boxed()))
    }
}

pub async fn serve(addr: SocketAddr) -> Result<()> {
    let streams = ServiceBuilder::new(bench::StreamsServer::new(Flows::default())).build();
    // h2 ends a connection that has many small frames which are not read yet. At its default, 1 MiB, a stream up does not last.
    let server = Server::new().http2_init_connection_window_size(8_u32 << 20);
    server.add_service(streams).run(Address::from(addr)).await
}

/// What comes, until the stream ends.
async fn tally(packets: impl Stream<Item = Result<bench::Packet, Status>>) -> Result<Tally, Status> {
    let mut tally = Tally::default();
    pin_mut!(packets);
    while let Some(packet) = packets.next().await {
        let packet = packet?;
        tally.add(packet.seq, &packet.body);
    }
    Ok(tally)
}

fn tell(Tally { count, sum, in_order }: Tally) -> bench::Tally {
    bench::Tally { count, sum, in_order }
}

fn told(tally: &bench::Tally) -> Tally {
    Tally { count: tally.count, sum: tally.sum, in_order: tally.in_order }
}

fn packet(payload: Payload) -> bench::Packet {
    bench::Packet { seq: payload.seq, body: payload.body, ..bench::Packet::default() }
}

#[derive(Clone)]
pub struct Streams(bench::StreamsClient);

impl Streams {
    pub async fn connect(addr: SocketAddr) -> Result<Self> {
        let client = bench::StreamsClientBuilder::new("bench").address(addr).build();
        // It connects with the first call.
        client.sent(bench::Nothing::default()).await?;
        Ok(Self(client))
    }

    pub async fn down(&self, wanted: Wanted) -> Result<[Tally; 2]> {
        let (size, millis) = (wanted.size as u32, wanted.time.as_millis() as u64);
        let asked = bench::Wanted { size, millis };
        let arrived = tally(self.0.down(asked).await?.into_inner()).await?;
        let sent = self.0.sent(bench::Nothing::default()).await?.into_inner();
        Ok([told(&sent), arrived])
    }

    pub async fn up(&self, source: Source) -> Result<Tally> {
        let packets = stream::iter(source.map(packet));
        Ok(told(&self.0.up(packets).await?.into_inner()))
    }

    pub async fn both(&self, source: Source) -> Result<Tally> {
        let packets = stream::iter(source.map(packet));
        Ok(tally(self.0.both(packets).await?.into_inner()).await?)
    }
}
