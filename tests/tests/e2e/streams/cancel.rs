//! Streams that are given up, from either side, in each shape.

use std::future::pending;

use protocall::{Code, Context};
use tokio::sync::mpsc;

use super::{drain, reply, times, word};
use crate::support::*;

/// A host whose handlers never end by themselves, and say when they begin, when they are dropped, and when what they
/// spawned was told.
fn endless() -> (Host, mpsc::Receiver<&'static str>) {
    let (to, words) = mpsc::channel(64);
    let begin = move |ctx: &Context| {
        to.try_send("begun").unwrap();
        let (ctx, told) = (ctx.clone(), to.clone());
        tokio::spawn(async move {
            ctx.cancelled().await;
            assert!(ctx.is_cancelled());
            told.try_send("told").unwrap();
        });
        Guard::new(&to, "dropped")
    };
    let (begin_two, begin_three) = (begin.clone(), begin.clone());
    let host = host()
        .on_repeat(move |ctx, _, mut out| {
            let guard = begin(&ctx);
            async move {
                let _guard = guard;
                loop {
                    out.send(reply("x")).await?;
                }
            }
        })
        .on_gather(move |ctx, mut input| {
            let guard = begin_two(&ctx);
            async move {
                let _guard = guard;
                while input.next().await?.is_some() {}
                pending().await
            }
        })
        .on_converse(move |ctx, mut input, mut out| {
            let guard = begin_three(&ctx);
            async move {
                let _guard = guard;
                while let Some(item) = input.next().await? {
                    out.send(reply(item.payload)).await?;
                }
                pending().await
            }
        });
    (host, words)
}

async fn dropped_and_told(words: &mut mpsc::Receiver<&'static str>) {
    let mut said = [word(words).await, word(words).await];
    said.sort_unstable();
    assert_eq!(said, ["dropped", "told"]);
}

#[tokio::test]
async fn a_caller_who_goes_drops_the_handler_in_each_shape() {
    for over in [Over::Tcp, Over::Unix, Over::Memory] {
        let (host, mut words) = endless();
        let ends = Ends::new(over, &host).await;
        for session in ends.both() {
            let mut stream = echo(&session).repeat(times(1)).await.unwrap();
            within(stream.next()).await.unwrap().unwrap();
            assert_eq!(word(&mut words).await, "begun");
            drop(stream);
            dropped_and_told(&mut words).await;

            // The answer of a stream of requests is what the call is for; its sender alone does not give it up.
            let (mut out, answer) = echo(&session).gather().await.unwrap();
            within(out.send(message("x"))).await.unwrap();
            assert_eq!(word(&mut words).await, "begun");
            drop(answer);
            let status = within(out.closed()).await;
            assert_eq!(status.code(), Code::CANCELLED, "{status}");
            assert_eq!(out.send(message("y")).await.unwrap_err().code(), Code::CANCELLED);
            dropped_and_told(&mut words).await;

            let (mut out, mut input) = echo(&session).converse().await.unwrap();
            within(out.send(message("x"))).await.unwrap();
            assert_eq!(within(input.next()).await.unwrap().unwrap().payload, "x");
            assert_eq!(word(&mut words).await, "begun");
            drop((out, input));
            dropped_and_told(&mut words).await;
        }
        ends.idle().await;
    }
}

#[tokio::test]
async fn a_caller_that_has_sent_all_and_goes_cancels_too() {
    let (host, mut words) = endless();
    let ends = Ends::new(Over::Tcp, &host).await;
    for session in ends.both() {
        let (mut out, answer) = echo(&session).gather().await.unwrap();
        out.send(message("x")).await.unwrap();
        out.finish().await.unwrap();
        assert_eq!(word(&mut words).await, "begun");
        drop(answer);
        dropped_and_told(&mut words).await;

        let (out, input) = echo(&session).converse().await.unwrap();
        out.finish().await.unwrap();
        assert_eq!(word(&mut words).await, "begun");
        drop(input);
        dropped_and_told(&mut words).await;
    }
    ends.idle().await;
}

