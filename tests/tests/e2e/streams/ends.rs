//! Streams when their connection ends: drained, cut, closed, lost; and as many as there may be.

use std::sync::Arc;
use std::time::Duration;

use protocall::{Code, EndedBy, Router, Status};
use tokio::sync::{Semaphore, mpsc};

use super::{drain, reply, times, word};
use crate::support::*;

/// A host whose streams wait for the gate when they have answered one item, and then end well.
fn gated(gate: &Arc<Semaphore>) -> Host {
    let (one, two, three) = (Arc::clone(gate), Arc::clone(gate), Arc::clone(gate));
    host()
        .on_repeat(move |_, _, mut out| {
            let gate = Arc::clone(&one);
            async move {
                out.send(reply("first")).await?;
                gate.acquire().await.unwrap().forget();
                out.send(reply("last")).await
            }
        })
        .on_gather(move |_, mut input| {
            let gate = Arc::clone(&two);
            async move {
                input.next().await?;
                gate.acquire().await.unwrap().forget();
                while input.next().await?.is_some() {}
                Ok(reply("last"))
            }
        })
        .on_converse(move |_, mut input, mut out| {
            let gate = Arc::clone(&three);
            async move {
                input.next().await?;
                out.send(reply("first")).await?;
                gate.acquire().await.unwrap().forget();
                while let Some(item) = input.next().await? {
                    out.send(reply(item.payload)).await?;
                }
                Ok(())
            }
        })
}

#[tokio::test]
async fn streams_that_are_open_are_finished_by_a_drain_and_no_more_are_opened() {
    for (drains, over) in [("server", Over::Tcp), ("dialler", Over::Unix), ("both", Over::Memory)] {
        let gate = Arc::new(Semaphore::new(0));
        let mut ends = Ends::new(over, &gated(&gate)).await;
        let mut open = Vec::new();
        for session in ends.both() {
            let client = echo(&session);
            let mut stream = client.repeat(times(1)).await.unwrap();
            within(stream.next()).await.unwrap().unwrap();
            let (mut up, answer) = client.gather().await.unwrap();
            up.send(message("x")).await.unwrap();
            let (mut out, mut input) = client.converse().await.unwrap();
            out.send(message("x")).await.unwrap();
            within(input.next()).await.unwrap().unwrap();
            open.push((stream, (up, answer), (out, input)));
        }
        let sessions = ends.both();
        if drains != "server" {
            ends.near.drain();
        }
        if drains != "dialler" {
            ends.server.shut_down();
        }
        let told = match drains {
            "server" => &sessions[..1],
            "dialler" => &sessions[1..],
            _ => &sessions[..],
        };
        for session in told {
            // Sooner or later it is known, and then nothing is opened that could run.
            let status = loop {
                match within(echo(session).repeat(times(1))).await {
                    Ok(stream) => drop(stream),
                    Err(status) => break status,
                }
                tokio::task::yield_now().await;
            };
            assert_eq!((status.code(), status.may_have_run()), (Code::UNAVAILABLE, false), "{status}");
        }
        gate.add_permits(1_000);
        for (mut stream, (mut up, answer), (mut out, mut input)) in open {
            let (count, end) = drain(&mut stream).await;
            assert!(count == 1 && end.is_ok(), "{drains}: {count} {end:?}");
            within(up.send(message("y"))).await.unwrap();
            up.finish().await.unwrap();
            assert_eq!(within(answer).await.unwrap().payload, "last");
            within(out.send(message("y"))).await.unwrap();
            out.finish().await.unwrap();
            let (count, end) = drain(&mut input).await;
            assert!(count == 1 && end.is_ok(), "{drains}: {count} {end:?}");
        }
        for session in &sessions {
            let reason = within(session.closed()).await;
            assert!(reason.is_clean(), "{reason}");
        }
        let report = within(ends.server.report()).await;
        assert_eq!((report.cut, report.calls_cut), (0, 0), "{drains}");
    }
}

#[tokio::test(start_paused = true)]
async fn streams_that_outlast_a_drain_are_cut_and_told() {
    let gate = Arc::new(Semaphore::new(0));
    let limit = Duration::from_secs(5);
    let router = || gated(&gate).router();
    let ends = Ends::with(Over::Memory, router(), router(), |s| s.drain_timeout(limit), |c| c).await;
    let client = echo(&ends.near);
    let mut stream = client.repeat(times(1)).await.unwrap();
    within(stream.next()).await.unwrap().unwrap();
    let (mut up, answer) = client.gather().await.unwrap();
    up.send(message("x")).await.unwrap();
    let (mut out, mut input) = client.converse().await.unwrap();
    out.send(message("x")).await.unwrap();
    within(input.next()).await.unwrap().unwrap();
    let report = within(ends.server.report()).await;
    assert_eq!((report.open, report.cut, report.calls_cut), (1, 1, 3));
    let cut = |status: Status| {
        assert_eq!((status.code(), status.may_have_run()), (Code::UNAVAILABLE, true), "{status:?}");
        assert!(status.message().contains("drain_timeout"), "{status}");
    };
    cut(within(stream.next()).await.unwrap_err());
    cut(within(up.send(message("y"))).await.unwrap_err());
    cut(up.finish().await.unwrap_err());
    cut(within(answer).await.unwrap_err());
    cut(within(out.closed()).await);
    cut(within(input.next()).await.unwrap_err());
    cut(within(input.next()).await.unwrap_err());
    assert_eq!(within(ends.near.closed()).await.by(), EndedBy::Peer);
}

