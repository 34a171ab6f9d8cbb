//! Sizes and numbers: at the limit it works, one past it costs one call and names the knob; and how connections are made.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use protocall::{Channel, Code, Compatibility, Error, Server, ServiceSpec, Status};
use protocall_tests::proto::chat::v1::CHAT_SPEC;
use protocall_tests::proto::echo::v1::{ECHO_SPEC, EchoClient};
use tokio::sync::{Semaphore, mpsc};

use crate::support::{Ends, HELLO, Over, Running, echo, host, idle, message, until, within};

/// Of a payload in `EchoRequest`: the message's own bytes around it.
fn payload_of(message: usize) -> usize {
    // A tag and a length of three bytes.
    message - 4
}

#[tokio::test]
async fn a_message_at_the_limit_goes_and_one_past_it_costs_one_call_and_names_the_knob() {
    let limit = 100_000;
    let host = host().on_call(move |_, payload| async move {
        match payload.len() {
            1 => Ok(Bytes::from(vec![1; payload_of(limit)])),
            2 => Ok(Bytes::from(vec![1; payload_of(limit) + 1])),
            _ => Ok(Bytes::new()),
        }
    });
    let small = |s: Server| s.max_message(limit);
    let ends = Ends::with(Over::Tcp, host.router(), host.router(), small, |c| c).await;
    // The server takes and sends no more than its limit, the client would.
    let (near, far) = (&ends.near, &ends.far);
    within(echo(near).echo(message(vec![0; payload_of(limit)]))).await.unwrap();
    let status = within(echo(near).echo(message(vec![0; payload_of(limit) + 1]))).await.unwrap_err();
    assert_eq!((status.code(), status.may_have_run()), (Code::RESOURCE_EXHAUSTED, false));
    assert!(status.message().contains("`max_message` of the other end"), "{status:?}");
    within(echo(far).echo(message(vec![0; payload_of(limit)]))).await.unwrap();
    let status = within(echo(far).echo(message(vec![0; payload_of(limit) + 1]))).await.unwrap_err();
    assert!(status.message().contains("`max_message` of this end"), "{status:?}");
    // Replies: the server may not send them, the client may not make it receive them.
    for (caller, knob) in [(near, "`max_message` of this end"), (far, "`max_message` of the other end")] {
        assert_eq!(within(echo(caller).echo(message("1"))).await.unwrap().payload.len(), payload_of(limit));
        let status = within(echo(caller).echo(message("12"))).await.unwrap_err();
        assert_eq!((status.code(), status.may_have_run()), (Code::RESOURCE_EXHAUSTED, true));
        assert!(status.message().contains(knob), "{status:?}");
    }
    let status = within(echo(near).note(message(vec![0; limit]))).await.unwrap_err();
    assert!(status.message().contains("max_message"), "{status:?}");
    ends.idle().await;
}

#[tokio::test]
async fn metadata_over_the_limit_costs_one_call_and_names_the_knob() {
    let host = host().on_call(|ctx, payload| async move {
        ctx.reply_metadata("k", vec![0; payload.len()]);
        match ctx.metadata().is_empty() {
            false => Err(Status::aborted("with much to say").metadata("k", vec![0; 9_000])),
            true => Ok(Bytes::new()),
        }
    });
    let router = || host.router();
    let ends =
        Ends::with(Over::Tcp, router(), router(), |s| s.max_metadata(4_096), |c| c.max_metadata(4_096));
    let ends = ends.await;
    for caller in ends.both() {
        let status = within(echo(&caller).echo(message("")).metadata("k", vec![0; 5_000])).await.unwrap_err();
        assert_eq!((status.code(), status.may_have_run()), (Code::RESOURCE_EXHAUSTED, false));
        assert!(status.message().contains("`max_metadata` of the other end"), "{status:?}");
        within(echo(&caller).echo(message(vec![0; 3_000]))).await.unwrap();
        let status = within(echo(&caller).echo(message(vec![0; 5_000]))).await.unwrap_err();
        assert_eq!(status.code(), Code::RESOURCE_EXHAUSTED, "{status:?}");
        // The code matters more than what came with it.
        let status = within(echo(&caller).echo(message("")).metadata("k", "v")).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::ABORTED, "with much to say"));
        within(echo(&caller).echo(message(""))).await.unwrap();
    }
}