#[tokio::test]
async fn a_reader_that_stops_in_a_conversation_leaves_the_other_way_as_it_is() {
    let host = host().on_converse(|_, mut input, mut out| async move {
        let why = loop {
            if let Err(why) = out.send(reply("x")).await {
                break why;
            }
        };
        assert_eq!(why.code(), Code::OUT_OF_RANGE, "{why}");
        let mut sum = 0;
        while let Some(item) = input.next().await? {
            sum += item.payload.len();
        }
        assert_eq!(sum, 100 * 1_000);
        Ok(())
    });
    each_way(&host, |session| async move {
        let (mut out, mut input) = echo(&session).converse().await.unwrap();
        input.next().await.unwrap().unwrap();
        input.stop(Code::OUT_OF_RANGE);
        for _ in 0..100 {
            out.send(message([7; 1_000])).await.unwrap();
        }
        out.finish().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_handler_that_wants_no_more_tells_its_caller_why_and_goes_on_with_its_answers() {
    let host = host()
        .on_converse(|_, mut input, mut out| async move {
            input.next().await?;
            input.stop(Code::OUT_OF_RANGE);
            for _ in 0..1_000 {
                out.send(reply("x")).await?;
            }
            Ok(())
        })
        .on_gather(|_, mut input| async move {
            input.next().await?;
            drop(input);
            tokio::task::yield_now().await;
            Ok(reply("enough"))
        });
    each_way(&host, |session| async move {
        let (mut out, mut input) = echo(&session).converse().await.unwrap();
        let why = loop {
            if let Err(why) = out.send(message("x")).await {
                break why;
            }
        };
        assert_eq!(why.code(), Code::OUT_OF_RANGE, "{why}");
        let (count, end) = drain(&mut input).await;
        assert_eq!(count, 1_000);
        end.unwrap();

        let (mut out, answer) = echo(&session).gather().await.unwrap();
        let why = loop {
            if let Err(why) = out.send(message("x")).await {
                break why;
            }
        };
        assert_eq!(why.code(), Code::CANCELLED, "{why}");
        assert_eq!(answer.await.unwrap().payload, "enough");
    })
    .await;
}

#[tokio::test]
async fn a_reset_gives_the_handler_its_reason_after_the_items_before_it() {
    let host = host().on_gather(|_, mut input| async move {
        for _ in 0..500 {
            assert_eq!(input.next().await?.unwrap().payload, "x");
        }
        let why = input.next().await.unwrap_err();
        assert_eq!((why.code(), why.message()), (Code::DATA_LOSS, "the disk is gone"));
        // Again the same, as often as it is asked.
        assert_eq!(input.next().await.unwrap_err().code(), Code::DATA_LOSS);
        Ok(reply("half"))
    });
    each_way(&host, |session| async move {
        let (mut out, answer) = echo(&session).gather().await.unwrap();
        for _ in 0..500 {
            out.send(message("x")).await.unwrap();
        }
        out.reset(&protocall::Status::data_loss("the disk is gone"));
        // The call went on until it was answered.
        assert_eq!(answer.await.unwrap().payload, "half");
    })
    .await;
}

#[tokio::test]
async fn a_sender_learns_that_its_reader_has_gone_while_it_has_nothing_to_send() {
    let (to, mut words) = mpsc::channel(8);
    let host = host().on_converse(move |_, mut input, out| {
        let to = to.clone();
        async move {
            let why = out.closed().await;
            assert_eq!(why.code(), Code::CANCELLED);
            to.try_send("closed").unwrap();
            while input.next().await?.is_some() {}
            Ok(())
        }
    });
    let ends = Ends::new(Over::Tcp, &host).await;
    for session in ends.both() {
        let (out, input) = echo(&session).converse().await.unwrap();
        drop(input);
        assert_eq!(word(&mut words).await, "closed");
        out.finish().await.unwrap();
    }
    ends.idle().await;
}

#[tokio::test]
async fn a_stream_dropped_before_it_left_was_never_opened() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    for session in ends.both() {
        for _ in 0..1_000 {
            drop(echo(&session).repeat(times(3)).await.unwrap());
            drop(echo(&session).gather().await.unwrap());
            drop(echo(&session).converse().await.unwrap());
            let (mut out, input) = echo(&session).converse().await.unwrap();
            let _ = out.try_send(message("x"));
            drop(input);
            drop(out);
        }
        within(echo(&session).echo(message("x"))).await.unwrap();
    }
    ends.idle().await;
}
