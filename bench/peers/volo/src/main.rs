//! volo-thrift: its default codec (TTHeader, framed, binary), TCP_NODELAY as it sets it, and `multiplex`, without which a connection has
//! one call in flight. Streams are volo-grpc's (`grpc.rs`), as thrift has none.
//!
//! It has one-way methods, but runs each message in a task of its own, so that they come in no order.

mod grpc;

use std::cell::RefCell;
use std::process::ExitCode;
use std::time::Duration;

use bench_harness::{
    Checked, Client, Job, Kind, Payload, Peer, Result, Source, Tally, Wanted, burn, unsupported,
};
use metainfo::{Forward, MetaInfo};
use volo::METAINFO;
use volo::net::Address;
use volo_thrift::client::CallOpt;
use volo_thrift::{BizError, ServerError};

#[allow(clippy::all, clippy::too_many_lines, elided_lifetimes_in_paths, unsafe_code, unused)]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/volo_gen.rs"));
}
use proto::volo_gen::bench::{Bench, BenchClient, BenchClientBuilder, BenchServer, Packet};

struct Volo;

struct Handlers;

impl Bench for Handlers {
    async fn echo(&self, packet: Packet) -> Result<Packet, ServerError> {
        Ok(packet)
    }

    async fn full(&self, packet: Packet) -> Result<Packet, ServerError> {
        let tenant = METAINFO.with(|info| info.borrow().get_upstream("TENANT"));
        if tenant.is_none_or(|tenant| tenant != "north") {
            return Err(BizError::new(1, "no tenant".into()).into());
        }
        tokio::task::yield_now().await;
        Ok(packet)
    }

    async fn work(&self, packet: Packet) -> Result<Packet, ServerError> {
        burn(packet.burn_us.unsigned_abs());
        Ok(packet)
    }
}

impl Peer for Volo {
    const CAN: &'static [Kind] = &[
        Kind::Echo,
        Kind::Full,
        Kind::Work,
        Kind::Mixed,
        Kind::StreamDown,
        Kind::StreamUp,
        Kind::StreamBoth,
        Kind::Idle,
    ];

    type Client = Connection;

    async fn serve(job: Job) -> Result<()> {
        if streams(job.kind) {
            return grpc::serve(job.addr).await;
        }
        BenchServer::new(Handlers).multiplex(true).run(Address::from(job.addr)).await
    }

    async fn connect(job: &Job) -> Result<Connection> {
        if streams(job.kind) {
            return Ok(Connection::Streams(grpc::Streams::connect(job.addr).await?));
        }
        let client = BenchClientBuilder::new("bench").address(job.addr).multiplex(true).build();
        // It connects with the first call.
        client.echo(Packet::default()).await?;
        Ok(Connection::Calls(client))
    }
}

fn streams(kind: Kind) -> bool {
    matches!(kind, Kind::StreamDown | Kind::StreamUp | Kind::StreamBoth)
}

#[derive(Clone)]
enum Connection {
    Calls(BenchClient),
    Streams(grpc::Streams),
}

impl Connection {
    fn calls(&self) -> Result<&BenchClient> {
        match self {
            Self::Calls(client) => Ok(client),
            Self::Streams(_) => unsupported(),
        }
    }

    fn streams(&self) -> Result<&grpc::Streams> {
        match self {
            Self::Streams(client) => Ok(client),
            Self::Calls(_) => unsupported(),
        }
    }
}

fn packet(payload: Payload) -> Packet {
    let (seq, burn_us) = (payload.seq.cast_signed(), payload.burn_us.cast_signed());
    Packet { seq, body: payload.body, burn_us }
}

impl Client for Connection {
    async fn echo(&self, payload: Payload) -> Result<Checked> {
        let reply = self.calls()?.echo(packet(payload.clone())).await?;
        payload.check(reply.seq.cast_unsigned(), &reply.body)
    }

    async fn full(&self, payload: Payload) -> Result<Checked> {
        let mut info = MetaInfo::default();
        info.set_transient("TENANT", "north");
        let mut options = CallOpt::new();
        options.config.set_rpc_timeout(Some(Duration::from_secs(5)));
        let call = self.calls()?.clone().with_callopt(options).full(packet(payload.clone()));
        let reply = METAINFO.scope(RefCell::new(info), call).await?;
        payload.check(reply.seq.cast_unsigned(), &reply.body)
    }

    async fn work(&self, payload: Payload) -> Result<Checked> {
        let reply = self.calls()?.work(packet(payload.clone())).await?;
        payload.check(reply.seq.cast_unsigned(), &reply.body)
    }

    async fn stream_down(&self, wanted: Wanted) -> Result<[Tally; 2]> {
        self.streams()?.down(wanted).await
    }

    async fn stream_up(&self, source: Source) -> Result<Tally> {
        self.streams()?.up(source).await
    }

    async fn stream_both(&self, source: Source) -> Result<Tally> {
        self.streams()?.both(source).await
    }
}

fn main() -> ExitCode {
    bench_harness::run::<Volo>()
}
