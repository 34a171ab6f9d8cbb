//! The server that a client in another language is tried against: methods that take and give plain bytes, a push, a call and
//! a stream of each shape each way. Prints its address, serves until its standard input ends.
//!
//! Run: `cargo run -p protocall-tests --bin stranger_server`, then `python3 tests/python/against_server.py HOST:PORT`.

use std::sync::Mutex;
use std::time::Duration;

use protocall::{Code, Context, Raw, RecvStream, Router, SendStream, Server, Status};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

/// What the stranger calls.
#[protocall::service(package = "stranger.v1")]
pub trait Stranger {
    /// Gives back what it got.
    async fn echo(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    /// The bytes in reverse.
    async fn reverse(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    /// Fails with code 1234, the text that it got, and metadata.
    async fn fail(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    /// Answers after so many milliseconds, given in digits.
    async fn slow(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    /// Takes a note.
    #[method(push)]
    async fn note(&self, ctx: &Context, req: Raw) -> Result<(), Status>;
    /// All notes so far.
    async fn notes(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    /// Pushes so many random payloads back, then answers with the digest of them all.
    async fn push_back(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    /// Asks the stranger, and answers with what he said.
    async fn call_back(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    /// So many items, each random, then fails with code 1234 and the digest of them all.
    async fn tell(&self, ctx: &Context, req: Raw, out: SendStream<Raw>) -> Result<(), Status>;
    /// The digest of all items; of half an upload nothing.
    async fn gather(&self, ctx: &Context, input: RecvStream<Raw>) -> Result<Raw, Status>;
    /// Gives each item back; after one of `stop` it wants no more, and ends well.
    async fn converse(
        &self,
        ctx: &Context,
        input: RecvStream<Raw>,
        out: SendStream<Raw>,
    ) -> Result<(), Status>;
    /// How many streams of this connection are open, and what they hold.
    async fn streams(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    /// Streams towards the stranger in each shape, with so many items, and answers with what became of them.
    async fn stream_back(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

/// What the stranger serves.
#[protocall::service(package = "stranger.v1")]
pub trait StrangerEvents {
    /// A payload of `PushBack`.
    #[method(push)]
    async fn posted(&self, ctx: &Context, req: Raw) -> Result<(), Status>;
    /// A question of `CallBack`.
    async fn ask(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    /// So many items.
    async fn tell(&self, ctx: &Context, req: Raw, out: SendStream<Raw>) -> Result<(), Status>;
    /// The digest of all items.
    async fn gather(&self, ctx: &Context, input: RecvStream<Raw>) -> Result<Raw, Status>;
    /// Gives each item back.
    async fn converse(
        &self,
        ctx: &Context,
        input: RecvStream<Raw>,
        out: SendStream<Raw>,
    ) -> Result<(), Status>;
}

#[derive(Default)]
struct Notes(Mutex<Vec<u8>>);

impl Notes {
    fn all(&self) -> Vec<u8> {
        self.0.lock().map(|notes| notes.clone()).unwrap_or_default()
    }
}

fn number(req: &Raw) -> Result<u64, Status> {
    let text = std::str::from_utf8(&req.0).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| Status::invalid_argument("a number in digits, please"))
}

/// Bytes that look random and need no crate: their content only has to vary.
fn payload(seed: u64) -> Vec<u8> {
    let len = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize;
    let mut state = seed | 1;
    let byte = move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(byte).collect()
}

impl Stranger for Notes {
    async fn echo(&self, _: &Context, req: Raw) -> Result<Raw, Status> {
        Ok(req)
    }

    async fn reverse(&self, _: &Context, req: Raw) -> Result<Raw, Status> {
        Ok(req.0.iter().rev().copied().collect::<Vec<u8>>().into())
    }

    async fn fail(&self, _: &Context, req: Raw) -> Result<Raw, Status> {
        let text = String::from_utf8_lossy(&req.0).into_owned();
        Err(Status::new(Code::user(1234), text).metadata("k", [0x00, 0xff]))
    }

    async fn slow(&self, _: &Context, req: Raw) -> Result<Raw, Status> {
        tokio::time::sleep(Duration::from_millis(number(&req)?)).await;
        Ok(req)
    }

    async fn note(&self, _: &Context, req: Raw) -> Result<(), Status> {
        if let Ok(mut notes) = self.0.lock() {
            notes.extend_from_slice(&req.0);
        }
        Ok(())
    }

    async fn notes(&self, _: &Context, _: Raw) -> Result<Raw, Status> {
        Ok(self.all().into())
    }

    async fn push_back(&self, ctx: &Context, req: Raw) -> Result<Raw, Status> {
        let events = StrangerEventsClient::new(ctx.session());
        let mut digest = Sha256::new();
        for seed in 0..number(&req)? {
            let bytes = payload(seed + 1);
            digest.update(&bytes);
            events.posted(bytes.into()).await?;
        }
        Ok(digest.finalize().to_vec().into())
    }

    async fn call_back(&self, ctx: &Context, req: Raw) -> Result<Raw, Status> {
        StrangerEventsClient::new(ctx.session()).ask(req).await
    }

    async fn tell(&self, ctx: &Context, req: Raw, mut out: SendStream<Raw>) -> Result<(), Status> {
        ctx.reply_metadata("k", "begin");
        out.begin()?;
        let mut digest = Sha256::new();
        for seed in 0..number(&req)? {
            let bytes = payload(seed + 1);
            digest.update(&bytes);
            out.send(bytes.into()).await?;
        }
        Err(Status::new(Code::user(1234), "all told").metadata("digest", digest.finalize()))
    }

    async fn gather(&self, _: &Context, mut input: RecvStream<Raw>) -> Result<Raw, Status> {
        let mut digest = Sha256::new();
        while let Some(item) = input.next().await? {
            digest.update(&item.0);
        }
        Ok(digest.finalize().to_vec().into())
    }

    async fn converse(
        &self,
        _: &Context,
        mut input: RecvStream<Raw>,
        mut out: SendStream<Raw>,
    ) -> Result<(), Status> {
        while let Some(item) = input.next().await? {
            if item.0 == "stop" {
                input.stop(Code::OUT_OF_RANGE);
                return Ok(());
            }
            out.send(item).await?;
        }
        Ok(())
    }

    async fn streams(&self, ctx: &Context, _: Raw) -> Result<Raw, Status> {
        let stats = ctx.session().stats();
        Ok(format!("{} {}", stats.streams, stats.stream_bytes).into())
    }

    async fn stream_back(&self, ctx: &Context, req: Raw) -> Result<Raw, Status> {
        let (client, count) = (StrangerEventsClient::new(ctx.session()), number(&req)?);
        let mut told = client.tell(req).await?;
        let mut digest = Sha256::new();
        while let Some(item) = told.next().await? {
            digest.update(&item.0);
        }
        let told = digest.finalize();
        let (mut out, reply) = client.gather().await?;
        let (mut there, mut back) = client.converse().await?;
        let mut same = 0;
        for seed in 0..count {
            let bytes = payload(seed + 1);
            out.send(bytes.clone().into()).await?;
            there.send(bytes.clone().into()).await?;
            same += u64::from(back.next().await?.is_some_and(|item| item.0 == bytes));
        }
        out.finish().await?;
        there.finish().await?;
        let ended = back.next().await?.is_none();
        // Told, gathered: both are the digest of the same bytes.
        let gathered = reply.await?.0 == told.as_slice();
        Ok(format!("{same} {ended} {gathered}").into())
    }
}

#[tokio::main]
async fn main() -> Result<(), protocall::Error> {
    let router = Router::new().add(StrangerServer::new(Notes::default()));
    // A machine so busy that the stranger gets no core for 30 s is not what he is tried for.
    let long = Duration::from_secs(600);
    let server =
        Server::new(router).connect_timeout(long).keepalive(Duration::from_secs(20), long).write_stall(long);
    let bound = server.listen("tcp://127.0.0.1:0").bind().await?;
    println!("{}", bound.local_addrs()[0].to_string().trim_start_matches("tcp://"));
    let asked_to_stop = async {
        let mut rest = Vec::new();
        let _ = tokio::io::stdin().read_to_end(&mut rest).await;
    };
    let report = bound.serve_until(asked_to_stop).await;
    println!("{report}");
    Ok(())
}
