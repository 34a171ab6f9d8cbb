//! Streams of routes that nobody serves, and calls of another shape than the method's.

use bytes::Bytes;
use protocall::{Caller, Code, Context, MethodKind, Raw, RawCall, Router, Session, Status};
use protocall_tests::proto::echo::v1::{EchoRequest, RepeatRequest};
use tokio::sync::mpsc;

use super::{drain, payload_of, reply, times, word};
use crate::support::*;

#[tokio::test]
async fn streams_of_unknown_routes_are_refused_and_not_run_without_a_fallback() {
    let ends = Ends::with(Over::Tcp, Router::new(), Router::new(), |s| s, |c| c).await;
    for session in ends.both() {
        let refused = |status: Status| {
            assert_eq!((status.code(), status.may_have_run()), (Code::UNIMPLEMENTED, false), "{status}");
        };
        refused(within(echo(&session).repeat(times(1)).await.unwrap().next()).await.unwrap_err());
        let (mut out, answer) = echo(&session).gather().await.unwrap();
        let _ = out.try_send(message("x"));
        refused(within(answer).await.unwrap_err());
        assert_eq!(within(out.closed()).await.code(), Code::UNIMPLEMENTED);
        let (mut out, mut input) = echo(&session).converse().await.unwrap();
        let _ = out.try_send(message("x"));
        refused(within(input.next()).await.unwrap_err());
    }
    ends.idle().await;
}

#[tokio::test]
async fn a_fallback_decodes_late_and_answers_by_hand() {
    let router =
        Router::new().fallback(async |_ctx: Context, mut call: RawCall| match (call.kind(), call.route()) {
            (MethodKind::ServerStream, "echo.v1.Echo/Repeat") => {
                let req: RepeatRequest = call.decode()?;
                let mut out = call.take_output().unwrap();
                assert!(call.take_output().is_none() && call.take_input().is_none());
                for _ in 0..req.times {
                    out.send(Raw(Bytes::from_static(b"\x0a\x01x"))).await?;
                }
                Ok(Raw::default())
            }
            (MethodKind::ClientStream, _) => {
                let mut input = call.take_input().unwrap();
                assert!(call.take_output().is_none());
                let mut len = 0;
                while let Some(item) = input.next().await? {
                    len += item.0.len();
                }
                Ok(Raw(format!("\n\u{3}{len:3}").into()))
            }
            (MethodKind::Bidi, _) => {
                let (mut input, mut out) = (call.take_input().unwrap(), call.take_output().unwrap());
                while let Some(item) = input.next().await? {
                    out.send(item).await?;
                }
                Err(Status::data_loss("by hand"))
            }
            (kind, route) => Err(Status::unimplemented(format!("{kind:?} {route}"))),
        });
    let ends = Ends::with(Over::Tcp, router.clone(), router, |s| s, |c| c).await;
    for session in ends.both() {
        let (count, end) = drain(&mut echo(&session).repeat(times(100)).await.unwrap()).await;
        end.unwrap();
        assert_eq!(count, 100);

        let (mut out, answer) = echo(&session).gather().await.unwrap();
        for _ in 0..10 {
            out.send(message(vec![0; payload_of(64)])).await.unwrap();
        }
        out.finish().await.unwrap();
        assert_eq!(within(answer).await.unwrap().payload, "640");

        let (mut out, mut input) = echo(&session).converse().await.unwrap();
        out.send(message("x")).await.unwrap();
        out.finish().await.unwrap();
        let (count, end) = drain(&mut input).await;
        assert_eq!((count, end.unwrap_err().code()), (1, Code::DATA_LOSS));
    }
    ends.idle().await;
}

/// A router that forwards all that comes to what is behind it.
fn proxy(behind: &Session) -> Router {
    let to = Caller::from(behind);
    Router::new().fallback(move |_: Context, call: RawCall| {
        let to = to.clone();
        async move { call.forward(&to).await }
    })
}

/// A caller, through a proxy, of a host.
async fn through(host: &Host) -> (Ends, Ends) {
    let behind = Ends::new(Over::Tcp, host).await;
    let front = Ends::with(Over::Tcp, Router::new(), proxy(&behind.near), |s| s, |c| c).await;
    (front, behind)
}

