//! Items of every size, at each limit and one past it, and items that cannot be read.

use bytes::Bytes;
use protocall::{Caller, Channel, Code, Raw, Router, Server};
use tokio::sync::mpsc;

use super::{payload_of, reply, times, word};
use crate::support::*;

const ROUTE: &str = "echo.v1.Echo";

#[tokio::test]
async fn items_of_every_length_around_each_limit_go_both_ways() {
    let (fragment, credit, largest) = (20_000, 50_000, 300_000);
    let router = || host().router();
    let ends = Ends::with(
        Over::Tcp,
        router(),
        router(),
        |s| s.max_fragment(fragment).stream_credit(credit).max_message(largest),
        |c| c.max_fragment(fragment).stream_credit(credit).max_message(largest),
    )
    .await;
    let around = |n: usize| n - 2..n + 3;
    // What an item costs beside its message is 64.
    let sizes =
        [0, 2, 3].into_iter().chain(around(fragment)).chain(around(credit - 64)).chain(around(credit));
    let sizes: Vec<_> = sizes.chain(largest - 2..=largest).collect();
    for session in ends.both() {
        let (mut out, mut input) = echo(&session).converse().await.unwrap();
        for &size in &sizes {
            let payload = vec![size as u8; payload_of(size)];
            within(out.send(message(&payload))).await.unwrap();
            assert_eq!(within(input.next()).await.unwrap().unwrap().payload, payload, "{size}");
        }
        // And without waiting for each.
        let sent = async {
            for &size in &sizes {
                out.send(message(vec![size as u8; payload_of(size)])).await.unwrap();
            }
            out.finish().await.unwrap();
        };
        let came = async {
            for &size in &sizes {
                let payload = input.next().await.unwrap().unwrap().payload;
                assert_eq!(payload, vec![size as u8; payload_of(size)], "{size}");
            }
            assert!(input.next().await.unwrap().is_none());
        };
        within(async { tokio::join!(sent, came) }).await;
    }
    ends.idle().await;
}

#[tokio::test]
async fn an_item_past_the_limit_of_either_end_is_lost_alone_and_names_the_knob() {
    let limit = 100_000;
    let router = || host().router();
    let small = |s: Server| s.max_message(limit);
    let ends = Ends::with(Over::Tcp, router(), router(), small, |c| c).await;
    for (session, knob) in
        [(&ends.near, "`max_message` of the other end"), (&ends.far, "`max_message` of this end")]
    {
        let (mut out, mut input) = echo(session).converse().await.unwrap();
        let status = within(out.send(message(vec![0; payload_of(limit) + 1]))).await.unwrap_err();
        assert_eq!(status.code(), Code::RESOURCE_EXHAUSTED);
        assert!(status.message().contains(knob), "{status}");
        let status = out.try_send(message(vec![0; limit])).unwrap_err();
        assert_eq!(status.code(), Code::RESOURCE_EXHAUSTED);
        within(out.send(message(vec![1; payload_of(limit)]))).await.unwrap();
        out.finish().await.unwrap();
        let item = within(input.next()).await.unwrap().unwrap();
        assert_eq!(item.payload, vec![1; payload_of(limit)]);
        assert!(within(input.next()).await.unwrap().is_none());
    }
    ends.idle().await;
}

#[tokio::test]
async fn what_a_handler_sends_past_the_limit_is_its_own_to_answer_for() {
    let host = host().on_repeat(|_, req, mut out| async move {
        let status = out.send(reply(vec![0; 200_000])).await.unwrap_err();
        assert_eq!(status.code(), Code::RESOURCE_EXHAUSTED, "{status}");
        out.send(reply(&req.payload)).await?;
        Err(status)
    });
    let ends = Ends::with(Over::Tcp, host.router(), host.router(), |s| s.max_message(100_000), |c| c).await;
    for session in ends.both() {
        let mut stream = echo(&session).repeat(times(1)).await.unwrap();
        assert_eq!(within(stream.next()).await.unwrap().unwrap().payload, "x");
        let status = within(stream.next()).await.unwrap_err();
        assert_eq!((status.code(), status.local().is_none()), (Code::RESOURCE_EXHAUSTED, true), "{status}");
    }
    ends.idle().await;
}

