//! What goes beside the items: metadata at the start and at the end, statuses with details.

use protocall::{Code, Status};
use protocall_tests::proto::echo::v1::RepeatRequest;
use std::time::Duration;

use super::{drain, reply, times};
use crate::support::*;

#[tokio::test]
async fn metadata_at_the_start_and_at_the_end_comes_in_each_shape() {
    let host = host()
        .on_repeat(|ctx, _, mut out| async move {
            ctx.reply_metadata("at", "start");
            out.send(reply("x")).await?;
            ctx.reply_metadata("at", "end");
            assert_eq!(ctx.metadata().get_str("who"), Some("Ada"));
            Ok(())
        })
        .on_gather(|ctx, mut input| async move {
            while input.next().await?.is_some() {}
            ctx.reply_metadata("at", ctx.metadata().get_str("who").unwrap_or("nobody"));
            Ok(reply(""))
        });
    each_way(&host, |session| async move {
        let mut stream = echo(&session).repeat(times(1)).metadata("who", "Ada").await.unwrap();
        assert_eq!(stream.metadata().await.unwrap().get_str("at"), Some("start"));
        assert_eq!(stream.next().await.unwrap().unwrap().payload, "x");
        assert!(stream.next().await.unwrap().is_none());
        assert_eq!(stream.trailing_metadata().unwrap().get_str("at"), Some("end"));

        let (out, answer) = echo(&session).gather().metadata("who", "Ada").await.unwrap();
        out.finish().await.unwrap();
        let (_, metadata) = answer.with_metadata().await.unwrap();
        assert_eq!(metadata.get_str("at"), Some("Ada"));
    })
    .await;
}

#[tokio::test]
async fn metadata_without_items_comes_at_the_end() {
    let host = host().on_repeat(|ctx, req, mut out| async move {
        ctx.reply_metadata("k", "v");
        if req.times > 0 {
            out.begin()?;
        }
        Ok(())
    });
    each_way(&host, |session| async move {
        let mut stream = echo(&session).repeat(times(0)).await.unwrap();
        assert!(stream.metadata().await.unwrap().is_empty());
        assert!(stream.next().await.unwrap().is_none());
        assert_eq!(stream.trailing_metadata().unwrap().get_str("k"), Some("v"));

        let mut stream = echo(&session).repeat(times(1)).await.unwrap();
        // It can be looked at late.
        assert!(stream.next().await.unwrap().is_none());
        assert!(stream.trailing_metadata().unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn too_much_metadata_names_the_knob_and_costs_one_stream() {
    let host = host().on_repeat(|ctx, req, mut out| async move {
        ctx.reply_metadata("k", vec![0; 9_000]);
        match req.times {
            0 => Ok(()),
            1 => {
                let status = out.begin().unwrap_err();
                assert_eq!(status.code(), Code::RESOURCE_EXHAUSTED, "{status}");
                Err(status)
            }
            _ => out.send(reply("x")).await,
        }
    });
    let router = || host.router();
    let ends =
        Ends::with(Over::Tcp, router(), router(), |s| s.max_metadata(4_096), |c| c.max_metadata(4_096)).await;
    for session in ends.both() {
        for times in 0..3 {
            let req = RepeatRequest { times, ..Default::default() };
            let mut stream = echo(&session).repeat(req).await.unwrap();
            let (count, end) = drain(&mut stream).await;
            let status = end.unwrap_err();
            assert_eq!((count, status.code()), (0, Code::RESOURCE_EXHAUSTED), "{times}: {status}");
            assert!(status.message().contains("max_metadata"), "{times}: {status}");
        }
        let open = echo(&session).repeat(times(1)).metadata("k", vec![0; 5_000]);
        let status = within(open).await.unwrap_err();
        assert_eq!((status.code(), status.may_have_run()), (Code::RESOURCE_EXHAUSTED, false));
        assert!(status.message().contains("`max_metadata` of the other end"), "{status}");
        let (out, answer) = echo(&session).gather().await.unwrap();
        out.finish().await.unwrap();
        within(answer).await.unwrap();
    }
    ends.idle().await;
}

fn torn() -> Status {
    Status::data_loss("the tape is torn")
        .detail(&reply("at metre 7"))
        .metadata("k", [0, 0xff])
        .retry_after(Duration::from_secs(7))
}

#[tokio::test]
async fn details_come_after_the_items_before_them_in_each_shape() {
    let host = host()
        .on_repeat(|_, req, mut out| async move {
            for _ in 0..req.times {
                out.send(reply("x")).await?;
            }
            Err(torn())
        })
        .on_gather(|_, mut input| async move {
            input.next().await?;
            Err(torn())
        })
        .on_converse(|_, mut input, mut out| async move {
            while let Some(item) = input.next().await? {
                out.send(reply(item.payload)).await?;
            }
            Err(torn())
        });
    let check = |status: Status| {
        assert_eq!((status.code(), status.message()), (Code::DATA_LOSS, "the tape is torn"));
        assert_eq!(status.find_detail(), Some(reply("at metre 7")));
        assert_eq!(status.all_metadata().get("k"), Some(&[0, 0xff][..]));
        assert_eq!(status.retry_hint(), Some(Duration::from_secs(7)));
        assert!(status.may_have_run() && status.local().is_none());
    };
    each_way(&host, |session| async move {
        let mut stream = echo(&session).repeat(times(300)).await.unwrap();
        let (count, end) = drain(&mut stream).await;
        assert_eq!(count, 300);
        check(end.unwrap_err());
        check(stream.next().await.unwrap_err());
        assert!(stream.trailing_metadata().is_none());

        let (mut out, answer) = echo(&session).gather().await.unwrap();
        out.send(message("x")).await.unwrap();
        check(answer.await.unwrap_err());
        assert_eq!(out.closed().await.code(), Code::DATA_LOSS);
        assert_eq!(out.send(message("x")).await.unwrap_err().code(), Code::DATA_LOSS);
        assert_eq!(out.finish().await.unwrap_err().code(), Code::DATA_LOSS);

        let (mut out, mut input) = echo(&session).converse().await.unwrap();
        for _ in 0..300 {
            out.send(message("x")).await.unwrap();
        }
        out.finish().await.unwrap();
        let (count, end) = drain(&mut input).await;
        assert_eq!(count, 300);
        check(end.unwrap_err());
    })
    .await;
}

#[tokio::test]
async fn a_status_comes_behind_a_large_item_that_is_on_its_way() {
    let host = host().on_repeat(|_, _, mut out| async move {
        out.send(reply(vec![7; 3_000_000])).await?;
        Err(torn())
    });
    each_way(&host, |session| async move {
        let mut stream = echo(&session).repeat(times(1)).await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap().payload.len(), 3_000_000);
        assert_eq!(stream.next().await.unwrap_err().find_detail(), Some(reply("at metre 7")));
    })
    .await;
}
