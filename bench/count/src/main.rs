//! Both ends of a connection on one thread, over loopback TCP: so many calls or pushes, for tools that count what a process
//! does. What one of them costs is the difference between two runs, by the difference in number.
//!
//! ```text
//! bench-count call 64 110 12000      12,000 calls of 110 bytes, 64 in flight
//! bench-count push 1 110 12000       12,000 pushes, one after the other
//! bench-count up 1 110 12000         12,000 items of one stream to the server; `down`: from it; `both`: there and back
//! ```
//! It prints how often tasks were polled, if it was built with `--cfg tokio_unstable`.

use std::env;
use std::process::ExitCode;

use bytes::Bytes;
use protocall::{Channel, Context, RecvStream, Router, SendStream, Server, Status};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

mod proto {
    #![allow(dead_code, reason = "a part of the schema is used")]
    protocall::include_schema!();
}
use proto::bench::v1::{
    Bench, BenchClient, BenchServer, Nothing, Packet, Pushes, PushesClient, PushesServer, Streams,
    StreamsClient, StreamsServer, Tally, Wanted,
};

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// What a message has beside its body of 127 bytes and less, or of more.
const FIELDS: [usize; 2] = [11, 12];

struct Handlers;

impl Bench for Handlers {
    async fn echo(&self, _: &Context, packet: Packet) -> Result<Packet, Status> {
        Ok(packet)
    }

    async fn full(&self, _: &Context, packet: Packet) -> Result<Packet, Status> {
        Ok(packet)
    }

    async fn work(&self, _: &Context, packet: Packet) -> Result<Packet, Status> {
        Ok(packet)
    }
}

impl Pushes for Handlers {
    async fn push(&self, _: &Context, _: Packet) -> Result<(), Status> {
        Ok(())
    }

    async fn count(&self, _: &Context, (): ()) -> Result<Tally, Status> {
        Ok(Tally::default())
    }

    async fn clear(&self, _: &Context, (): ()) -> Result<(), Status> {
        Ok(())
    }
}

impl Streams for Handlers {
    /// So many as the time says, which here is a number.
    async fn down(&self, _: &Context, wanted: Wanted, mut out: SendStream<Packet>) -> Result<(), Status> {
        let body = Bytes::from(vec![7; wanted.size as usize]);
        for seq in 0..wanted.millis {
            out.send(Packet { seq, body: body.clone(), burn_us: 0 }).await?;
        }
        Ok(())
    }

    async fn sent(&self, _: &Context, _: Nothing) -> Result<Tally, Status> {
        Ok(Tally::default())
    }

    async fn up(&self, _: &Context, mut packets: RecvStream<Packet>) -> Result<Tally, Status> {
        while packets.next().await?.is_some() {}
        Ok(Tally::default())
    }

    async fn both(
        &self,
        _: &Context,
        mut packets: RecvStream<Packet>,
        mut out: SendStream<Packet>,
    ) -> Result<(), Status> {
        while let Some(packet) = packets.next().await? {
            out.send(packet).await?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Call,
    Push,
    Down,
    Up,
    Both,
}

/// What is done.
struct Work {
    what: What,
    in_flight: usize,
    body: Bytes,
    number: usize,
}

impl Work {
    fn parse(arguments: &[String]) -> Option<Self> {
        let [what, in_flight, size, number] = arguments else { return None };
        let what = match what.as_str() {
            "call" => What::Call,
            "push" => What::Push,
            "down" => What::Down,
            "up" => What::Up,
            "both" => What::Both,
            _ => return None,
        };
        let size = size.parse::<usize>().ok()?;
        let body = vec![7; size.saturating_sub(FIELDS[usize::from(size > 138)])].into();
        Some(Self { what, in_flight: in_flight.parse().ok()?, body, number: number.parse().ok()? })
    }

    async fn run(self) -> Result<()> {
        let router = Router::new().add(BenchServer::new(Handlers)).add(PushesServer::new(Handlers));
        let router = router.add(StreamsServer::new(Handlers));
        let bound = Server::new(router).listen("tcp://127.0.0.1:0").bind().await?;
        let address = bound.local_addrs().first().ok_or("it listens nowhere")?.to_string();
        tokio::spawn(bound.serve());
        let channel = Channel::connect(address).await?;
        match self.what {
            What::Call => self.calls(channel).await,
            What::Push => self.pushes(channel).await,
            What::Down | What::Up | What::Both => tokio::spawn(self.items(channel)).await?,
        }
    }

    async fn calls(self, channel: Channel) -> Result<()> {
        let client = BenchClient::new(channel);
        let mut loops = JoinSet::new();
        for place in 0..self.in_flight {
            let (client, body) = (client.clone(), self.body.clone());
            let calls = self.number / self.in_flight + usize::from(place < self.number % self.in_flight);
            loops.spawn(async move {
                for seq in 0..calls as u64 {
                    client.echo(Packet { seq, body: body.clone(), burn_us: 0 }).await?;
                }
                Ok::<_, Status>(())
            });
        }
        while let Some(done) = loops.join_next().await {
            done??;
        }
        Ok(())
    }

    async fn pushes(self, channel: Channel) -> Result<()> {
        let client = PushesClient::new(&channel);
        // On a task of its own, as most are.
        let pushing = tokio::spawn(async move {
            for seq in 0..self.number as u64 {
                client.push(Packet { seq, body: self.body.clone(), burn_us: 0 }).await?;
            }
            Ok::<_, Status>(())
        });
        pushing.await??;
        Ok(channel.session().await?.flushed().await?)
    }

    async fn items(self, channel: Channel) -> Result<()> {
        let client = StreamsClient::new(&channel);
        match self.what {
            What::Down => {
                let wanted = Wanted { size: self.body.len() as u32, millis: self.number as u64 };
                let mut back = client.down(wanted).await?;
                while back.next().await?.is_some() {}
            }
            What::Up => {
                let (out, reply) = client.up().await?;
                self.send(out).await?;
                reply.await?;
            }
            _ => {
                let (out, mut back) = client.both().await?;
                let sending = tokio::spawn(self.send(out));
                while back.next().await?.is_some() {}
                sending.await??;
            }
        }
        Ok(())
    }

    async fn send(self, mut out: SendStream<Packet>) -> Result<(), Status> {
        for seq in 0..self.number as u64 {
            out.send(Packet { seq, body: self.body.clone(), burn_us: 0 }).await?;
        }
        out.finish().await
    }
}

/// On a clock that stands still: so slowed down by a tool, all handlers would look slow.
fn run(work: Work) -> Result<u64> {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build()?;
    runtime.block_on(async {
        // A clock that is paused goes on by itself when nothing else does, but not while a thread blocks.
        let (done, blocked) = oneshot::channel::<()>();
        let blocking = tokio::task::spawn_blocking(move || blocked.blocking_recv());
        let worked = work.run().await;
        drop(done);
        let _ = blocking.await;
        worked
    })?;
    Ok(polls(&runtime))
}

#[cfg(tokio_unstable)]
fn polls(runtime: &tokio::runtime::Runtime) -> u64 {
    runtime.metrics().worker_poll_count(0)
}

#[cfg(not(tokio_unstable))]
fn polls(_: &tokio::runtime::Runtime) -> u64 {
    0
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let Some(work) = Work::parse(&arguments) else {
        eprintln!(
            "say `call`, `push`, `down`, `up` or `both`, how many in flight, bytes of a message, and how many of them"
        );
        return ExitCode::FAILURE;
    };
    match run(work) {
        Ok(polls) => {
            println!("{polls}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