#[tokio::test]
async fn a_fallback_forwards_every_shape_with_what_is_beside_the_items() {
    let host = host()
        .on_converse(|ctx, mut input, mut out| async move {
            ctx.reply_metadata("at", "start");
            ctx.reply_metadata("who", ctx.metadata().get_str("who").unwrap_or("nobody"));
            out.begin()?;
            while let Some(item) = input.next().await? {
                out.send(reply(item.payload)).await?;
            }
            ctx.reply_metadata("at", "end");
            Ok(())
        })
        .on_repeat(|_, req, mut out| async move {
            for _ in 0..req.times {
                out.send(reply(&req.payload)).await?;
            }
            Err(Status::data_loss("torn").detail(&reply("at metre 7")))
        });
    let (front, behind) = through(&host).await;
    let client = echo(&front.near);
    let (mut out, mut input) = client.converse().metadata("who", "Ada").await.unwrap();
    let metadata = within(input.metadata()).await.unwrap();
    assert_eq!((metadata.get_str("at"), metadata.get_str("who")), (Some("start"), Some("Ada")));
    for size in [0, 10, 70_000, 3_000_000] {
        within(out.send(message(vec![7; size]))).await.unwrap();
        assert_eq!(within(input.next()).await.unwrap().unwrap().payload.len(), size);
    }
    out.finish().await.unwrap();
    assert!(within(input.next()).await.unwrap().is_none());
    assert_eq!(input.trailing_metadata().unwrap().get_str("at"), Some("end"));

    let (count, end) = drain(&mut client.repeat(times(1_000)).await.unwrap()).await;
    let status = end.unwrap_err();
    assert_eq!((count, status.code()), (1_000, Code::DATA_LOSS));
    assert_eq!(status.find_detail(), Some(reply("at metre 7")));

    let (mut out, answer) = client.gather().await.unwrap();
    out.send(message("a")).await.unwrap();
    out.send(message("b")).await.unwrap();
    out.finish().await.unwrap();
    assert_eq!(within(answer).await.unwrap().payload, "ab");

    // Half an upload stays half.
    let (mut out, answer) = client.gather().await.unwrap();
    out.send(message("a")).await.unwrap();
    drop(out);
    assert_eq!(within(answer).await.unwrap_err().code(), Code::CANCELLED);
    front.idle().await;
    behind.idle().await;
}

#[tokio::test]
async fn who_goes_in_front_of_a_proxy_is_gone_behind_it() {
    let (to, mut words) = mpsc::channel(8);
    let (one, two, three) = (to.clone(), to.clone(), to);
    let host = host()
        .on_repeat(move |_, _, mut out| {
            let guard = Guard::new(&one, "repeat");
            async move {
                let _guard = guard;
                loop {
                    out.send(reply("x")).await?;
                }
            }
        })
        .on_gather(move |_, mut input| {
            let guard = Guard::new(&two, "gather");
            async move {
                let _guard = guard;
                while input.next().await?.is_some() {}
                std::future::pending().await
            }
        })
        .on_converse(move |_, mut input, mut out| {
            let guard = Guard::new(&three, "converse");
            async move {
                let _guard = guard;
                while let Some(item) = input.next().await? {
                    out.send(reply(item.payload)).await?;
                }
                std::future::pending().await
            }
        });
    let (front, behind) = through(&host).await;
    let client = echo(&front.near);
    let mut stream = client.repeat(times(1)).await.unwrap();
    within(stream.next()).await.unwrap().unwrap();
    drop(stream);
    assert_eq!(word(&mut words).await, "repeat");
    let (mut out, answer) = client.gather().await.unwrap();
    out.send(message("x")).await.unwrap();
    until(|| behind.far.stats().calls_in == 1).await;
    drop((out, answer));
    assert_eq!(word(&mut words).await, "gather");
    let (mut out, mut input) = client.converse().await.unwrap();
    out.send(message("x")).await.unwrap();
    within(input.next()).await.unwrap().unwrap();
    drop((out, input));
    assert_eq!(word(&mut words).await, "converse");
    front.idle().await;
    behind.idle().await;
}

#[tokio::test]
async fn a_call_of_another_shape_than_the_methods_is_refused_and_told_both() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    let routes = [
        ("Echo", "unary"),
        ("Repeat", "server"),
        ("Gather", "client"),
        ("Converse", "bidi"),
        ("Note", "push"),
    ];
    for session in ends.both() {
        let raw = Caller::from(&session);
        for (method, own) in routes {
            let route = format!("echo.v1.Echo/{method}");
            let check = |called: &str, status: Status| {
                assert_eq!((status.code(), status.may_have_run()), (Code::UNIMPLEMENTED, false), "{status}");
                let text = status.message().to_lowercase();
                assert!(text.contains(own) && text.contains(called), "{method} called as {called}: {text}");
            };
            if own != "unary" {
                check("unary", within(raw.call_raw(&route, Bytes::new())).await.unwrap_err());
            }
            if own != "server" {
                let mut stream = raw.server_stream_raw(&route, Bytes::new()).await.unwrap();
                check("server", within(stream.next()).await.unwrap_err());
            }
            if own != "client" {
                let (mut out, answer) = raw.client_stream_raw(&route).await.unwrap();
                let _ = out.try_send(Raw::default());
                check("client", within(answer).await.unwrap_err());
            }
            if own != "bidi" {
                let (mut out, mut input) = raw.bidi_raw(&route).await.unwrap();
                let _ = out.try_send(Raw::default());
                check("bidi", within(input.next()).await.unwrap_err());
            }
        }
    }
    ends.idle().await;
}

#[tokio::test]
async fn a_client_that_serves_as_its_service_passes_streams_on() {
    let behind = Ends::new(Over::Tcp, &host()).await;
    let server = protocall_tests::proto::echo::v1::EchoServer::new(echo(&behind.near));
    let front = Ends::with(Over::Tcp, Router::new(), Router::new().add(server), |s| s, |c| c).await;
    let client = echo(&front.near);
    let (count, end) = drain(&mut client.repeat(times(5_000)).await.unwrap()).await;
    end.unwrap();
    assert_eq!(count, 5_000);
    let (mut out, answer) = client.gather().await.unwrap();
    for _ in 0..5_000 {
        out.send(EchoRequest { payload: Bytes::from_static(b"x") }).await.unwrap();
    }
    out.finish().await.unwrap();
    assert_eq!(within(answer).await.unwrap().payload.len(), 5_000);
    front.idle().await;
    behind.idle().await;
}
