//! The halves as values: sent without waiting, dropped while they wait, moved to other tasks, as `Stream` and `Sink`.

use std::future::Future;
use std::task::{Context as Cx, Poll, Waker};

use futures_util::stream::FusedStream;
use futures_util::{SinkExt, StreamExt};
use protocall::{Code, Error, RecvStream, SendStream, Status};
use protocall_tests::proto::echo::v1::{EchoReply, EchoRequest};
use tokio::sync::mpsc;

use super::{drain, reply, times, word};
use crate::support::*;

/// A host whose conversation begins to read, or ends, when it is told to.
fn told() -> (Host, mpsc::Sender<()>) {
    let (to, tells) = mpsc::channel::<()>(8);
    let tells = std::sync::Arc::new(tokio::sync::Mutex::new(tells));
    let host = host().on_gather(move |_, mut input| {
        let tells = std::sync::Arc::clone(&tells);
        async move {
            tells.lock().await.recv().await;
            let mut all = Vec::new();
            while let Some(item) = input.next().await? {
                all.extend_from_slice(&item.payload);
            }
            Ok(reply(all))
        }
    });
    (host, to)
}

#[tokio::test]
async fn try_send_sends_now_or_not_at_all() {
    let (host, go) = told();
    let ends = Ends::new(Over::Tcp, &host).await;
    for session in ends.both() {
        let (mut out, answer) = echo(&session).gather().await.unwrap();
        let mut sent = Vec::new();
        let status = loop {
            let text = format!("{},", sent.len());
            match out.try_send(message(&text)) {
                Ok(()) => sent.extend_from_slice(text.as_bytes()),
                Err(status) => break status,
            }
        };
        assert!(matches!(status.local(), Some(Error::NoRoom(_))), "{status:?}");
        // As often as one likes, and the stream is none the worse.
        assert!(matches!(out.try_send(message("no")).unwrap_err().local(), Some(Error::NoRoom(_))));
        go.send(()).await.unwrap();
        within(out.send(message("last"))).await.unwrap();
        sent.extend_from_slice(b"last");
        out.finish().await.unwrap();
        assert_eq!(within(answer).await.unwrap().payload, sent);
    }
    ends.idle().await;
}

/// Polls something once and drops it. True: it was done.
fn poll_once<F: Future>(future: F) -> bool {
    let mut future = Box::pin(future);
    future.as_mut().poll(&mut Cx::from_waker(Waker::noop())).is_ready()
}

#[tokio::test]
async fn a_small_item_whose_send_is_dropped_was_not_sent_and_the_stream_goes_on() {
    let (host, go) = told();
    let ends = Ends::new(Over::Tcp, &host).await;
    for session in ends.both() {
        let (mut out, answer) = echo(&session).gather().await.unwrap();
        let mut sent = Vec::new();
        loop {
            let text = format!("{},", sent.len());
            if !poll_once(out.send(message(&text))) {
                break;
            }
            sent.extend_from_slice(text.as_bytes());
            // A task has so many units before it must let others run.
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            assert!(!poll_once(out.send(message("dropped"))));
            tokio::task::yield_now().await;
        }
        go.send(()).await.unwrap();
        within(out.send(message("last"))).await.unwrap();
        sent.extend_from_slice(b"last");
        within(out.finish()).await.unwrap();
        assert_eq!(within(answer).await.unwrap().payload, sent);
    }
    ends.idle().await;
}

#[tokio::test]
async fn a_large_item_whose_send_is_dropped_is_sent_once_or_not_and_the_stream_goes_on() {
    let (host, go) = told();
    let ends = Ends::new(Over::Tcp, &host).await;
    for session in ends.both() {
        let (mut out, answer) = echo(&session).gather().await.unwrap();
        within(out.send(message("first,"))).await.unwrap();
        assert!(!poll_once(out.send(message(vec![b'x'; 1_000_000]))), "it has no credit yet");
        assert!(!poll_once(out.send(message("dropped"))));
        go.send(()).await.unwrap();
        within(out.send(message("last"))).await.unwrap();
        within(out.finish()).await.unwrap();
        let mut all = b"first,".to_vec();
        all.resize(all.len() + 1_000_000, b'x');
        all.extend_from_slice(b"last");
        assert!(within(answer).await.unwrap().payload == all);
    }
    ends.idle().await;
}