#[tokio::test]
async fn the_call_past_the_limit_in_flight_waits_and_then_goes() {
    let (gate, opens) = (Arc::new(Semaphore::new(0)), mpsc::channel::<()>(256));
    let (entered, mut enters) = opens;
    let inside = Arc::clone(&gate);
    let host = host().on_call(move |_, payload| {
        let (gate, entered) = (Arc::clone(&inside), entered.clone());
        async move {
            entered.try_send(()).unwrap();
            gate.acquire().await.unwrap().forget();
            Ok(payload)
        }
    });
    let router = || host.router();
    let ends =
        Ends::with(Over::Tcp, router(), router(), |s| s.max_in_flight(64), |c| c.max_in_flight(64)).await;
    for caller in ends.both() {
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..64 {
            calls.spawn(echo(&caller).echo(message("x")));
        }
        for _ in 0..64 {
            within(enters.recv()).await.unwrap();
        }
        assert_eq!(caller.stats().calls_out, 64);
        // One past it: its deadline holds while it waits, and it was not run.
        let late = echo(&caller).echo(message("late")).timeout(Duration::from_millis(20));
        let status = within(late).await.unwrap_err();
        assert_eq!((status.code(), status.may_have_run()), (Code::DEADLINE_EXCEEDED, false));
        calls.spawn(echo(&caller).echo(message("y")));
        assert!(enters.try_recv().is_err());
        gate.add_permits(1);
        within(enters.recv()).await.unwrap();
        gate.add_permits(64);
        for _ in 0..65 {
            within(calls.join_next()).await.unwrap().unwrap().unwrap();
        }
        idle(&caller).await;
    }
}

#[tokio::test]
async fn settings_that_cannot_work_name_their_knob() {
    type Set = fn(Server) -> Server;
    let wrong: [(&str, Set); 22] = [
        ("max_message", |s| s.max_message(1)),
        ("max_message", |s| s.max_message(usize::MAX)),
        ("max_fragment", |s| s.max_fragment(1)),
        ("max_fragment", |s| s.max_fragment(usize::MAX)),
        ("max_metadata", |s| s.max_metadata(1)),
        ("max_metadata", |s| s.max_metadata(usize::MAX)),
        ("max_in_flight", |s| s.max_in_flight(63)),
        ("max_in_flight", |s| s.max_in_flight(u32::MAX)),
        ("max_lanes", |s| s.max_lanes(3)),
        ("max_lanes", |s| s.max_lanes(u32::MAX)),
        ("max_bindings", |s| s.max_bindings(1)),
        ("max_bindings", |s| s.max_bindings(u32::MAX)),
        ("receive_budget", |s| s.receive_budget(1 << 20)),
        ("send_buffer", |s| s.send_buffer(usize::MAX)),
        ("lane_credit", |s| s.lane_credit(usize::MAX)),
        ("lane_credit", |s| s.lane_credit(0)),
        ("connect_timeout", |s| s.connect_timeout(Duration::ZERO)),
        ("timeout", |s| s.timeout(Duration::ZERO)),
        ("max_timeout", |s| s.max_timeout(Duration::ZERO)),
        ("keepalive", |s| s.keepalive(Duration::from_secs(1), Duration::ZERO)),
        ("write_stall", |s| s.write_stall(Duration::ZERO)),
        ("max_connections", |s| s.max_connections(0)),
    ];
    for (wanted, set) in wrong {
        let error = set(Server::new(host().router())).bind().await.unwrap_err();
        assert!(matches!(error, Error::Config { knob, .. } if knob == wanted), "{wanted}: {error}");
        assert!(error.to_string().contains(&format!("`{wanted}` is ")), "{error}");
    }
    let error = Channel::builder("tcp://127.0.0.1:1").max_message(usize::MAX).connect_lazy().unwrap_err();
    assert!(matches!(error, Error::Config { knob: "max_message", .. }), "{error}");
    let error = Channel::builder("nowhere").connect_lazy().unwrap_err();
    assert!(matches!(error, Error::Uri { .. }), "{error}");
}

#[tokio::test]
async fn a_budget_without_bound_is_one() {
    let all = usize::MAX;
    let router = || host().router();
    let ends =
        Ends::with(Over::Tcp, router(), router(), |s| s.receive_budget(all), |c| c.receive_budget(all)).await;
    for caller in ends.both() {
        for _ in 0..3 {
            let reply = within(echo(&caller).echo(message(vec![1; 1 << 20]))).await.unwrap();
            assert_eq!(reply.payload.len(), 1 << 20);
        }
    }
    ends.idle().await;
}

#[tokio::test]
async fn the_greatest_and_the_least_settings_work() {
    let most = |s: Server| {
        s.connect_timeout(Duration::MAX)
            .timeout(Duration::MAX)
            .max_timeout(Duration::MAX)
            .keepalive(Duration::MAX, Duration::MAX)
            .write_stall(Duration::MAX)
            .drain_timeout(Duration::MAX)
            .max_message((u32::MAX / 2) as usize)
            .max_fragment(16 << 20)
            .max_metadata(16 << 20)
            .max_in_flight(1 << 20)
            .receive_budget(usize::MAX)
            .lane_credit(1 << 30)
            .max_lanes(1 << 16)
            .max_bindings(1 << 16)
            .send_buffer(1 << 30)
            .max_connections(usize::MAX)
    };
    let least = |s: Server| {
        s.keepalive(Duration::ZERO, Duration::from_nanos(1))
            .max_message(65_536)
            .max_fragment(16_384)
            .max_metadata(4_096)
            .max_in_flight(64)
            .receive_budget(65_536 + 4_096 + 1_088)
            .lane_credit(16_384)
            .max_lanes(4)
            .max_bindings(64)
            .send_buffer(16_384)
            .max_connections(1)
    };
    let both: [fn(Server) -> Server; 2] = [most, least];
    for settings in both {
        let ends = Ends::with(Over::Tcp, host().router(), host().router(), settings, |c| c).await;
        for caller in ends.both() {
            for size in [0, 1, 65_000] {
                let call = echo(&caller).echo(message(vec![1; size])).timeout(Duration::MAX);
                assert_eq!(within(call).await.unwrap().payload.len(), size);
                within(echo(&caller).note(message(vec![1; size])).timeout(Duration::MAX)).await.unwrap();
            }
            within(caller.flushed()).await.unwrap();
        }
        ends.idle().await;
        ends.near.close();
        within(ends.server.report()).await;
    }
}

