//! Cap'n Proto, set up as in its examples, buffers of the streams included. Not at their defaults: TCP_NODELAY, and the traversal
//! limit, which is off; its 64 MiB a message would do.
//!
//! It is `!Send` all through; the wrappers let it into the harness, whose threads do not change for it.

use std::process::ExitCode;
use std::rc::Rc;

use bench_harness::{
    Checked, Client, Job, Kind, Payload, Peer, Receipts, Result, Source, Tally, burn, count_calls,
};
use capnp::message::ReaderOptions;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::twoparty::VatNetwork;
use capnp_rpc::{RpcSystem, new_client};
use futures::AsyncReadExt;
use futures::io::{BufReader, BufWriter};
use send_wrapper::SendWrapper;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, spawn_local};
use tokio_util::compat::TokioAsyncReadCompatExt;

capnp::generated_code!(mod bench_capnp);
use bench_capnp::{bench, packet};

struct CapnpRpc;

/// Of one connection.
#[derive(Default)]
struct Handlers(Receipts);

impl bench::Server for Handlers {
    async fn echo(
        self: Rc<Self>,
        params: bench::EchoParams,
        mut results: bench::EchoResults,
    ) -> capnp::Result<()> {
        results.get().set_packet(params.get()?.get_packet()?)
    }

    async fn work(
        self: Rc<Self>,
        params: bench::WorkParams,
        mut results: bench::WorkResults,
    ) -> capnp::Result<()> {
        let packet = params.get()?.get_packet()?;
        burn(packet.get_burn_us());
        results.get().set_packet(packet)
    }

    async fn push(self: Rc<Self>, params: bench::PushParams) -> capnp::Result<()> {
        let packet = params.get()?.get_packet()?;
        self.0.add(packet.get_seq(), packet.get_body()?);
        Ok(())
    }

    async fn count(
        self: Rc<Self>,
        _: bench::CountParams,
        mut results: bench::CountResults,
    ) -> capnp::Result<()> {
        let Tally { count, sum, in_order } = self.0.tally();
        self.0.clear();
        let mut tally = results.get().init_tally();
        tally.set_count(count);
        tally.set_sum(sum);
        tally.set_in_order(in_order);
        Ok(())
    }

    async fn reverse(
        self: Rc<Self>,
        params: bench::ReverseParams,
        mut results: bench::ReverseResults,
    ) -> capnp::Result<()> {
        let asked = params.get()?.get_loop()?;
        let job = Job {
            in_flight: asked.get_in_flight() as usize,
            size: asked.get_size() as usize,
            warmup_ms: asked.get_warmup_ms(),
            window_ms: asked.get_window_ms(),
            ..Job::default()
        };
        let back = Connection(SendWrapper::new(params.get()?.get_back()?));
        let count = count_calls::<CapnpRpc>(back, &job).await;
        results.get().set_count(count.map_err(|error| capnp::Error::failed(error.to_string()))?);
        Ok(())
    }
}

fn network(stream: TcpStream, side: Side) -> Result<Box<VatNetwork<impl futures::AsyncRead + Unpin>>> {
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.compat().split();
    let options = ReaderOptions { traversal_limit_in_words: None, ..ReaderOptions::new() };
    Ok(Box::new(VatNetwork::new(BufReader::new(reader), BufWriter::new(writer), side, options)))
}

impl Peer for CapnpRpc {
    const CAN: &'static [Kind] = &[Kind::Echo, Kind::Work, Kind::Mixed, Kind::Push, Kind::Bidi, Kind::Idle];
    const CURRENT_THREAD_ONLY: bool = true;

    type Client = Connection;

    async fn serve(job: Job) -> Result<()> {
        let listener = TcpListener::bind(job.addr).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            let handlers: bench::Client = new_client(Handlers::default());
            spawn_local(RpcSystem::new(network(stream, Side::Server)?, Some(handlers.client)));
        }
    }

    async fn connect(job: &Job) -> Result<Connection> {
        let stream = TcpStream::connect(job.addr).await?;
        let mut system = RpcSystem::new(network(stream, Side::Client)?, None);
        let client = system.bootstrap(Side::Server);
        spawn_local(system);
        Ok(Connection(SendWrapper::new(client)))
    }

    fn spawn<F>(task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        spawn_local(task)
    }
}

#[derive(Clone)]
struct Connection(SendWrapper<bench::Client>);

fn fill(mut packet: packet::Builder<'_>, payload: &Payload) {
    packet.set_seq(payload.seq);
    packet.set_body(&payload.body);
    packet.set_burn_us(payload.burn_us);
}

impl Client for Connection {
    fn echo(&self, payload: Payload) -> impl Future<Output = Result<Checked>> + Send {
        let client = self.0.clone();
        SendWrapper::new(async move {
            let mut request = client.echo_request();
            fill(request.get().init_packet(), &payload);
            let reply = request.send().promise.await?;
            let reply = reply.get()?.get_packet()?;
            payload.check(reply.get_seq(), reply.get_body()?)
        })
    }

    fn work(&self, payload: Payload) -> impl Future<Output = Result<Checked>> + Send {
        let client = self.0.clone();
        SendWrapper::new(async move {
            let mut request = client.work_request();
            fill(request.get().init_packet(), &payload);
            let reply = request.send().promise.await?;
            let reply = reply.get()?.get_packet()?;
            payload.check(reply.get_seq(), reply.get_body()?)
        })
    }

    fn push(&self, source: Source) -> impl Future<Output = Result<Tally>> + Send {
        let client = self.0.clone();
        SendWrapper::new(async move {
            for payload in source {
                let mut request = client.push_request();
                fill(request.get().init_packet(), &payload);
                request.send().await?;
            }
            let reply = client.count_request().send().promise.await?;
            let tally = reply.get()?.get_tally()?;
            Ok(Tally { count: tally.get_count(), sum: tally.get_sum(), in_order: tally.get_in_order() })
        })
    }

    fn reverse(&self, job: &Job) -> impl Future<Output = Result<u64>> + Send {
        let (client, &Job { in_flight, size, warmup_ms, window_ms, .. }) = (self.0.clone(), job);
        SendWrapper::new(async move {
            let mut request = client.reverse_request();
            request.get().set_back(new_client(Handlers::default()));
            let mut asked = request.get().init_loop();
            asked.set_in_flight(in_flight as u32);
            asked.set_size(size as u32);
            asked.set_warmup_ms(warmup_ms);
            asked.set_window_ms(window_ms);
            Ok(request.send().promise.await?.get()?.get_count())
        })
    }
}

fn main() -> ExitCode {
    bench_harness::run::<CapnpRpc>()
}
