//! Every shape, both ways and at both ends.

use std::time::Duration;

use bytes::Bytes;
use protocall::{Code, Status};
use protocall_tests::proto::echo::v1::{EchoReply, RepeatRequest};

use crate::support::*;

#[tokio::test]
async fn a_stream_of_answers_comes_whole_and_in_order() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    for session in [&ends.near, &ends.far] {
        let mut stream =
            echo(session).repeat(RepeatRequest { payload: Bytes::from("x"), times: 10_000 }).await.unwrap();
        let mut count = 0;
        while let Some(item) = within(stream.next()).await.unwrap() {
            assert_eq!(item.payload, format!("{count}:x"));
            count += 1;
        }
        assert_eq!(count, 10_000);
        assert!(stream.next().await.unwrap().is_none(), "the end stays the end");
    }
}

#[tokio::test]
async fn a_stream_of_requests_is_gathered_and_answered() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    let (mut out, reply) = echo(&ends.near).gather().await.unwrap();
    let mut sent = Vec::new();
    for n in 0..2_000 {
        let text = format!("{n},");
        sent.extend_from_slice(text.as_bytes());
        within(out.send(message(&text))).await.unwrap();
    }
    out.finish().await.unwrap();
    assert_eq!(within(reply).await.unwrap().payload, sent);
}

#[tokio::test]
async fn a_conversation_goes_both_ways() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    let (mut out, mut input) = echo(&ends.near).converse().await.unwrap();
    for n in 0..1_000 {
        let text = format!("{n}");
        within(out.send(message(&text))).await.unwrap();
        assert_eq!(within(input.next()).await.unwrap().unwrap().payload, text);
    }
    out.finish().await.unwrap();
    assert!(within(input.next()).await.unwrap().is_none());
    ends.idle().await;
}

#[tokio::test]
async fn large_items_go_through() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    let (mut out, mut input) = echo(&ends.near).converse().await.unwrap();
    for len in [0, 60_000, 65_536, 70_000, 300_000, 4_000_000] {
        let payload = vec![7; len];
        within(out.send(message(&payload))).await.unwrap();
        assert_eq!(within(input.next()).await.unwrap().unwrap().payload, payload);
    }
    out.finish().await.unwrap();
    assert!(within(input.next()).await.unwrap().is_none());
}

#[tokio::test]
async fn an_upload_that_is_dropped_is_an_error_at_its_reader() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    let (mut out, reply) = echo(&ends.near).gather().await.unwrap();
    out.send(message("half")).await.unwrap();
    drop(out);
    let status = within(reply).await.unwrap_err();
    assert_eq!(status.code(), Code::CANCELLED, "{status}");
}

#[tokio::test]
async fn a_reader_that_goes_cancels_its_stream() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    let mut stream =
        echo(&ends.near).repeat(RepeatRequest { payload: Bytes::from("x"), times: u32::MAX }).await.unwrap();
    for _ in 0..100 {
        within(stream.next()).await.unwrap().unwrap();
    }
    drop(stream);
    ends.idle().await;
}

#[tokio::test]
async fn the_deadline_of_a_stream_ends_it() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    let open = echo(&ends.near).repeat(RepeatRequest { payload: Bytes::from("x"), times: u32::MAX });
    let mut stream = open.timeout(Duration::from_millis(50)).await.unwrap();
    let status: Status = loop {
        match within(stream.next()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it has no end"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(stream.next().await.unwrap_err().code(), Code::DEADLINE_EXCEEDED);
    ends.idle().await;
}

#[tokio::test]
async fn an_error_comes_after_the_items_before_it() {
    let host = host().on_repeat(|_, req, mut out| async move {
        for _ in 0..req.times {
            out.send(EchoReply { payload: req.payload.clone() }).await?;
        }
        Err(Status::data_loss("the tape is torn"))
    });
    each_way(&host, |session| async move {
        let mut stream =
            echo(&session).repeat(RepeatRequest { payload: Bytes::from("x"), times: 500 }).await.unwrap();
        for _ in 0..500 {
            assert_eq!(stream.next().await.unwrap().unwrap().payload, "x");
        }
        for _ in 0..2 {
            let status = stream.next().await.unwrap_err();
            assert_eq!((status.code(), status.message()), (Code::DATA_LOSS, "the tape is torn"));
        }
    })
    .await;
}

#[tokio::test]
async fn an_early_answer_ends_the_requests() {
    let host = host().on_gather(|_, mut input| async move {
        let first = input.next().await?.ok_or_else(|| Status::invalid_argument("nothing came"))?;
        Ok(EchoReply { payload: first.payload })
    });
    each_way(&host, |session| async move {
        let (mut out, reply) = echo(&session).gather().await.unwrap();
        let status = loop {
            if let Err(status) = out.send(message("one")).await {
                break status;
            }
        };
        assert_eq!(status.code(), Code::CANCELLED, "{status}");
        out.finish().await.unwrap();
        assert_eq!(reply.await.unwrap().payload, "one");
    })
    .await;
}

#[tokio::test]
async fn metadata_comes_ahead_of_the_items_and_at_the_end() {
    let host = host().on_converse(|ctx, mut input, mut out| async move {
        ctx.reply_metadata("hello", ctx.metadata().get_str("who").unwrap_or("nobody"));
        out.begin()?;
        while let Some(item) = input.next().await? {
            out.send(EchoReply { payload: item.payload }).await?;
        }
        ctx.reply_metadata("bye", "soon");
        Ok(())
    });
    each_way(&host, |session| async move {
        let (mut out, mut input) = echo(&session).converse().metadata("who", "Ada").await.unwrap();
        assert_eq!(input.metadata().await.unwrap().get_str("hello"), Some("Ada"));
        out.send(message("x")).await.unwrap();
        out.finish().await.unwrap();
        assert_eq!(input.next().await.unwrap().unwrap().payload, "x");
        assert!(input.trailing_metadata().is_none());
        assert!(input.next().await.unwrap().is_none());
        assert_eq!(input.trailing_metadata().unwrap().get_str("bye"), Some("soon"));
    })
    .await;
}