#[tokio::test]
async fn a_stream_dropped_with_a_large_item_that_waits_or_travels_is_reset() {
    let host = host().on_gather(|_, mut input| async move {
        loop {
            match input.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(reply("whole")),
                Err(why) => return Err(why),
            }
        }
    });
    let ends = Ends::new(Over::Tcp, &host).await;
    for session in ends.both() {
        for yields in 0..30 {
            let (mut out, answer) = echo(&session).gather().await.unwrap();
            out.try_send(message(vec![7; 3_000_000])).unwrap();
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
            drop(out);
            let status = within(answer).await.unwrap_err();
            assert_eq!(status.code(), Code::CANCELLED, "{status}");
        }
    }
    ends.idle().await;
}

#[tokio::test]
async fn reading_that_is_dropped_loses_no_item() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    for session in ends.both() {
        let mut stream = echo(&session).repeat(times(2_000)).await.unwrap();
        let (mut count, mut spins) = (0, 0_u32);
        while count < 2_000 {
            tokio::select! {
                biased;
                item = stream.next() => {
                    assert_eq!(item.unwrap().unwrap().payload, format!("{count}:x"));
                    count += 1;
                }
                () = tokio::task::yield_now() => spins += 1,
            }
        }
        assert!(within(stream.next()).await.unwrap().is_none(), "after {spins} drops");
    }
    ends.idle().await;
}

#[tokio::test]
async fn halves_that_outlive_their_handler_are_told_and_hold_nothing() {
    let (to, mut words) = mpsc::channel(8);
    let host = host().on_converse(move |_, mut input, mut out| {
        let (reads, sends) = (to.clone(), to.clone());
        async move {
            input.next().await?;
            out.send(reply("x")).await?;
            tokio::spawn(async move {
                let why = loop {
                    match input.next().await {
                        Ok(Some(_)) => {}
                        Ok(None) => panic!("a call that was answered is no end of its items"),
                        Err(why) => break why,
                    }
                };
                assert_eq!(why.code(), Code::CANCELLED, "{why}");
                reads.try_send("reader").unwrap();
            });
            let why = out.closed();
            assert!(!poll_once(why));
            tokio::spawn(async move {
                let why = out.closed().await;
                assert_eq!(why.code(), Code::CANCELLED, "{why}");
                assert_eq!(out.send(reply("y")).await.unwrap_err().code(), Code::CANCELLED);
                assert_eq!(out.try_send(reply("y")).unwrap_err().code(), Code::CANCELLED);
                assert!(out.finish().await.is_err());
                sends.try_send("sender").unwrap();
            });
            tokio::task::yield_now().await;
            Ok(())
        }
    });
    each_way_alone(&host, async |session| {
        let (mut out, mut input) = echo(&session).converse().await.unwrap();
        out.send(message("x")).await.unwrap();
        let (count, end) = drain(&mut input).await;
        end.unwrap();
        assert_eq!(count, 1);
        let mut said = [word(&mut words).await, word(&mut words).await];
        said.sort_unstable();
        assert_eq!(said, ["reader", "sender"]);
    })
    .await;
}

/// As [`each_way`], but one end after the other.
async fn each_way_alone(host: &Host, mut body: impl AsyncFnMut(protocall::Session)) {
    for over in [Over::Tcp, Over::Unix, Over::Memory] {
        let ends = Ends::new(over, host).await;
        for session in ends.both() {
            body(session).await;
        }
        ends.idle().await;
    }
}

