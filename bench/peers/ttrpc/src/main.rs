//! ttrpc, its asynchronous half, with rust-protobuf: all at its defaults but TCP_NODELAY, which it leaves off.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bench_harness::{Checked, Client, Job, Kind, Payload, Peer, Receipts, Result, Source, burn};
use futures::stream;
use tokio::net::{TcpListener, TcpStream};
use ttrpc::r#async::transport::{Listener, Socket};
use ttrpc::r#async::{Server, ServerStreamReceiver, TtrpcContext};
use ttrpc::{Code, context};

#[allow(clippy::all, clippy::too_many_lines, clippy::needless_pass_by_value)]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/mod.rs"));
}
use proto::bench::{Packet, Tally};
use proto::bench_ttrpc::{Bench, BenchClient, create_bench};
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
    async fn upload(
        &self,
        _: &TtrpcContext,
        mut packets: ServerStreamReceiver<Packet>,
    ) -> ttrpc::Result<Tally> {
        let receipts = Receipts::default();
        while let Some(packet) = packets.recv().await? {
            receipts.add(packet.seq, &packet.body);
        }
        let bench_harness::Tally { count, sum, in_order } = receipts.tally();
        Ok(Tally { count, sum, in_order, ..Tally::default() })
    }
}

impl Peer for Ttrpc {
    const CAN: &'static [Kind] = &[Kind::Echo, Kind::Full, Kind::Work, Kind::Mixed, Kind::Push, Kind::Idle];

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
        server.start().await?;
        std::future::pending().await
    }

    async fn connect(job: &Job) -> Result<Clients> {
        let stream = TcpStream::connect(job.addr).await?;
        stream.set_nodelay(true)?;
        let client = ttrpc::r#async::Client::new(Socket::new(stream));
        Ok(Clients { bench: BenchClient::new(client.clone()), upload: UploadClient::new(client) })
    }
}

#[derive(Clone)]
struct Clients {
    bench: BenchClient,
    upload: UploadClient,
}

fn packet(payload: &Payload) -> Packet {
    let body = payload.body.to_vec();
    Packet { seq: payload.seq, body, burn_us: payload.burn_us, ..Packet::default() }
}

impl Client for Clients {
    async fn echo(&self, payload: Payload) -> Result<Checked> {
        let reply = self.bench.echo(context::Context::default(), &packet(&payload)).await?;
        payload.check(reply.seq, &reply.body)
    }

    async fn full(&self, payload: Payload) -> Result<Checked> {
        let mut context = context::with_duration(Duration::from_secs(5));
        context.add("tenant".into(), "north".into());
        let reply = self.bench.full(context, &packet(&payload)).await?;
        payload.check(reply.seq, &reply.body)
    }

    async fn work(&self, payload: Payload) -> Result<Checked> {
        let reply = self.bench.work(context::Context::default(), &packet(&payload)).await?;
        payload.check(reply.seq, &reply.body)
    }

    async fn push(&self, source: Source) -> Result<bench_harness::Tally> {
        let mut upload = self.upload.upload(context::Context::default()).await?;
        for payload in source {
            upload.send(&packet(&payload)).await?;
        }
        let Tally { count, sum, in_order, .. } = upload.close_and_recv().await?;
        Ok(bench_harness::Tally { count, sum, in_order })
    }
}

fn main() -> ExitCode {
    bench_harness::run::<Ttrpc>()
}
