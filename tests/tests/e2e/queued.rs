//! Pushes that nobody waits for: a receiver that is slow costs itself alone, by the policy for it, and every push is
//! accounted for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{BufMut, Bytes};
use protocall::{
    Caller, Channel, Context, Group, Message, Overflow, Queued, Router, Server, Session, Status,
};
use protocall_tests::proto::echo::v1::EchoClient;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::support::{Ends, HELLO, Host, Over, Running, echo, host, message, until, within};

/// Bytes of a numbered push.
const SIZE: usize = 1_000;

fn numbered(number: u32) -> Vec<u8> {
    let mut payload = number.to_be_bytes().to_vec();
    payload.resize(SIZE, 0);
    payload
}

/// A host that keeps the numbers of its pushes, and takes none while the gate is shut.
fn keeper(gate: &watch::Sender<bool>) -> (Host, Arc<Mutex<Vec<u32>>>) {
    let (seen, gate) = (Arc::new(Mutex::new(Vec::new())), gate.clone());
    let into = Arc::clone(&seen);
    let host = host().on_note(move |_, payload| {
        let (into, mut gate) = (Arc::clone(&into), gate.subscribe());
        async move {
            let _ = gate.wait_for(|open| *open).await;
            into.lock().unwrap().push(u32::from_be_bytes(*payload.first_chunk().unwrap()));
            Ok(())
        }
    });
    (host, seen)
}

fn add(sum: &mut Queued, more: Queued) {
    sum.sent += more.sent;
    sum.waiting += more.waiting;
    sum.displaced += more.displaced;
    sum.dropped += more.dropped;
    sum.closed += more.closed;
    sum.gone += more.gone;
    sum.refused += more.refused;
}

/// Whether each of them is once in what was told of it.
fn covers(queued: Queued, receivers: usize) -> bool {
    queued.reached() + queued.dropped + queued.closed + queued.gone + queued.refused == receivers
}

#[tokio::test]
async fn under_each_policy_a_queue_does_what_it_says_either_way_and_counts_exactly() {
    const PUSHES: u32 = 4_000;
    for policy in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Close] {
        let (gate, _) = watch::channel(true);
        let (host, seen) = keeper(&gate);
        let ends = Ends::with(
            Over::Tcp,
            host.router(),
            host.router(),
            |s| s.push_queue(100, 1 << 20).overflow(policy),
            |c| c.push_queue(100, 1 << 20),
        )
        .await;
        for pusher in ends.both() {
            pusher.overflow(policy);
            gate.send_replace(false);
            let mut sum = Queued::default();
            for number in 0..PUSHES {
                let told = echo(&pusher).note(message(numbered(number))).queue();
                assert!(covers(told, 1), "{told:?}");
                add(&mut sum, told);
                tokio::task::yield_now().await;
            }
            let stats = pusher.stats();
            if policy == Overflow::Close {
                assert_eq!((sum.closed, sum.dropped, sum.displaced), (1, 0, 0), "{sum:?}");
                assert_eq!(stats.queued_pushes, 0, "nothing is kept of what is over");
                let reason = pusher.closed().await;
                assert!(reason.text().contains("push_queue") && reason.name() == "SLOW", "{reason}");
                let far = if pusher == ends.near { &ends.far } else { &ends.near };
                assert_eq!(within(far.closed()).await.name(), "SLOW", "the other end is told why");
                break;
            }
            assert_eq!((stats.queued_pushes, stats.queued_bytes), (100, stats_of(100)));
            assert_eq!(stats.discarded_pushes as usize, sum.displaced + sum.dropped);
            let kept = sum.reached() - sum.displaced;
            gate.send_replace(true);
            within(pusher.flushed()).await.unwrap();
            until(|| seen.lock().unwrap().len() == kept).await;
            let seen = std::mem::take(&mut *seen.lock().unwrap());
            assert!(seen.is_sorted_by(|a, b| a < b), "in order, each once");
            match policy {
                Overflow::DropOldest => {
                    assert_eq!(sum.dropped, 0);
                    assert!(
                        seen.ends_with(&(PUSHES - 100..PUSHES).collect::<Vec<_>>()),
                        "the newest are there"
                    );
                }
                _ => {
                    assert_eq!(sum.displaced, 0);
                    assert!(seen.iter().copied().eq(0..kept as u32), "the oldest are there");
                }
            }
            assert_eq!(pusher.stats().queued_pushes, 0);
        }
    }
}

/// What so many numbered pushes count in a queue: with 64 bytes, and the field around them.
fn stats_of(pushes: usize) -> usize {
    pushes * (64 + message(numbered(0)).encoded_len())
}

