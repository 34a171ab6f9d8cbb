//! The times of streams: of the whole, of one item, of the answer after the last item; what is inherited and what bounds it.

use std::future::pending;
use std::time::Duration;

use protocall::{Code, Router, Status};
use tokio::sync::mpsc;

use super::{drain, reply, times, word};
use crate::support::*;

const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn the_deadline_of_the_whole_ends_each_shape_at_both_ends() {
    let (to, mut words) = mpsc::channel(64);
    let (one, two, three) = (to.clone(), to.clone(), to);
    let host = host()
        .on_repeat(move |ctx, _, out| {
            let guard = Guard::new(&one, "dropped");
            assert!(ctx.remaining().is_some());
            async move {
                let _held = (guard, out);
                pending().await
            }
        })
        .on_gather(move |_, mut input| {
            let guard = Guard::new(&two, "dropped");
            async move {
                let _guard = guard;
                while input.next().await?.is_some() {}
                pending().await
            }
        })
        .on_converse(move |_, mut input, out| {
            let guard = Guard::new(&three, "dropped");
            async move {
                let _guard = (guard, out);
                while input.next().await?.is_some() {}
                pending().await
            }
        });
    let late = |status: Status| assert_eq!(status.code(), Code::DEADLINE_EXCEEDED, "{status}");
    let ends = Ends::new(Over::Tcp, &host).await;
    for session in ends.both() {
        let mut stream = echo(&session).repeat(times(1)).timeout(SHORT).await.unwrap();
        late(within(stream.next()).await.unwrap_err());
        assert_eq!(word(&mut words).await, "dropped");

        let (mut out, answer) = echo(&session).gather().timeout(SHORT).await.unwrap();
        out.send(message("x")).await.unwrap();
        late(within(answer).await.unwrap_err());
        late(within(out.closed()).await);
        late(out.finish().await.unwrap_err());
        assert_eq!(word(&mut words).await, "dropped");

        let (mut out, mut input) = echo(&session).converse().timeout(SHORT).await.unwrap();
        late(within(input.next()).await.unwrap_err());
        late(out.send(message("x")).await.unwrap_err());
        assert_eq!(word(&mut words).await, "dropped");
    }
    ends.idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_no_deadline_of_its_own() {
    let host = host().on_converse(|ctx, mut input, mut out| async move {
        assert!(ctx.deadline().is_none());
        while let Some(item) = input.next().await? {
            out.send(reply(item.payload)).await?;
        }
        Ok(())
    });
    let ends = Ends::with(
        Over::Memory,
        host.router(),
        host.router(),
        |s| s.timeout(Duration::from_secs(1)),
        |c| c.timeout(Duration::from_secs(1)),
    )
    .await;
    for session in ends.both() {
        let (mut out, mut input) = echo(&session).converse().await.unwrap();
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(3)).await;
            out.send(message("x")).await.unwrap();
            input.next().await.unwrap().unwrap();
        }
        out.finish().await.unwrap();
        assert!(input.next().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn the_answer_after_the_last_item_has_the_time_of_a_call() {
    let host = host().on_gather(|ctx, mut input| async move {
        assert!(ctx.deadline().is_none());
        while input.next().await?.is_some() {}
        pending().await
    });
    let (router, limit) = (|| host.router(), Duration::from_millis(80));
    let ends = Ends::with(Over::Tcp, router(), router(), |s| s.timeout(limit), |c| c.timeout(limit)).await;
    for session in ends.both() {
        let (mut out, answer) = echo(&session).gather().await.unwrap();
        // Before it is finished nothing limits it.
        tokio::time::sleep(2 * limit).await;
        out.send(message("x")).await.unwrap();
        out.finish().await.unwrap();
        let status = within(answer).await.unwrap_err();
        assert_eq!(status.code(), Code::DEADLINE_EXCEEDED, "{status}");
        // Unless none was asked for.
        let (out, mut answer) = echo(&session).gather().no_timeout().await.unwrap();
        out.finish().await.unwrap();
        assert!(tokio::time::timeout(2 * limit, &mut answer).await.is_err());
    }
    ends.idle().await;
}

#[tokio::test]
async fn calls_and_streams_of_a_handler_inherit_its_deadline_unless_detached() {
    let inner = host().on_repeat(|ctx, req, mut out| async move {
        let left = ctx.remaining().map_or(u64::MAX, |left| left.as_millis() as u64);
        out.send(reply(left.to_be_bytes())).await?;
        if req.times > 0 { pending().await } else { Ok(()) }
    });
    let inner = inner.on_call(|ctx, _| async move {
        let left = ctx.remaining().map_or(u64::MAX, |left| left.as_millis() as u64);
        Ok(left.to_be_bytes().to_vec().into())
    });
    let outer = host().on_converse(|ctx, mut input, mut out| async move {
        let client = echo(&ctx.session());
        while let Some(item) = input.next().await? {
            let payload = match &item.payload[..] {
                b"call" => client.echo(message("")).await?.payload,
                b"detached call" => client.echo(message("")).detached().no_timeout().await?.payload,
                b"stream" => client.repeat(times(0)).await?.next().await?.unwrap().payload,
                b"detached" => client.repeat(times(0)).detached().await?.next().await?.unwrap().payload,
                _ => {
                    let mut stream = client.repeat(times(1)).await?;
                    stream.next().await?;
                    return Err(stream.next().await.unwrap_err());
                }
            };
            out.send(reply(payload)).await?;
        }
        Ok(())
    });
    let ends = Ends::with(Over::Tcp, inner.router(), outer.router(), |s| s, |c| c).await;
    let limit = Duration::from_secs(20);
    let (mut out, mut input) = echo(&ends.near).converse().timeout(limit).await.unwrap();
    for (what, bound) in [("call", true), ("stream", true), ("detached", false), ("detached call", false)] {
        out.send(message(what)).await.unwrap();
        let payload = within(input.next()).await.unwrap().unwrap().payload;
        let left = u64::from_be_bytes(payload[..].try_into().unwrap());
        assert_eq!(left <= 20_000, bound, "{what}: {left} ms");
    }
    drop((out, input));
    // And it ends them.
    let (mut out, mut input) = echo(&ends.near).converse().timeout(SHORT).await.unwrap();
    out.send(message("wait")).await.unwrap();
    assert_eq!(within(input.next()).await.unwrap_err().code(), Code::DEADLINE_EXCEEDED);
    drop(out);
    ends.idle().await;
}

#[tokio::test]
async fn the_time_of_an_item_bounds_the_wait_of_its_reader_at_both_ends() {
    let (to, mut words) = mpsc::channel(8);
    let host = host()
        .on_repeat(|_, _, mut out| async move {
            out.send(reply("x")).await?;
            pending().await
        })
        .on_gather(move |_, input| {
            let to = to.clone();
            async move {
                let mut input = input.item_timeout(SHORT);
                let why = loop {
                    if let Err(why) = input.next().await {
                        break why;
                    }
                };
                assert_eq!(why.code(), Code::DEADLINE_EXCEEDED);
                assert_eq!(input.next().await.unwrap_err().code(), Code::DEADLINE_EXCEEDED);
                to.try_send("late").unwrap();
                Err(why)
            }
        });
    let ends = Ends::new(Over::Tcp, &host).await;
    for session in ends.both() {
        let mut stream = echo(&session).repeat(times(1)).await.unwrap().item_timeout(SHORT);
        within(stream.next()).await.unwrap().unwrap();
        for _ in 0..2 {
            let status = within(stream.next()).await.unwrap_err();
            assert_eq!(status.code(), Code::DEADLINE_EXCEEDED, "{status}");
        }
        // The call is over with it, though the stream is still there.
        idle(&session).await;

        let (mut out, answer) = echo(&session).gather().await.unwrap();
        out.send(message("x")).await.unwrap();
        assert_eq!(word(&mut words).await, "late");
        let status = within(out.closed()).await;
        assert_eq!(status.code(), Code::DEADLINE_EXCEEDED, "{status}");
        assert_eq!(within(answer).await.unwrap_err().code(), Code::DEADLINE_EXCEEDED);
    }
    ends.idle().await;
}

#[tokio::test]
async fn the_time_of_an_item_bounds_the_wait_of_its_sender_at_both_ends() {
    let host = host()
        .on_repeat(|_, _, out| async move {
            let mut out = out.item_timeout(SHORT);
            loop {
                out.send(reply([7; 1_000])).await?;
            }
        })
        .on_gather(|_, mut input| async move {
            // It looks again when it was told.
            tokio::time::sleep(3 * SHORT).await;
            loop {
                match input.next().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return Ok(reply("whole")),
                    Err(why) => {
                        assert_eq!(why.code(), Code::DEADLINE_EXCEEDED, "{why}");
                        return Ok(reply("half"));
                    }
                }
            }
        });
    let ends = Ends::new(Over::Tcp, &host).await;
    for session in ends.both() {
        let mut stream = echo(&session).repeat(times(1)).await.unwrap();
        tokio::time::sleep(3 * SHORT).await;
        let (count, end) = drain(&mut stream).await;
        assert_eq!(end.unwrap_err().code(), Code::DEADLINE_EXCEEDED);
        assert_eq!(count, (256 << 10) / (64 + 1_003));

        let (out, answer) = echo(&session).gather().await.unwrap();
        let mut out = out.item_timeout(SHORT);
        let why = loop {
            if let Err(why) = within(out.send(message([7; 1_000]))).await {
                break why;
            }
        };
        assert_eq!(why.code(), Code::DEADLINE_EXCEEDED, "{why}");
        assert!(out.send(message("x")).await.is_err(), "the stream is over");
        assert_eq!(within(answer).await.unwrap().payload, "half");
    }
    ends.idle().await;
}

#[tokio::test]
async fn the_longest_time_that_a_server_gives_holds_for_streams_too() {
    let (to, mut words) = mpsc::channel(8);
    let host = host().on_converse(move |ctx, mut input, out| {
        let guard = Guard::new(&to, "dropped");
        async move {
            let _held = (guard, out);
            assert!(ctx.remaining().unwrap() <= SHORT);
            while input.next().await?.is_some() {}
            pending().await
        }
    });
    let ends = Ends::with(Over::Tcp, Router::new(), host.router(), |s| s.max_timeout(SHORT), |c| c).await;
    let (mut out, mut input) = echo(&ends.near).converse().await.unwrap();
    out.send(message("x")).await.unwrap();
    let status = within(input.next()).await.unwrap_err();
    assert_eq!(status.code(), Code::DEADLINE_EXCEEDED, "{status}");
    assert_eq!(word(&mut words).await, "dropped");
    // Its number is free when both halves are gone.
    drop(out);
    ends.idle().await;
}

#[tokio::test]
async fn a_stream_without_time_is_not_opened() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    for session in ends.both() {
        let status = within(echo(&session).repeat(times(1)).timeout(Duration::ZERO)).await.unwrap_err();
        assert_eq!((status.code(), status.may_have_run()), (Code::DEADLINE_EXCEEDED, false));
    }
    ends.idle().await;
}
