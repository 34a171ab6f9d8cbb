//! protocall, as its README shows it: the generated client and trait, `async fn` handlers, every setting at its default but
//! what messages of many megabytes, and thousands of streams, need.

mod large;
mod streams;

use std::process::ExitCode;
use std::time::Duration;

use bench_harness::{
    Checked, Client, Held, Job, Kind, Payload, Peer, Receipts, Result, Source, Wanted, burn,
};
use protocall::{Caller, Channel, Context, Router, Server, Status};
use tokio::time::sleep;

use crate::large::Bodies;
use crate::streams::Flows;

mod proto {
    protocall::include_schema!();
}
use proto::bench::v1::{
    Bench, BenchClient, BenchServer, LargeClient, LargeServer, Loop, Packet, Pushes, PushesClient,
    PushesServer, Reverse, ReverseClient, ReverseServer, StreamsClient, StreamsServer, Tally,
};

struct Protocall;

struct Handlers;

impl Bench for Handlers {
    async fn echo(&self, _: &Context, packet: Packet) -> Result<Packet, Status> {
        Ok(packet)
    }

    async fn full(&self, ctx: &Context, packet: Packet) -> Result<Packet, Status> {
        if ctx.metadata().get("tenant") != Some(b"north".as_slice()) {
            return Err(Status::invalid_argument("no tenant"));
        }
        tokio::task::yield_now().await;
        Ok(packet)
    }

    async fn work(&self, _: &Context, packet: Packet) -> Result<Packet, Status> {
        burn(packet.burn_us);
        Ok(packet)
    }
}

#[derive(Default)]
struct Counter(Receipts);

impl Pushes for Counter {
    async fn push(&self, _: &Context, packet: Packet) -> Result<(), Status> {
        self.0.add(packet.seq, &packet.body);
        Ok(())
    }

    async fn count(&self, _: &Context, (): ()) -> Result<Tally, Status> {
        let bench_harness::Tally { count, sum, in_order } = self.0.tally();
        Ok(Tally { count, sum, in_order })
    }

    async fn clear(&self, _: &Context, (): ()) -> Result<(), Status> {
        self.0.clear();
        Ok(())
    }
}

struct CallBack;

impl Reverse for CallBack {
    async fn run(&self, ctx: &Context, asked: Loop) -> Result<Tally, Status> {
        let job = Job {
            in_flight: asked.in_flight as usize,
            size: asked.size as usize,
            warmup_ms: asked.warmup_ms,
            window_ms: asked.window_ms,
            ..Job::default()
        };
        let client = Clients::new(ctx.session().into());
        let count = bench_harness::count_calls::<Protocall>(client, &job).await;
        let count = count.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Tally { count, ..Tally::default() })
    }
}

impl Peer for Protocall {
    const CAN: &'static [Kind] = &[
        Kind::Echo,
        Kind::Full,
        Kind::Work,
        Kind::Mixed,
        Kind::Push,
        Kind::Bidi,
        Kind::Idle,
        Kind::StreamDown,
        Kind::StreamUp,
        Kind::StreamBoth,
        Kind::RoundTrips,
        Kind::Unread,
        Kind::Resting,
        Kind::Put,
        Kind::Get,
    ];

    type Client = Clients;

    async fn serve(job: Job) -> Result<()> {
        let router = Router::new()
            .add(BenchServer::new(Handlers))
            .add(PushesServer::new(Counter::default()))
            .add(ReverseServer::new(CallBack))
            .add(LargeServer::new(Bodies::default()))
            .add(StreamsServer::new(Flows::default()));
        let mut server = Server::new(router).listen(format!("tcp://{}", job.addr));
        if large::needs_limits(&job) {
            let [message, budget] = large::LIMITS;
            server = server.max_message(message).receive_budget(budget);
        }
        if job.kind == Kind::Resting {
            server = server.max_in_flight(job.in_flight as u32 + 64);
        }
        server.bind().await?.serve().await;
        Ok(())
    }

    async fn connect(job: &Job) -> Result<Clients> {
        let mut channel = Channel::builder(format!("tcp://{}", job.addr));
        if job.kind == Kind::Bidi {
            channel = channel.serve(Router::new().add(BenchServer::new(Handlers)));
        }
        if large::needs_limits(job) {
            let [message, budget] = large::LIMITS;
            channel = channel.max_message(message).receive_budget(budget);
        }
        Ok(Clients::new(channel.connect().await?.into()))
    }
}

#[derive(Clone)]
struct Clients {
    bench: BenchClient,
    pushes: PushesClient,
    reverse: ReverseClient,
    large: LargeClient,
    streams: StreamsClient,
}

impl Clients {
    fn new(caller: Caller) -> Self {
        Self {
            bench: BenchClient::new(caller.clone()),
            pushes: PushesClient::new(caller.clone()),
            reverse: ReverseClient::new(caller.clone()),
            large: LargeClient::new(caller.clone()),
            streams: StreamsClient::new(caller),
        }
    }
}

fn packet(payload: Payload) -> Packet {
    Packet { seq: payload.seq, body: payload.body, burn_us: payload.burn_us }
}

impl Client for Clients {
    async fn echo(&self, payload: Payload) -> Result<Checked> {
        let reply = self.bench.echo(packet(payload.clone())).await?;
        payload.check(reply.seq, &reply.body)
    }

    async fn full(&self, payload: Payload) -> Result<Checked> {
        let call = self.bench.full(packet(payload.clone()));
        let reply = call.metadata("tenant", "north").timeout(Duration::from_secs(5)).await?;
        payload.check(reply.seq, &reply.body)
    }

    async fn work(&self, payload: Payload) -> Result<Checked> {
        let reply = self.bench.work(packet(payload.clone())).await?;
        payload.check(reply.seq, &reply.body)
    }

    async fn push(&self, source: Source) -> Result<bench_harness::Tally> {
        self.pushes.clear(()).await?;
        let mut sent = 0;
        for payload in source {
            self.pushes.push(packet(payload)).await?;
            sent += 1;
        }
        loop {
            let Tally { count, sum, in_order } = self.pushes.count(()).await?;
            if count >= sent {
                return Ok(bench_harness::Tally { count, sum, in_order });
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    async fn stream_down(&self, wanted: Wanted) -> Result<[bench_harness::Tally; 2]> {
        streams::down(&self.streams, wanted).await
    }

    async fn stream_up(&self, source: Source) -> Result<bench_harness::Tally> {
        streams::up(&self.streams, source).await
    }

    async fn stream_both(&self, source: Source) -> Result<bench_harness::Tally> {
        streams::both(&self.streams, source).await
    }

    async fn round_trips(&self, items: impl Iterator<Item = Payload> + Send) -> Result<()> {
        streams::round_trips(&self.streams, items).await
    }

    async fn unread(&self, size: usize) -> Result<Held> {
        streams::unread(&self.streams, size).await
    }

    async fn rest(&self, payload: Payload) -> Result<Held> {
        streams::rest(&self.streams, &payload).await
    }

    async fn put(&self, payload: Payload) -> Result<Checked> {
        large::put(&self.large, &payload).await
    }

    async fn get(&self, payload: Payload) -> Result<Checked> {
        large::get(&self.large, &payload).await
    }

    async fn reverse(&self, job: &Job) -> Result<u64> {
        let &Job { in_flight, size, warmup_ms, window_ms, .. } = job;
        let asked = Loop { in_flight: in_flight as u32, size: size as u32, warmup_ms, window_ms };
        Ok(self.reverse.run(asked).await?.count)
    }
}

fn main() -> ExitCode {
    bench_harness::run::<Protocall>()
}
