//! tarpc with its TCP transport and bincode.
//!
//! Not at their defaults: TCP_NODELAY, which its `listen` and `connect` leave off; the largest frame, 8 MiB; and what a client
//! may have in flight and in its queue, which would hold `c1024` back.

use std::process::ExitCode;

use bench_harness::{Checked, Client, Job, Kind, Payload, Peer, Result, burn};
use bytes::Bytes;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::tokio_util::codec::{Framed, LengthDelimitedCodec};
use tarpc::{client, context, serde_transport};
use tokio::net::{TcpListener, TcpStream};

const LARGEST: usize = 64 << 20;

#[derive(Debug, Serialize, Deserialize)]
pub struct Packet {
    seq: u64,
    body: Bytes,
    burn_us: u32,
}

#[tarpc::service]
trait Bench {
    async fn echo(packet: Packet) -> Packet;
    async fn work(packet: Packet) -> Packet;
}

struct Tarpc;

#[derive(Clone)]
struct Handlers;

impl Bench for Handlers {
    async fn echo(self, _: context::Context, packet: Packet) -> Packet {
        packet
    }

    async fn work(self, _: context::Context, packet: Packet) -> Packet {
        burn(packet.burn_us);
        packet
    }
}

fn framed(stream: TcpStream) -> Result<Framed<TcpStream, LengthDelimitedCodec>> {
    stream.set_nodelay(true)?;
    Ok(LengthDelimitedCodec::builder().max_frame_length(LARGEST).new_framed(stream))
}

impl Peer for Tarpc {
    const CAN: &'static [Kind] = &[Kind::Echo, Kind::Work, Kind::Mixed, Kind::Idle];

    type Client = Connection;

    async fn serve(job: Job) -> Result<()> {
        let listener = TcpListener::bind(job.addr).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            let transport = serde_transport::new(framed(stream)?, Bincode::default());
            let calls = BaseChannel::with_defaults(transport).execute(Handlers.serve());
            tokio::spawn(calls.for_each(|call| async {
                tokio::spawn(call);
            }));
        }
    }

    async fn connect(job: &Job) -> Result<Connection> {
        let stream = TcpStream::connect(job.addr).await?;
        let transport = serde_transport::new(framed(stream)?, Bincode::default());
        let mut config = client::Config::default();
        config.max_in_flight_requests = 4_096;
        config.pending_request_buffer = 1_024;
        Ok(Connection(BenchClient::new(config, transport).spawn()))
    }
}

#[derive(Clone)]
struct Connection(BenchClient);

fn packet(payload: Payload) -> Packet {
    Packet { seq: payload.seq, body: payload.body, burn_us: payload.burn_us }
}

impl Client for Connection {
    async fn echo(&self, payload: Payload) -> Result<Checked> {
        let reply = self.0.echo(context::current(), packet(payload.clone())).await?;
        payload.check(reply.seq, &reply.body)
    }

    async fn work(&self, payload: Payload) -> Result<Checked> {
        let reply = self.0.work(context::current(), packet(payload.clone())).await?;
        payload.check(reply.seq, &reply.body)
    }
}

fn main() -> ExitCode {
    bench_harness::run::<Tarpc>()
}
