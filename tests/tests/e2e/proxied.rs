//! A proxy that understands nothing stands between the two ends.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocall::{Caller, Channel, Code, Context, Proxy, Raw, RawCall, Router, Server, Session};
use protocall_tests::proto::echo::v1::{EchoClient, EchoReply, RepeatRequest};

use super::process::Process;
use super::support::*;

#[tokio::test]
async fn pushes_pass_in_order_both_ways_with_calls_between() {
    let seen: [Arc<Mutex<Vec<u32>>>; 2] = Default::default();
    let host = |which: usize| {
        let seen = Arc::clone(&seen[which]);
        host()
            .on_note(move |_, payload| {
                let seen = Arc::clone(&seen);
                async move {
                    seen.lock().unwrap().push(u32::from_be_bytes(payload[..4].try_into().unwrap()));
                    Ok(())
                }
            })
            .router()
    };
    let ends = Ends::with(Over::Proxied, host(0), host(1), |s| s, |c| c).await;
    let mut tasks = tokio::task::JoinSet::new();
    for session in ends.both() {
        let client = echo(&session);
        tasks.spawn(async move {
            for number in 0..2_000u32 {
                let mut payload = number.to_be_bytes().to_vec();
                payload.resize(if number % 500 == 499 { 300_000 } else { 4 }, 0);
                client.note(message(payload)).await.unwrap();
            }
        });
        for _ in 0..64 {
            let client = echo(&session);
            tasks.spawn(async move {
                for _ in 0..50 {
                    client.echo(message("x")).await.unwrap();
                }
            });
        }
    }
    within(async {
        while let Some(done) = tasks.join_next().await {
            done.unwrap()
        }
    })
    .await;
    for seen in &seen {
        until(|| seen.lock().unwrap().len() == 2_000).await;
        assert!(seen.lock().unwrap().iter().copied().eq(0..2_000));
    }
}

/// Gives back what comes, in every shape, whatever it is; and who asked, as proxies told it.
fn anything() -> Router {
    Router::new().fallback(|ctx: Context, mut call: RawCall| async move {
        let from = ctx.forwarded_for().map(str::to_owned).collect::<Vec<_>>().join(" ");
        ctx.reply_metadata("from", from);
        let mut gathered = Vec::from(&call.payload()[..]);
        let (input, output) = (call.take_input(), call.take_output());
        if let (None, Some(mut output)) = (&input, output) {
            for byte in gathered {
                output.send(Raw::from(vec![byte])).await?;
            }
            return Ok(Raw::default());
        }
        if let Some(mut input) = input {
            while let Some(item) = input.next().await? {
                gathered.extend_from_slice(&item.0);
            }
        }
        Ok(Raw::from(gathered))
    })
}

const NO_PROTOBUF: &[u8] = b"\xff\xff\xff no protobuf \x00";

#[tokio::test]
async fn what_is_no_protobuf_passes_and_brings_the_callers_address() {
    let ends = Ends::with(Over::Proxied, Router::new(), anything(), |s| s, |c| c).await;
    let caller = Caller::from(&ends.near);
    let call = caller.call_raw("some.v1.Thing/Do", NO_PROTOBUF).with_metadata();
    let (reply, metadata) = within(call).await.unwrap();
    assert_eq!(reply.0, NO_PROTOBUF);
    let from = metadata.get_str("from").unwrap();
    assert!(from.starts_with("tcp://127.0.0.1:") && !from.contains(' '), "{from}");

    let mut stream = caller.server_stream_raw("some.v1.Thing/Down", NO_PROTOBUF).await.unwrap();
    for byte in NO_PROTOBUF {
        assert_eq!(within(stream.next()).await.unwrap().unwrap().0, vec![*byte]);
    }
    assert!(within(stream.next()).await.unwrap().is_none());

    let (mut out, reply) = caller.client_stream_raw("some.v1.Thing/Up").await.unwrap();
    for _ in 0..3 {
        within(out.send(Raw::from(NO_PROTOBUF))).await.unwrap();
    }
    out.finish().await.unwrap();
    assert_eq!(within(reply).await.unwrap().0, NO_PROTOBUF.repeat(3));
    ends.idle().await;
}

