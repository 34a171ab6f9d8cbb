//! "Not run" is never said of a call that ran: handlers keep a journal while connections are cut at random bytes, calls
//! time out and are dropped, ends drain and close.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as Cx, Poll};
use std::time::Duration;

use protocall::{Channel, Code, Server, Session, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::{Host, Running, echo, host, message, within};

/// A generator of our own, so that a failing seed can be run again.
#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

/// A stream that breaks after so many bytes, either way.
struct Cut<T> {
    io: T,
    left: [u64; 2],
    broke: Arc<AtomicBool>,
}

impl<T> Cut<T> {
    fn take(&mut self, way: usize, wanted: usize) -> io::Result<usize> {
        let n = (wanted as u64).min(self.left[way]) as usize;
        match n {
            0 if wanted > 0 => {
                self.broke.store(true, Ordering::Relaxed);
                Err(io::Error::from(io::ErrorKind::ConnectionReset))
            }
            n => Ok(n),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Cut<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Cx<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let n = self.take(0, buf.remaining())?;
        let mut part = buf.take(n);
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut part);
        let filled = part.filled().len();
        self.left[0] -= filled as u64;
        // What was read into the part is initialised and filled in the whole.
        let bytes = part.filled().to_vec();
        buf.put_slice(&bytes);
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Cut<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Cx<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let n = self.take(1, bytes.len())?;
        let polled = Pin::new(&mut self.io).poll_write(cx, &bytes[..n]);
        if let Poll::Ready(Ok(n)) = polled {
            self.left[1] -= n as u64;
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// How often each call ran, by the number in its message.
type Journal = Arc<Mutex<HashMap<u64, u32>>>;

/// Callers of one connection, half of them at each end.
const CALLERS: u64 = 4;
/// Calls of each, one after the other.
const CALLS: u64 = 4;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// What became of calls, and what happened to their connections.
#[derive(Default, Debug)]
struct Outcome {
    answered: u64,
    failed: u64,
    not_run: u64,
    dropped: u64,
    time_outs: u64,
    cuts: u64,
    go_aways: u64,
}

impl Outcome {
    fn add(&mut self, other: &Self) {
        let Self { answered, failed, not_run, dropped, time_outs, cuts, go_aways } = other;
        self.answered += answered;
        self.failed += failed;
        self.not_run += not_run;
        self.dropped += dropped;
        self.time_outs += time_outs;
        self.cuts += cuts;
        self.go_aways += go_aways;
    }
}

async fn call(session: Session, mut dice: Dice, journal: Journal) -> Outcome {
    let mut outcome = Outcome::default();
    for _ in 0..CALLS {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let size = match dice.roll(24) {
            0 => 100_000,
            1..5 => 5_000,
            _ => 8,
        };
        let mut payload = number.to_be_bytes().to_vec();
        payload.push(dice.roll(4) as u8);
        payload.resize(payload.len().max(size), 0);
        let mut call = echo(&session).echo(message(&payload));
        if dice.roll(3) == 0 {
            call = call.timeout(Duration::from_millis(dice.roll(3)));
        }
        let polls = if dice.roll(4) == 0 { dice.roll(6) } else { u64::MAX };
        let result: Option<Result<_, Status>> = tokio::select! {
            biased;
            result = call => Some(result),
            () = yields(polls) => None,
        };
        let runs = || journal.lock().unwrap().get(&number).copied().unwrap_or(0);
        if let Some(Err(status)) = &result {
            outcome.time_outs += u64::from(status.code() == Code::DEADLINE_EXCEEDED);
        }
        match result {
            None => outcome.dropped += 1,
            Some(Ok(reply)) => {
                assert_eq!((reply.payload.len(), runs()), (payload.len(), 1));
                outcome.answered += 1;
            }
            Some(Err(status)) if status.may_have_run() => outcome.failed += 1,
            Some(Err(status)) => {
                // Not now, and not later either: looked at again when everything is over.
                assert_eq!(runs(), 0, "{status:?} said of a call that ran");
                if std::env::var_os("SEED").is_some() {
                    println!("{number}: {status:?}");
                }
                journal.lock().unwrap().insert(number, u32::MAX / 2);
                outcome.not_run += 1;
            }
        }
    }
    outcome
}

async fn yields(mut times: u64) {
    if times == u64::MAX {
        std::future::pending::<()>().await;
    }
    while times > 0 {
        tokio::task::yield_now().await;
        times -= 1;
    }
}

/// One connection's life over a stream of two ends, with an accident. Everything ends, whatever happens.
async fn life<T>(seed: u64, [left, right]: [T; 2]) -> Outcome
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut dice = Dice::new(seed + 1);
    let journal = Journal::default();
    let host = writing(seed, Arc::clone(&journal));
    let server = Server::new(host.router()).drain_timeout(Duration::from_millis(5));
    let mut server = Running::start(server).await;
    let broke = Arc::new(AtomicBool::new(false));
    let cuts = dice.roll(2) == 0;
    let mut cut = |io| {
        let left = if cuts { [300 + dice.roll(20_000), 300 + dice.roll(20_000)] } else { [u64::MAX; 2] };
        Cut { io, left, broke: Arc::clone(&broke) }
    };
    let (left, right) = (cut(left), cut(right));
    let far = server.handle.serve_over(right).unwrap();
    let builder = Channel::builder("tcp://x:1").serve(host.router()).timeout(Duration::from_secs(1));
    let mut outcome = Outcome::default();
    let Ok(channel) = within(builder.connect_over(left)).await else { return outcome };
    let near = channel.session().await.unwrap();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let session = if caller % 2 == 0 { near.clone() } else { far.clone() };
        callers.spawn(call(session, Dice::new(seed * 64 + caller + 7), Arc::clone(&journal)));
    }
    yields(dice.roll(60)).await;
    let open = !near.is_closed() && !far.is_closed();
    let went_away = go_away(dice.roll(8), &near, &far, &mut server);
    outcome.go_aways += u64::from(open && went_away);
    while let Some(done) = within(callers.join_next()).await {
        outcome.add(&done.unwrap_or_else(|error| panic!("seed {seed}: {error}")));
    }
    near.close();
    within(far.closed()).await;
    within(server.report()).await;
    outcome.cuts += u64::from(broke.load(Ordering::Relaxed));
    outcome
}

/// A host that writes down what it runs.
fn writing(seed: u64, journal: Journal) -> Host {
    host().on_call(move |ctx, payload| {
        let number = u64::from_be_bytes(payload[..8].try_into().unwrap());
        let ran = {
            let mut journal = journal.lock().unwrap();
            let runs = journal.entry(number).or_default();
            *runs += 1;
            *runs
        };
        assert_eq!(ran, 1, "seed {seed}: call {number} ran twice, or after it was said that it had not");
        async move {
            match payload[8] {
                0 => yields(3).await,
                1 => tokio::time::sleep(Duration::from_millis(1)).await,
                2 => ctx.detach(async {}),
                _ => {}
            }
            Ok(payload)
        }
    })
}

/// Says GOAWAY from one end or both, in most cases.
fn go_away(which: u64, near: &Session, far: &Session, server: &mut Running) -> bool {
    match which {
        0 => near.drain(),
        1 => far.drain(),
        2 => near.close(),
        3 => far.close(),
        4 => server.shut_down(),
        5 => {
            near.drain();
            far.drain();
        }
        _ => return false,
    }
    true
}

/// The seeds to run: the one in the environment, or so many.
fn seeds(many: u64) -> std::ops::Range<u64> {
    let one = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    one.map_or(0..many, |seed: u64| seed..seed + 1)
}

#[tokio::test(start_paused = true)]
async fn not_run_is_never_said_of_a_call_that_ran() {
    let mut all = Outcome::default();
    let seeds = seeds(5_000);
    let many = seeds.end - seeds.start > 1;
    for seed in seeds {
        let (left, right) = tokio::io::duplex(200 << (seed % 10));
        all.add(&life(seed, [left, right]).await);
    }
    println!("{all:?}");
    // Each kind of end and of accident was met often enough to mean something.
    assert!(!many || all.cuts + all.time_outs + all.go_aways >= 10_000, "{all:?}");
    let accidents = [all.cuts, all.time_outs, all.go_aways].into_iter().min().unwrap();
    assert!(!many || accidents >= 1_500, "{all:?}");
    let ends = [all.answered, all.failed, all.not_run, all.dropped].into_iter().min().unwrap();
    assert!(!many || ends >= 1_500, "{all:?}");
}

#[tokio::test]
async fn not_run_is_never_said_of_a_call_that_ran_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut all = Outcome::default();
    let seeds = seeds(300);
    let many = seeds.end - seeds.start > 1;
    for seed in seeds {
        let left = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (right, _) = listener.accept().await.unwrap();
        all.add(&life(seed, [left, right]).await);
    }
    println!("{all:?}");
    let least = [all.cuts, all.time_outs, all.go_aways, all.answered, all.failed, all.not_run, all.dropped];
    assert!(!many || least.into_iter().min().unwrap() >= 50, "{all:?}");
}