#[tokio::test]
async fn compatibility_is_judged_by_what_the_other_end_serves() {
    let echo_spec: &'static ServiceSpec = &ECHO_SPEC;
    let chat_spec: &'static ServiceSpec = &CHAT_SPEC;
    let server = Running::start(Server::new(host().router()).listen("tcp://127.0.0.1:0")).await;
    let connect = |policy, spec| {
        let builder = Channel::builder(&server.uri).calls(spec).compatibility(policy);
        async move { within(builder.connect()).await }
    };
    for policy in [Compatibility::Strict, Compatibility::Additive, Compatibility::Ignore] {
        let channel = connect(policy, echo_spec).await.unwrap();
        within(EchoClient::new(&channel).echo(message("x"))).await.unwrap();
        let refused = connect(policy, chat_spec).await;
        if policy == Compatibility::Ignore {
            refused.unwrap();
            continue;
        }
        let Err(Error::Closed(reason)) = refused else { panic!("{policy:?}: {refused:?}") };
        assert!(reason.is_final() && reason.text().contains("chat.v1.Chat"), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_one_that_answers_is_kept() {
    let ends = Ends::new(Over::Memory, &host()).await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert!(!ends.near.is_closed() && !ends.far.is_closed());
    within(echo(&ends.near).echo(message("x"))).await.unwrap();
}

#[tokio::test]
async fn a_connection_over_the_limit_is_refused_with_a_reason_and_others_go_on() {
    let server = Server::new(host().router()).listen("tcp://127.0.0.1:0").max_connections(2);
    let server = Running::start(server).await;
    let first = Channel::connect(&server.uri).await.unwrap();
    let second = Channel::connect(&server.uri).await.unwrap();
    for _ in 0..20 {
        let error = within(Channel::connect(&server.uri)).await.unwrap_err();
        let Error::Closed(reason) = &error else { panic!("{error:?}") };
        assert_eq!(reason.name(), "OVERLOADED");
        assert!(error.to_string().contains("max_connections"), "{error}");
    }
    within(EchoClient::new(&first).echo(message("x"))).await.unwrap();
    drop(second);
    until(|| server.handle.sessions().len() == 1).await;
    let third = within(Channel::connect(&server.uri)).await.unwrap();
    within(EchoClient::new(&third).echo(message("x"))).await.unwrap();
    let report = within(server.report()).await;
    assert_eq!((report.refused, report.open), (20, 2));
}

#[tokio::test]
async fn a_thousand_connections_that_vanish_at_once_leave_nothing() {
    // However long a machine that is busy takes to make them.
    let server = Server::new(host().router()).listen("tcp://127.0.0.1:0");
    let server = Running::start(server.connect_timeout(Duration::from_secs(300))).await;
    let address = server.uri.trim_start_matches("tcp://").to_owned();
    let mut strangers = Vec::new();
    for number in 0..1_000 {
        let mut stranger = within(tokio::net::TcpStream::connect(&address)).await.unwrap();
        // Some say nothing, some half a HELLO, some all of it and the beginning of a frame.
        let said = [&HELLO[..], &[0, 0, 1]].concat();
        tokio::io::AsyncWriteExt::write_all(&mut stranger, &said[..number % (said.len() + 1)]).await.unwrap();
        strangers.push(stranger);
    }
    until(|| server.handle.sessions().len() == 1_000).await;
    drop(strangers);
    until(|| server.handle.sessions().is_empty()).await;
    let channel = Channel::connect(&server.uri).await.unwrap();
    within(EchoClient::new(&channel).echo(message("still here"))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_are_used_at_once() {
    // However long a machine that is busy takes to make them.
    let server = Server::new(host().router()).listen("tcp://127.0.0.1:0");
    let server = Running::start(server.connect_timeout(Duration::from_secs(300))).await;
    let mut connects = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let uri = server.uri.clone();
        connects.spawn(async move {
            Channel::builder(uri).connect_timeout(Duration::from_secs(50)).connect().await
        });
    }
    let channels: Vec<_> = within(connects.join_all()).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(server.handle.sessions().len(), 1_000);
    let mut calls = tokio::task::JoinSet::new();
    for (number, channel) in channels.iter().enumerate() {
        let client = EchoClient::new(channel);
        calls.spawn(async move {
            for round in 0..10 {
                let text = format!("{number} {round}");
                assert_eq!(&client.echo(message(&text)).await.unwrap().payload[..], text.as_bytes());
            }
        });
    }
    within(calls.join_all()).await;
    drop(channels);
    until(|| server.handle.sessions().is_empty()).await;
}