/// Not a test but the process that the next one kills: it passes everything on until then.
#[tokio::test]
#[ignore = "run by another test, in a process of its own"]
async fn a_proxy_to_be_killed() {
    let upstream = std::env::var("UPSTREAM").unwrap();
    let between = Proxy::new(move |back| Channel::builder(&upstream).serve(back).connect_lazy());
    let router = Router::new().fallback(between.clone()).fallback_push(between);
    let server = Running::start(Server::new(router).listen("tcp://127.0.0.1:0")).await;
    println!("listening {}", server.uri);
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_proxy_that_is_killed_ends_every_kind_of_call_once_at_both_ends() {
    let (dropped, mut drops) = tokio::sync::mpsc::channel(16);
    let host = host()
        .on_call({
            let dropped = dropped.clone();
            move |_, _| {
                let guard = Guard::new(&dropped, "call");
                async move {
                    let _guard = guard;
                    std::future::pending().await
                }
            }
        })
        .on_gather({
            let dropped = dropped.clone();
            move |_, mut input| {
                let guard = Guard::new(&dropped, "gather");
                async move {
                    let _guard = guard;
                    while input.next().await?.is_some() {}
                    panic!("half an upload looks whole");
                }
            }
        })
        .on_converse(move |_, mut input, out| {
            let guard = Guard::new(&dropped, "converse");
            async move {
                let (_guard, _out) = (guard, out);
                while input.next().await?.is_some() {}
                panic!("half a conversation looks whole");
            }
        });
    let server = Running::start(Server::new(host.router()).listen("tcp://127.0.0.1:0")).await;
    let mut proxy = Process::start("proxied::a_proxy_to_be_killed", &[("UPSTREAM", &server.uri)]);
    let channel = Channel::builder(proxy.uri()).serve(host.router()).connect().await.unwrap();
    let _ = within(channel.call_raw("nobody.Serves/This", "")).await;
    let far = server.handle.sessions().pop().unwrap();
    let near = channel.session().await.unwrap();
    let ends = Ends { near, far, channel, server, proxy: None };
    for caller in ends.both() {
        let client = echo(&caller);
        let call = tokio::spawn(client.echo(message("x")));
        let mut down = client.repeat(RepeatRequest { payload: "x".into(), times: u32::MAX }).await.unwrap();
        within(down.next()).await.unwrap().unwrap();
        let (mut up, reply) = client.gather().await.unwrap();
        within(up.send(message("half"))).await.unwrap();
        let (mut there, back) = client.converse().await.unwrap();
        within(there.send(message("half"))).await.unwrap();
        let other = if caller == ends.near { &ends.far } else { &ends.near };
        until(|| other.stats().calls_in == 4).await;
        if caller == ends.near {
            call.abort();
            drop((down, up, reply, there, back));
            // Not yet: this time the caller has gone, and all of it is given up.
            for _ in 0..3 {
                within(drops.recv()).await.unwrap();
            }
            ends.idle().await;
            continue;
        }
        proxy.kill();
        for status in [
            within(call).await.unwrap().map(|_| ()).unwrap_err(),
            within(async {
                loop {
                    if let Err(status) = down.next().await {
                        break status;
                    }
                }
            })
            .await,
            within(reply).await.map(|_| ()).unwrap_err(),
            within(async {
                let mut back = back;
                back.next().await.map(|_| ()).unwrap_err()
            })
            .await,
        ] {
            assert_eq!((status.code(), status.may_have_run()), (Code::UNAVAILABLE, true), "{status:?}");
        }
        for _ in 0..3 {
            within(drops.recv()).await.unwrap();
        }
        assert!(within(up.send(message("more"))).await.is_err());
    }
    for session in ends.both() {
        within(session.closed()).await;
        until(|| session.stats().calls_in + session.stats().calls_out == 0).await;
    }
}

#[tokio::test]
async fn a_call_that_is_passed_on_is_given_up_with_its_caller_and_with_its_deadline() {
    let (dropped, mut drops) = tokio::sync::mpsc::channel(16);
    let host = host().on_call(move |_, _| {
        let guard = Guard::new(&dropped, "call");
        async move {
            let _guard = guard;
            std::future::pending().await
        }
    });
    let ends = Ends::new(Over::Proxied, &host).await;
    for caller in ends.both() {
        let other = if caller == ends.near { &ends.far } else { &ends.near };
        let client = echo(&caller);
        // The first may have to wait for the proxy to connect, the others go on at once.
        for _ in 0..3 {
            let call = tokio::spawn(client.echo(message("x")));
            until(|| other.stats().calls_in == 1).await;
            call.abort();
            within(drops.recv()).await.unwrap();
            ends.idle().await;
        }
        let late = client.echo(message("x")).timeout(Duration::from_millis(50));
        assert_eq!(within(late).await.unwrap_err().code(), Code::DEADLINE_EXCEEDED);
        ends.idle().await;
    }
}

#[tokio::test]
async fn a_client_gets_a_new_upstream_when_its_own_has_drained() {
    let ends = Ends::new(Over::Proxied, &host()).await;
    let client = EchoClient::new(&ends.channel);
    within(client.echo(message("x"))).await.unwrap();
    ends.far.drain();
    within(ends.far.closed()).await;
    within(ends.near.closed()).await;
    // It connects anew, and so does the proxy behind it.
    within(client.echo(message("y"))).await.unwrap();
    until(|| ends.server.handle.sessions().len() == 1).await;
}

/// How many pushes come from the upstream in the tests below: more than their receiver lends its lane.
const PUSHES: u32 = 30;

async fn push_all(pusher: &Session) {
    for number in 0..PUSHES {
        let mut payload = number.to_be_bytes().to_vec();
        payload.resize(4_096, 0);
        echo(pusher).note(message(payload)).await.unwrap();
    }
}

/// A client takes few pushes before its first handler is done, which it is when all else is over. `from_upstream` makes
/// its upstream push all of them, and go.
async fn assert_all_arrive<Fut>(upstream: &Host, from_upstream: impl FnOnce(Session, Session) -> Fut)
where
    Fut: Future<Output = ()>,
{
    let (gate, seen) = (Arc::new(tokio::sync::Semaphore::new(0)), Arc::<Mutex<Vec<u32>>>::default());
    let (inside, into) = (Arc::clone(&gate), Arc::clone(&seen));
    let client = host().on_note(move |_, payload| {
        let (gate, seen) = (Arc::clone(&inside), Arc::clone(&into));
        async move {
            gate.acquire().await.unwrap().forget();
            seen.lock().unwrap().push(u32::from_be_bytes(payload[..4].try_into().unwrap()));
            Ok(())
        }
    });
    let few = |channel: protocall::ChannelBuilder| channel.lane_credit(16_384);
    let ends = Ends::with(Over::Proxied, client.router(), upstream.router(), |s| s, few).await;
    within(from_upstream(ends.near.clone(), ends.far.clone())).await;
    within(ends.far.closed()).await;
    // The client has heard that its connection takes no more calls.
    within(async {
        while ends.channel.session().await.unwrap() == ends.near {
            tokio::task::yield_now().await;
        }
    })
    .await;
    gate.add_permits(PUSHES as usize);
    within(ends.near.closed()).await;
    until(|| seen.lock().unwrap().len() as u32 == PUSHES).await;
    assert!(seen.lock().unwrap().iter().copied().eq(0..PUSHES));
}

#[tokio::test]
async fn pushes_that_were_taken_from_an_upstream_are_passed_on_though_it_ends_before() {
    for end in [Session::close, Session::drain] {
        assert_all_arrive(&host(), |_, far| async move {
            push_all(&far).await;
            far.flushed().await.unwrap();
            end(&far);
        })
        .await;
    }
}

#[tokio::test]
async fn what_the_last_call_to_an_upstream_that_drains_pushed_is_passed_on() {
    let upstream = host().on_call(|ctx, payload| async move {
        ctx.session().drain();
        push_all(&ctx.session()).await;
        Ok(payload)
    });
    assert_all_arrive(&upstream, |near, _| async move {
        echo(&near).echo(message("x")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_waits_for_a_slow_upstream_counts_towards_the_receive_budget() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let inside = Arc::clone(&gate);
    let upstream = host().on_call(move |_, payload| {
        let gate = Arc::clone(&inside);
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(payload)
        }
    });
    let server = Server::new(upstream.router()).max_in_flight(64).listen("tcp://127.0.0.1:0");
    let server = Running::start(server).await;
    let uri = server.uri.clone();
    let upstream = Channel::builder(uri).connect().await.unwrap();
    let budget = 5 << 20;
    let proxy = Server::new(Router::new().forward_to(&upstream)).receive_budget(budget);
    let proxy = Running::start(proxy.listen("tcp://127.0.0.1:0")).await;
    let channel = Channel::connect(&proxy.uri).await.unwrap();
    let client = EchoClient::new(&channel);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..64 + 40 {
        calls.spawn(client.echo(message(vec![7; 200_000])).no_timeout());
    }
    // 64 are upstream; of the others the proxy has taken no more than its budget.
    let held = || proxy.handle.sessions()[0].stats();
    until(|| upstream_has(&server, 64) && held().held_bytes > budget as u64 - 400_000).await;
    assert!(held().held_bytes <= budget as u64, "{:?}", held());
    let taken = held().calls_in;
    assert!(taken < 64 + 30, "{taken} were taken");
    gate.add_permits(200);
    while let Some(done) = within(calls.join_next()).await {
        assert_eq!(done.unwrap().unwrap().payload.len(), 200_000);
    }
    until(|| held().held_bytes == 0).await;
}

fn upstream_has(server: &Running, calls: usize) -> bool {
    server.handle.sessions().first().is_some_and(|session| session.stats().calls_in == calls)
}

#[tokio::test]
async fn an_item_that_the_next_hop_does_not_take_is_never_left_out_of_a_stream_that_looks_whole() {
    let server = Server::new(host().router()).max_message(65_536).receive_budget(1 << 20);
    let server = Running::start(server.listen("tcp://127.0.0.1:0")).await;
    let uri = server.uri.clone();
    let between = Proxy::new(move |back| Channel::builder(&uri).serve(back).connect_lazy());
    let router = Router::new().fallback(between.clone()).fallback_push(between);
    let proxy = Running::start(Server::new(router).listen("tcp://127.0.0.1:0")).await;
    let client = EchoClient::new(Channel::connect(&proxy.uri).await.unwrap());

    let (mut out, reply) = client.gather().await.unwrap();
    for size in [10, 65_537, 10] {
        let _ = within(out.send(message(vec![7; size]))).await;
    }
    let _ = out.finish().await;
    let status = within(reply).await.map(|reply| reply.payload.len()).unwrap_err();
    assert_eq!(status.code(), Code::RESOURCE_EXHAUSTED, "{status}");

    // The other way: the client takes less than the server sends.
    let host = host().on_repeat(|_, req, mut out| async move {
        for size in [10, 65_600, 10] {
            out.send(EchoReply { payload: vec![7; size].into() }).await?;
        }
        out.send(EchoReply { payload: req.payload }).await
    });
    let large = Running::start(Server::new(host.router()).listen("tcp://127.0.0.1:0")).await;
    let upstream = Channel::connect(&large.uri).await.unwrap();
    let proxy = Server::new(Router::new().forward_to(&upstream)).listen("tcp://127.0.0.1:0");
    let proxy = Running::start(proxy).await;
    let channel = Channel::builder(&proxy.uri).max_message(65_536).receive_budget(1 << 20);
    let client = EchoClient::new(channel.connect().await.unwrap());
    let mut down = client.repeat(RepeatRequest { payload: "x".into(), times: 1 }).await.unwrap();
    assert_eq!(within(down.next()).await.unwrap().unwrap().payload.len(), 10);
    let status = within(down.next()).await.map(|item| item.map(|item| item.payload.len())).unwrap_err();
    assert_eq!(status.code(), Code::RESOURCE_EXHAUSTED, "{status}");
}