#[tokio::test]
async fn a_half_in_another_task_works_while_its_handler_runs() {
    let host = host().on_converse(|_, mut input, mut out| async move {
        let sends = tokio::spawn(async move {
            for n in 0..1_000 {
                out.send(reply(format!("{n}"))).await?;
            }
            out.finish().await
        });
        let reads = tokio::spawn(async move {
            let mut count = 0;
            while input.next().await?.is_some() {
                count += 1;
            }
            Ok::<_, Status>(count)
        });
        sends.await.unwrap()?;
        assert_eq!(reads.await.unwrap()?, 1_000);
        Ok(())
    });
    each_way(&host, |session| async move {
        let (mut out, mut input) = echo(&session).converse().await.unwrap();
        let sends = tokio::spawn(async move {
            for _ in 0..1_000 {
                out.send(message("x")).await?;
            }
            out.finish().await
        });
        let reads = tokio::spawn(async move { drain(&mut input).await });
        sends.await.unwrap().unwrap();
        let (count, end) = reads.await.unwrap();
        end.unwrap();
        assert_eq!(count, 1_000);
    })
    .await;
}

#[tokio::test]
async fn streams_and_sinks_of_the_futures_crates_are_made_of_both_halves() {
    let host =
        host().on_converse(|_, input: RecvStream<EchoRequest>, out: SendStream<EchoReply>| async move {
            // All adapters at once: the answers are the requests, with large ones between.
            let answers = input.map(|item| item.map(|item| EchoReply { payload: item.payload }));
            answers.forward(out.into_sink()).await
        });
    each_way(&host, |session| async move {
        let (out, mut input) = echo(&session).converse().await.unwrap();
        let mut sink = out.into_sink();
        let sizes = [0, 10, 100_000, 10, 1_000_000, 0];
        let sends = async {
            for size in sizes {
                sink.send(message(vec![7; size])).await.unwrap();
            }
            let more = futures_util::stream::iter((0..500).map(|n| Ok(message(format!("{n}")))));
            let mut more = more;
            sink.send_all(&mut more).await.unwrap();
            sink.close().await.unwrap();
        };
        let reads = async {
            for size in sizes {
                assert_eq!(StreamExt::next(&mut input).await.unwrap().unwrap().payload.len(), size);
            }
            let mut count = 0;
            while let Some(item) = StreamExt::next(&mut input).await {
                assert_eq!(item.unwrap().payload, format!("{count}"));
                count += 1;
            }
            assert_eq!(count, 500);
            assert!(input.is_terminated());
            assert!(StreamExt::next(&mut input).await.is_none());
        };
        tokio::join!(sends, reads);
    })
    .await;
}

#[tokio::test]
async fn a_stream_of_the_futures_crates_tells_its_error_once_and_then_ends() {
    let host = host().on_repeat(|_, _, mut out| async move {
        out.send(reply("x")).await?;
        Err(Status::data_loss("torn"))
    });
    each_way(&host, |session| async move {
        let stream = echo(&session).repeat(times(1)).await.unwrap();
        let all: Vec<_> = stream.collect().await;
        assert_eq!(all.len(), 2);
        assert_eq!(all[1].as_ref().unwrap_err().code(), Code::DATA_LOSS);
    })
    .await;
}

#[tokio::test]
async fn a_sink_that_is_dropped_is_half_an_upload() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    for session in ends.both() {
        let (out, answer) = echo(&session).gather().await.unwrap();
        let mut sink = out.into_sink();
        sink.send(message("half")).await.unwrap();
        drop(sink);
        assert_eq!(within(answer).await.unwrap_err().code(), Code::CANCELLED);
    }
    ends.idle().await;
}

#[tokio::test]
async fn what_waits_on_a_half_is_woken_wherever_it_was_moved() {
    let (host, go) = told();
    let ends = Ends::new(Over::Tcp, &host).await;
    for session in ends.both() {
        let (mut out, answer) = echo(&session).gather().await.unwrap();
        while out.try_send(message([7; 1_000])).is_ok() {}
        // First polled here, then by another task.
        let mut send = Box::pin(async move {
            out.send(message([b'z'; 1_000])).await?;
            out.finish().await
        });
        let mut answer = Box::pin(answer);
        std::future::poll_fn(|cx| {
            assert!(send.as_mut().poll(cx).is_pending());
            assert!(answer.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let (send, answer) = (tokio::spawn(send), tokio::spawn(answer));
        go.send(()).await.unwrap();
        within(send).await.unwrap().unwrap();
        assert!(within(answer).await.unwrap().unwrap().payload.ends_with(b"zz"));
    }
    ends.idle().await;
}
