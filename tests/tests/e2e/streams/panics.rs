//! Handlers that panic cost their own stream.

use protocall::Code;

use super::{drain, reply, times};
use crate::support::*;

#[tokio::test]
async fn a_handler_that_panics_costs_its_own_stream_in_each_shape() {
    let host = host()
        .on_repeat(|_, req, mut out| async move {
            for _ in 0..req.times {
                out.send(reply("x")).await?;
            }
            panic!("on purpose")
        })
        .on_gather(|_, mut input| async move {
            input.next().await?;
            panic!("on purpose")
        })
        .on_converse(|_, mut input, mut out| async move {
            let item = input.next().await?.unwrap();
            out.send(reply(item.payload)).await?;
            tokio::task::yield_now().await;
            panic!("on purpose")
        });
    each_way(&host, |session| async move {
        // At its first poll, and later.
        for n in [0, 1_000] {
            let mut stream = echo(&session).repeat(times(n)).await.unwrap();
            let (count, end) = drain(&mut stream).await;
            assert_eq!((count, end.unwrap_err().code()), (n as usize, Code::INTERNAL));
        }
        let (mut out, answer) = echo(&session).gather().await.unwrap();
        out.send(message("x")).await.unwrap();
        let status = answer.await.unwrap_err();
        assert_eq!((status.code(), status.may_have_run()), (Code::INTERNAL, true), "{status}");
        assert_eq!(out.closed().await.code(), Code::INTERNAL);

        let (mut out, mut input) = echo(&session).converse().await.unwrap();
        out.send(message("x")).await.unwrap();
        let (count, end) = drain(&mut input).await;
        let status = end.unwrap_err();
        assert_eq!((count, status.code()), (1, Code::INTERNAL), "{status}");
        drop(out);
        echo(&session).echo(message("x")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_handler_that_panics_with_a_large_item_on_its_way_ends_it() {
    let host = host().on_repeat(|_, _, mut out| async move {
        out.send(reply(vec![7; 3_000_000])).await?;
        panic!("on purpose")
    });
    let ends = Ends::new(Over::Tcp, &host).await;
    for session in ends.both() {
        let mut stream = echo(&session).repeat(times(1)).await.unwrap();
        let (count, end) = drain(&mut stream).await;
        assert_eq!((count, end.unwrap_err().code()), (1, Code::INTERNAL));
    }
    ends.idle().await;
}