#[tokio::test]
async fn one_that_stops_reading_costs_nobody_else() {
    for policy in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Close] {
        const PUSHES: u32 = 1_500;
        let server = Server::new(Router::new()).listen("tcp://127.0.0.1:0");
        let server = Running::start(server.push_queue(200, 1 << 20).overflow(policy)).await;
        // It says HELLO, and reads nothing.
        let address = server.uri.trim_start_matches("tcp://").to_owned();
        let mut stuck = TcpStream::connect(&address).await.unwrap();
        stuck.write_all(&HELLO).await.unwrap();
        until(|| server.handle.sessions().len() == 1).await;
        let stuck_session = server.handle.sessions().pop().unwrap();
        let (gate, _) = watch::channel(true);
        let mut others = Vec::new();
        for _ in 0..4 {
            let (host, seen) = keeper(&gate);
            let channel = Channel::builder(&server.uri).serve(host.router()).connect().await.unwrap();
            others.push((channel, seen));
        }
        until(|| server.handle.sessions().len() == 5).await;
        let readers: Vec<Session> =
            server.handle.sessions().into_iter().filter(|session| *session != stuck_session).collect();
        let all = EchoClient::new(server.handle.registry());
        let mut sum = Queued::default();
        for number in 0..PUSHES {
            add(&mut sum, all.note(message(numbered(number))).queue());
            if number % 100 == 99 {
                for reader in &readers {
                    within(reader.flushed()).await.unwrap();
                }
            }
        }
        for (reader, (_, seen)) in readers.iter().zip(&others) {
            assert_eq!(reader.stats().discarded_pushes, 0, "{policy:?}");
            until(|| seen.lock().unwrap().len() == PUSHES as usize).await;
            assert!(seen.lock().unwrap().iter().copied().eq(0..PUSHES), "{policy:?}");
        }
        let stats = stuck_session.stats();
        match policy {
            Overflow::Close => {
                assert_eq!((sum.closed, sum.gone, sum.dropped, sum.displaced), (1, 0, 0, 0));
                until(|| server.handle.registry().len() == 4).await;
            }
            Overflow::DropOldest => assert_eq!(stats.discarded_pushes as usize, sum.displaced),
            _ => assert_eq!(stats.discarded_pushes as usize, sum.dropped),
        }
        if policy != Overflow::Close {
            assert!(covers(sum, PUSHES as usize * 5) && stats.discarded_pushes > 0, "{sum:?}");
            assert_eq!(stats.queued_pushes, 200);
            // It has nothing but its queue, and what had found room.
            assert_eq!(stuck_session.stats().queued_bytes, stats_of(200));
        }
        drop(stuck);
    }
}

#[tokio::test]
async fn pushes_that_are_queued_and_that_are_awaited_keep_one_order() {
    let (gate, _) = watch::channel(true);
    let (host, seen) = keeper(&gate);
    for over in [Over::Tcp, Over::Memory] {
        let ends = Ends::new(over, &host).await;
        for pusher in ends.both() {
            gate.send_replace(false);
            let client = echo(&pusher);
            let mut number = 0;
            while client.note(message(numbered(number))).queue().sent == 1 {
                number += 1;
                tokio::task::yield_now().await;
            }
            number += 1;
            // Each awaited one comes to its place when it is first polled.
            let mut awaited = Vec::new();
            for _ in 0..20 {
                let mut push = client.note(message(numbered(number)));
                assert!(poll_once(&mut push).await.is_none());
                awaited.push(tokio::spawn(push));
                assert_eq!(client.note(message(numbered(number + 1))).queue().waiting, 1);
                assert_eq!(client.note(message(numbered(number + 2))).queue().waiting, 1);
                assert!(client.note(message(numbered(u32::MAX))).try_send().is_err(), "others wait");
                number += 3;
            }
            gate.send_replace(true);
            for push in awaited {
                within(push).await.unwrap().unwrap();
            }
            within(pusher.flushed()).await.unwrap();
            until(|| seen.lock().unwrap().len() == number as usize).await;
            assert!(std::mem::take(&mut *seen.lock().unwrap()).into_iter().eq(0..number));
        }
    }
}