#[tokio::test]
async fn an_item_that_a_handler_cannot_read_ends_its_stream_alone() {
    let (to, mut words) = mpsc::channel(8);
    let host = host().on_converse(move |_, mut input, mut out| {
        let to = to.clone();
        async move {
            let why = loop {
                match input.next().await {
                    Ok(Some(item)) => out.send(reply(item.payload)).await?,
                    Ok(None) => panic!("it did not end well"),
                    Err(why) => break why,
                }
            };
            assert_eq!(why.code(), Code::INVALID_ARGUMENT, "{why}");
            assert_eq!(input.next().await.unwrap_err().code(), Code::INVALID_ARGUMENT);
            to.try_send("unreadable").unwrap();
            Err(why)
        }
    });
    let ends = Ends::new(Over::Tcp, &host).await;
    for session in ends.both() {
        let (other_out, mut other_input) = echo(&session).repeat(times(3)).await.map(|s| ((), s)).unwrap();
        let raw = Caller::from(&session);
        let (mut out, mut input) = raw.bidi_raw(format!("{ROUTE}/Converse")).await.unwrap();
        let good = Bytes::from_static(b"\x0a\x01x");
        out.send(Raw(good.clone())).await.unwrap();
        assert_eq!(within(input.next()).await.unwrap().unwrap().0, good);
        // A length that goes past the end.
        out.send(Raw(Bytes::from_static(b"\x0a\x7fx"))).await.unwrap();
        assert_eq!(word(&mut words).await, "unreadable");
        let status = within(input.next()).await.unwrap_err();
        assert_eq!(status.code(), Code::INVALID_ARGUMENT, "{status}");
        let status = within(out.closed()).await;
        assert_eq!(status.code(), Code::INVALID_ARGUMENT, "{status}");
        // The others go on.
        let () = other_out;
        for _ in 0..3 {
            within(other_input.next()).await.unwrap().unwrap();
        }
        within(echo(&session).echo(message("x"))).await.unwrap();
        drop((out, input, other_input));
    }
    ends.idle().await;
}

#[tokio::test]
async fn an_item_that_a_caller_cannot_read_cancels_its_call() {
    let (to, mut words) = mpsc::channel(8);
    let router = Router::new().fallback(move |_ctx, mut call: protocall::RawCall| {
        let guard = Guard::new(&to, "dropped");
        async move {
            let _guard = guard;
            let mut out = call.take_output().unwrap();
            out.send(Raw(Bytes::from_static(b"\x0a\x01x"))).await?;
            out.send(Raw(Bytes::from_static(b"\xff"))).await?;
            std::future::pending().await
        }
    });
    let ends = Ends::with(Over::Tcp, router.clone(), router, |s| s, |c| c).await;
    for session in ends.both() {
        let mut stream = echo(&session).repeat(times(1)).await.unwrap();
        assert_eq!(within(stream.next()).await.unwrap().unwrap().payload, "x");
        for _ in 0..2 {
            let status = within(stream.next()).await.unwrap_err();
            assert_eq!(status.code(), Code::INTERNAL, "{status}");
        }
        assert_eq!(word(&mut words).await, "dropped");
    }
    ends.idle().await;
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_answered_and_not_run() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    for session in ends.both() {
        let raw = Caller::from(&session);
        let mut stream =
            raw.server_stream_raw(format!("{ROUTE}/Repeat"), Bytes::from_static(b"\xff")).await.unwrap();
        let status = within(stream.next()).await.unwrap_err();
        assert_eq!((status.code(), status.may_have_run()), (Code::INVALID_ARGUMENT, false), "{status}");
    }
    ends.idle().await;
}

#[tokio::test]
async fn empty_items_are_items() {
    let client = echo_of(Channel::in_memory(host().router()));
    let (mut out, mut input) = client.converse().await.unwrap();
    let sent = async {
        for _ in 0..20_000 {
            out.send(message("")).await.unwrap();
        }
        out.finish().await.unwrap();
    };
    let came = super::drain(&mut input);
    let ((), (count, end)) = within(async { tokio::join!(sent, came) }).await;
    end.unwrap();
    assert_eq!(count, 20_000);
}

fn echo_of(channel: Channel) -> protocall_tests::proto::echo::v1::EchoClient {
    protocall_tests::proto::echo::v1::EchoClient::new(channel)
}
