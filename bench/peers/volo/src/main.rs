//! volo-thrift: its default codec (TTHeader, framed, binary), TCP_NODELAY as it sets it, and `multiplex`, without which a connection has
//! one call in flight.
//!
//! It has one-way methods, but runs each message in a task of its own, so that they come in no order.

use std::cell::RefCell;
use std::process::ExitCode;
use std::time::Duration;

use bench_harness::{Checked, Client, Job, Kind, Payload, Peer, Result, burn};
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
    const CAN: &'static [Kind] = &[Kind::Echo, Kind::Full, Kind::Work, Kind::Mixed, Kind::Idle];

    type Client = Connection;

    async fn serve(job: Job) -> Result<()> {
        BenchServer::new(Handlers).multiplex(true).run(Address::from(job.addr)).await
    }

    async fn connect(job: &Job) -> Result<Connection> {
        let client = BenchClientBuilder::new("bench").address(job.addr).multiplex(true).build();
        // It connects with the first call.
        client.echo(Packet::default()).await?;
        Ok(Connection(client))
    }
}

#[derive(Clone)]
struct Connection(BenchClient);

fn packet(payload: &Payload) -> Packet {
    let (seq, burn_us) = (payload.seq.cast_signed(), payload.burn_us.cast_signed());
    Packet { seq, body: payload.body.clone(), burn_us }
}

impl Client for Connection {
    async fn echo(&self, payload: Payload) -> Result<Checked> {
        let reply = self.0.echo(packet(&payload)).await?;
        payload.check(reply.seq.cast_unsigned(), &reply.body)
    }

    async fn full(&self, payload: Payload) -> Result<Checked> {
        let mut info = MetaInfo::default();
        info.set_transient("TENANT", "north");
        let mut options = CallOpt::new();
        options.config.set_rpc_timeout(Some(Duration::from_secs(5)));
        let call = self.0.clone().with_callopt(options).full(packet(&payload));
        let reply = METAINFO.scope(RefCell::new(info), call).await?;
        payload.check(reply.seq.cast_unsigned(), &reply.body)
    }

    async fn work(&self, payload: Payload) -> Result<Checked> {
        let reply = self.0.work(packet(&payload)).await?;
        payload.check(reply.seq.cast_unsigned(), &reply.body)
    }
}

fn main() -> ExitCode {
    bench_harness::run::<Volo>()
}