/// Polls once.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match std::pin::Pin::new(&mut *future).poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_drain_sends_what_is_queued_and_takes_no_more() {
    for drains in ["pusher", "receiver"] {
        let (gate, _) = watch::channel(true);
        let (host, seen) = keeper(&gate);
        let ends = Ends::new(Over::Tcp, &host).await;
        let pusher = ends.near.clone();
        gate.send_replace(false);
        let client = echo(&pusher);
        let mut number = 0;
        while pusher.stats().queued_pushes < 500 {
            assert_eq!(client.note(message(numbered(number))).queue().reached(), 1);
            number += 1;
            tokio::task::yield_now().await;
        }
        let flushed = tokio::spawn({
            let pusher = pusher.clone();
            async move { pusher.flushed().await }
        });
        let drainer = if drains == "pusher" { &pusher } else { &ends.far };
        drainer.drain();
        if drains == "pusher" {
            within(async {
                while client.note(message(numbered(u32::MAX))).queue().gone == 0 {
                    number += 1;
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
        gate.send_replace(true);
        let reason = within(pusher.closed()).await;
        let stats = pusher.stats();
        assert_eq!(reason.text(), "drained");
        if drains == "pusher" {
            assert!(within(flushed).await.unwrap().is_ok() || seen.lock().unwrap().len() >= 500);
            until(|| seen.lock().unwrap().len() == number as usize).await;
            assert_eq!((stats.queued_pushes, stats.discarded_pushes), (0, 0));
        } else {
            assert!(within(flushed).await.unwrap().is_err(), "some were not taken");
            assert!(stats.queued_pushes == 0 && stats.discarded_pushes >= 500, "{stats:?}");
        }
    }
}

#[tokio::test]
async fn large_ones_wait_in_the_queue_too_and_those_over_a_limit_are_refused() {
    let (gate, _) = watch::channel(true);
    let (host, seen) = keeper(&gate);
    let ends = Ends::new(Over::Tcp, &host).await;
    for pusher in ends.both() {
        gate.send_replace(false);
        let client = echo(&pusher);
        for number in 0..20u32 {
            let mut payload = numbered(number);
            payload.resize([2_000_000, 1_000, 300_000][number as usize % 3], 1);
            assert_eq!(client.note(message(payload)).queue().reached(), 1);
            if number == 3 {
                gate.send_replace(true);
            }
            within(pusher.flushed()).await.unwrap();
        }
        let told = client.note(message(vec![0; 5 << 20])).queue();
        assert!(told.refused == 1 && covers(told, 1), "{told:?}");
        until(|| seen.lock().unwrap().len() == 20).await;
        assert!(std::mem::take(&mut *seen.lock().unwrap()).into_iter().eq(0..20));
        assert_eq!(pusher.stats().discarded_pushes, 0);
    }
}

/// A message that counts how often it is encoded.
struct Counting(Arc<AtomicU64>);

impl Message for Counting {
    fn encoded_len(&self) -> usize {
        110
    }

    fn encode(&self, out: &mut impl BufMut) {
        self.0.fetch_add(1, Ordering::Relaxed);
        out.put_bytes(7, 110);
    }

    fn decode(_: Bytes) -> Result<Self, Status> {
        Ok(Self(Arc::default()))
    }
}

#[protocall::service(package = "count.v1")]
trait Counted {
    #[method(push)]
    async fn told(&self, ctx: &Context, message: Counting) -> Result<(), Status>;
}

struct Tally(Arc<AtomicU64>);

impl Counted for Tally {
    async fn told(&self, _: &Context, _: Counting) -> Result<(), Status> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test]
async fn a_message_is_encoded_once_for_all_and_again_for_none() {
    const MANY: usize = 100;
    let server = Running::start(Server::new(Router::new()).listen("tcp://127.0.0.1:0")).await;
    let heard = Arc::new(AtomicU64::new(0));
    let mut channels = Vec::new();
    for _ in 0..MANY {
        let router = Router::new().add(CountedServer::new(Tally(Arc::clone(&heard))));
        channels.push(Channel::builder(&server.uri).serve(router).connect().await.unwrap());
    }
    until(|| server.handle.registry().len() == MANY).await;
    let encoded = Arc::new(AtomicU64::new(0));
    let message = || Counting(Arc::clone(&encoded));
    let group = Group::new();
    for session in server.handle.registry() {
        assert!(group.join(&session) && !group.join(&session));
    }
    let callers = [
        Caller::from(server.handle.registry()),
        Caller::from(&group),
        Caller::from(group.sessions()),
        group.into_iter().collect(),
    ];
    let mut expected = 0;
    for caller in callers {
        let client = CountedClient::new(caller);
        for _ in 0..3 {
            encoded.store(0, Ordering::Relaxed);
            let told = client.told(message()).queue();
            assert!(told.reached() == MANY && covers(told, MANY), "{told:?}");
            within(client.told(message())).await.unwrap();
            client.told(message()).metadata("with", "it").try_send().unwrap();
            expected += 3 * MANY as u64;
            assert_eq!(encoded.load(Ordering::Relaxed), 3);
        }
    }
    until(|| heard.load(Ordering::Relaxed) == expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_die_meanwhile_are_counted_once_and_cost_nobody() {
    let server = Running::start(Server::new(Router::new()).listen("tcp://127.0.0.1:0")).await;
    let (gate, _) = watch::channel(true);
    let (host, seen) = keeper(&gate);
    let stays = Channel::builder(&server.uri).serve(host.router()).connect().await.unwrap();
    let mut goes = Vec::new();
    for _ in 0..100 {
        goes.push(Channel::connect(&server.uri).await.unwrap());
    }
    until(|| server.handle.registry().len() == 101).await;
    let sessions = server.handle.sessions();
    let all = EchoClient::new(sessions.clone());
    let dying = tokio::spawn(async move {
        for (number, channel) in goes.into_iter().enumerate() {
            match number % 3 {
                0 | 1 => channel.close(),
                _ => sessions[number].close(),
            }
            tokio::task::yield_now().await;
        }
    });
    let mut number = 0;
    while !dying.is_finished() || server.handle.registry().len() > 1 {
        let told = all.note(message(numbered(number))).queue();
        number += 1;
        assert!(covers(told, 101), "{told:?}");
        tokio::task::yield_now().await;
    }
    let told = all.note(message(numbered(number))).queue();
    assert!(covers(told, 101) && told.gone >= 100, "{told:?}");
    stays.close();
    until(|| server.handle.registry().is_empty()).await;
    assert!(seen.lock().unwrap().is_sorted_by(|a, b| a < b));
}