/// What is left of a session that has ended.
async fn nothing_left(session: &protocall::Session) {
    within(session.closed()).await;
    until(|| {
        let stats = session.stats();
        stats.calls_in + stats.calls_out + stats.streams == 0 && stats.stream_bytes + stats.held_bytes == 0
    })
    .await;
}

#[tokio::test]
async fn closing_ends_every_half_at_both_ends_once_and_the_items_before_can_be_read() {
    for over in [Over::Tcp, Over::Unix, Over::Memory] {
        for closes in 0..2 {
            let (to, mut words) = mpsc::channel(64);
            let host = host()
                .on_repeat(|_, _, mut out| async move {
                    for _ in 0..10 {
                        out.send(reply("x")).await?;
                    }
                    std::future::pending().await
                })
                .on_converse(move |ctx, mut input, mut out| {
                    let (guard, told) = (Guard::new(&to, "dropped"), to.clone());
                    async move {
                        let _guard = guard;
                        out.send(reply("x")).await?;
                        // What it spawned is told, and its halves fail.
                        let cancelled = ctx.clone();
                        tokio::spawn(async move {
                            let why = loop {
                                if let Err(why) = input.next().await {
                                    break why;
                                }
                            };
                            assert_eq!(why.code(), Code::UNAVAILABLE, "{why}");
                            assert_eq!(out.closed().await.code(), Code::UNAVAILABLE);
                            assert!(cancelled.is_cancelled());
                            told.try_send("told").unwrap();
                        });
                        std::future::pending().await
                    }
                });
            let ends = Ends::new(over, &host).await;
            let sessions = ends.both();
            for caller in &sessions {
                let mut stream = echo(caller).repeat(times(1)).await.unwrap();
                within(stream.metadata()).await.unwrap();
                // All ten are here.
                until(|| caller.stats().stream_bytes == 10 * (64 + 3)).await;
                let (mut up, mut answers) = echo(caller).converse().await.unwrap();
                within(answers.next()).await.unwrap().unwrap();
                if caller.is_closed() {
                    break;
                }
                if std::ptr::eq(caller, &sessions[1]) {
                    sessions[closes].close();
                    let (count, end) = drain(&mut stream).await;
                    let status = end.unwrap_err();
                    assert_eq!((count, status.code()), (10, Code::UNAVAILABLE), "{status}");
                    assert_eq!(stream.next().await.unwrap_err().code(), Code::UNAVAILABLE);
                    assert_eq!(within(answers.next()).await.unwrap_err().code(), Code::UNAVAILABLE);
                    assert_eq!(up.send(message("y")).await.unwrap_err().code(), Code::UNAVAILABLE);
                    let mut said = [word(&mut words).await, word(&mut words).await];
                    said.sort_unstable();
                    assert_eq!(said, ["dropped", "told"]);
                } else {
                    drop((stream, up, answers));
                    let mut said = [word(&mut words).await];
                    said.sort_unstable();
                    assert!(matches!(said[0], "dropped"));
                    // Its spawned task was told by the end of the call.
                }
            }
            for session in &sessions {
                nothing_left(session).await;
            }
        }
    }
}

const MANY: u32 = 4_096;

#[tokio::test]
async fn as_many_streams_as_there_may_be_are_open_and_one_more_waits() {
    let gate = Arc::new(Semaphore::new(0));
    let ends = Ends::new(Over::Tcp, &gated(&gate)).await;
    for session in ends.both() {
        let client = echo(&session);
        let mut open = Vec::new();
        for _ in 0..MANY {
            let (mut out, input) = within(client.converse()).await.unwrap();
            within(out.send(message("x"))).await.unwrap();
            open.push((out, input));
        }
        for (_, input) in &mut open {
            assert_eq!(within(input.next()).await.unwrap().unwrap().payload, "first");
        }
        assert_eq!((session.stats().calls_out, session.stats().streams), (4_096, 4_096));
        let status = client.repeat(times(1)).timeout(Duration::from_millis(30)).await.unwrap_err();
        assert_eq!((status.code(), status.may_have_run()), (Code::DEADLINE_EXCEEDED, false), "{status}");
        assert!(status.message().contains("max_in_flight"), "{status}");
        let mut more = Box::pin(client.converse());
        let early = tokio::time::timeout(Duration::from_millis(30), &mut more).await;
        assert!(early.is_err(), "it waits");
        drop(open.pop());
        let (out, mut input) = within(more).await.unwrap();
        drop(out);
        gate.add_permits(2 * MANY as usize);
        assert!(within(input.next()).await.is_err());
        // All go on to their end.
        for (mut out, mut input) in open {
            within(out.send(message("y"))).await.unwrap();
            out.finish().await.unwrap();
            assert_eq!(within(input.next()).await.unwrap().unwrap().payload, "y");
            assert!(within(input.next()).await.unwrap().is_none());
        }
        idle(&session).await;
        gate.forget_permits(usize::MAX >> 4);
    }
    ends.idle().await;
}

#[tokio::test]
async fn streams_that_are_opened_while_there_is_no_room_go_when_others_end() {
    let router = || host().router();
    let ends =
        Ends::with(Over::Tcp, router(), Router::new(), |s| s.max_in_flight(64), |c| c.max_in_flight(64))
            .await;
    let client = echo(&ends.far);
    let mut streams = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let client = client.clone();
        streams.spawn(async move {
            let mut stream = client.repeat(times(10)).await.unwrap();
            drain(&mut stream).await
        });
    }
    while let Some(done) = within(streams.join_next()).await {
        let (count, end) = done.unwrap();
        end.unwrap();
        assert_eq!(count, 10);
    }
    ends.idle().await;
}
