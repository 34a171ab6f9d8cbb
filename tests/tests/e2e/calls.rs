//! Calls over each transport, from either end and from both at once: answers, metadata, statuses, panics, deadlines,
//! cancellation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use protocall::{Channel, Code, Error, Status};
use protocall_tests::proto::echo::v1::EchoReply;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::support::{Ends, Guard, HELLO, Over, each_way, echo, host, message, until, within};

#[tokio::test]
async fn calls_are_answered_in_any_order() {
    // Both ends may go before either waits: each leaves what one who waits takes.
    let go = Arc::new(Semaphore::new(0));
    let waiting = Arc::clone(&go);
    let host = host().on_call(move |_, payload| {
        let go = Arc::clone(&waiting);
        async move {
            match &payload[..] {
                b"wait" => go.acquire().await.unwrap().forget(),
                _ => go.add_permits(1),
            }
            Ok(payload)
        }
    });
    each_way(&host, |caller| async move {
        let first = tokio::spawn(echo(&caller).echo(message("wait")));
        let second = echo(&caller).echo(message("go")).await.unwrap();
        assert_eq!(&second.payload[..], b"go");
        assert_eq!(&first.await.unwrap().unwrap().payload[..], b"wait");
    })
    .await;
}

#[tokio::test]
async fn messages_of_every_kind_of_size_arrive_whole() {
    each_way(&host(), |caller| async move {
        for size in [0, 1, 127, 128, 16_000, 65_530, 65_536, 200_000, 4_000_000] {
            let sent: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            let reply = echo(&caller).echo(message(&sent)).await.unwrap();
            assert!(reply.payload == sent, "{size}");
        }
    })
    .await;
}

#[tokio::test]
async fn metadata_travels_both_ways_text_and_bytes() {
    let host = host().on_call(|ctx, payload| async move {
        assert_eq!(ctx.metadata().get_str("tenant"), Some("acme"));
        assert_eq!(ctx.metadata().get("bin"), Some(&[0, 255, 128][..]));
        assert_eq!(ctx.metadata().get_all("tag").count(), 2);
        ctx.reply_metadata("seen", [1, 0, 254]);
        match &payload[..] {
            b"fail" => Err(Status::not_found("no").metadata("why", [9, 0])),
            _ => Ok(payload),
        }
    });
    each_way(&host, |caller| async move {
        let call = |payload: &str| {
            let call = echo(&caller).echo(message(payload)).metadata("tenant", "acme");
            call.metadata("bin", [0, 255, 128]).metadata("tag", "a").metadata("tag", "b")
        };
        let (_, metadata) = call("x").with_metadata().await.unwrap();
        assert_eq!(metadata.get("seen"), Some(&[1, 0, 254][..]));
        let status = call("fail").await.unwrap_err();
        assert_eq!(status.all_metadata().get("why"), Some(&[9, 0][..]));
    })
    .await;
}

#[tokio::test]
async fn a_status_arrives_with_its_code_text_details_and_hint() {
    let host = host().on_call(|_, payload| async move {
        Err(Status::new(Code::user(1_234), "über uns")
            .detail(&EchoReply { payload })
            .retry_after(Duration::from_millis(1_500)))
    });
    each_way(&host, |caller| async move {
        let status = echo(&caller).echo(message("detail")).await.unwrap_err();
        assert_eq!((status.code().number(), status.message()), (1_234, "über uns"));
        assert_eq!(&status.find_detail::<EchoReply>().unwrap().payload[..], b"detail");
        assert_eq!(status.retry_hint(), Some(Duration::from_millis(1_500)));
        assert!(status.may_have_run() && status.local().is_none(), "{status:?}");
    })
    .await;
}

#[tokio::test]
async fn a_panic_is_internal_for_that_call_alone() {
    let host = host().on_call(|_, payload| async move {
        match &payload[..] {
            b"now" => panic!("as the test wants"),
            b"later" => {
                tokio::task::yield_now().await;
                panic!("as the test wants");
            }
            _ => Ok(payload),
        }
    });
    each_way(&host, |caller| async move {
        for when in ["now", "later"] {
            let fine = tokio::spawn(echo(&caller).echo(message("fine")));
            let status = echo(&caller).echo(message(when)).await.unwrap_err();
            assert_eq!(status.code(), Code::INTERNAL);
            assert!(status.may_have_run() && !status.message().contains("as the test wants"), "{status:?}");
            fine.await.unwrap().unwrap();
        }
        echo(&caller).echo(message("fine")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn calls_in_a_handler_inherit_its_deadline_unless_they_are_detached() {
    let host = host().on_call(|ctx, payload| async move {
        let back = echo(&ctx.session());
        let left = || back.echo(message("left"));
        let reply = match &payload[..] {
            b"left" => {
                let left = ctx.remaining().map_or(u128::MAX, |left| left.as_millis());
                return Ok(Bytes::from(left.to_string()));
            }
            b"inherits" => left().await,
            b"scoped" => tokio::spawn(ctx.scope(left())).await.unwrap(),
            b"shorter" => left().timeout(Duration::from_millis(900)).await,
            b"no longer" => left().timeout(Duration::from_secs(900)).await,
            b"unlimited" => left().no_timeout().await,
            b"detached" => left().detached().await,
            _ => tokio::spawn(left()).await.unwrap(),
        };
        reply.map(|reply| reply.payload)
    });
    each_way(&host, |caller| async move {
        let cases = [
            ("inherits", 0, 5_000),
            ("scoped", 0, 5_000),
            ("shorter", 0, 900),
            ("no longer", 0, 5_000),
            ("unlimited", 0, 5_000),
            ("detached", 5_001, 30_000),
            ("spawned", 5_001, 30_000),
        ];
        for (how, least, most) in cases {
            let call = echo(&caller).echo(message(how)).timeout(Duration::from_secs(5));
            let reply = call.await.unwrap();
            let left: u128 = std::str::from_utf8(&reply.payload).unwrap().parse().unwrap();
            assert!((least..=most).contains(&left), "{how}: {left}");
        }
        // A call without an end asks for none.
        let reply = echo(&caller).echo(message("left")).no_timeout().await.unwrap();
        assert_eq!(&reply.payload[..], u128::MAX.to_string().as_bytes());
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_dropped_drops_its_handler_and_tells_what_it_spawned() {
    let (events, mut happens) = mpsc::channel::<&str>(16);
    let host = host().on_call(move |ctx, _| {
        let (entered, dropped) = (events.clone(), Guard::new(&events, "dropped"));
        let (told, detached) = (events.clone(), events.clone());
        let (spawned, to_detach) = (ctx.clone(), ctx.clone());
        async move {
            let _dropped = dropped;
            tokio::spawn(async move {
                spawned.cancelled().await;
                told.try_send("told").unwrap();
            });
            ctx.detach(async move {
                to_detach.cancelled().await;
                tokio::task::yield_now().await;
                detached.try_send("detached").unwrap();
            });
            entered.try_send("entered").unwrap();
            std::future::pending().await
        }
    });
    for over in [Over::Tcp, Over::Unix, Over::Memory] {
        let ends = Ends::new(over, &host).await;
        for caller in ends.both() {
            let call = tokio::spawn(echo(&caller).echo(message("x")));
            assert_eq!(within(happens.recv()).await, Some("entered"));
            call.abort();
            let mut seen = Vec::new();
            for _ in 0..3 {
                seen.push(within(happens.recv()).await.unwrap());
            }
            seen.sort_unstable();
            assert_eq!(seen, ["detached", "dropped", "told"]);
        }
        ends.idle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_call_at_both_ends() {
    let (gone, mut goes) = mpsc::channel::<&str>(16);
    let host = host().on_call(move |_, _| {
        let guard = Guard::new(&gone, "gone");
        async move {
            let _guard = guard;
            std::future::pending().await
        }
    });
    let ends = Ends::new(Over::Memory, &host).await;
    for caller in ends.both() {
        let status =
            within(echo(&caller).echo(message("x")).timeout(Duration::from_secs(7))).await.unwrap_err();
        assert_eq!(status.code(), Code::DEADLINE_EXCEEDED);
        assert!(status.may_have_run() && status.message().contains("7s"), "{status:?}");
        assert_eq!(within(goes.recv()).await, Some("gone"));
    }
    ends.idle().await;
    // The session's own limit, which is 30 s.
    let status = within(echo(&ends.near).echo(message("x"))).await.unwrap_err();
    assert!(matches!(status.local(), Some(Error::Deadline { limit }) if limit.as_secs() == 30), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_may_clamp_what_a_caller_asks_for() {
    let host = host().on_call(|_, _| std::future::pending());
    let clamp = Duration::from_secs(2);
    let ends = Ends::with(Over::Memory, host.router(), host.router(), |s| s.max_timeout(clamp), |c| c).await;
    for call in [echo(&ends.near).echo(message("x")), echo(&ends.near).echo(message("x")).no_timeout()] {
        let status = within(call).await.unwrap_err();
        assert_eq!(status.code(), Code::DEADLINE_EXCEEDED);
        assert!(status.local().is_none(), "the callee said so: {status:?}");
    }
}

#[tokio::test]
async fn a_call_that_is_never_polled_sends_nothing() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let host = host().on_call(move |_, payload| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move { Ok(payload) }
    });
    each_way(&host, |caller| {
        let calls = Arc::clone(&calls);
        async move {
            drop(echo(&caller).echo(message("x")));
            drop(echo(&caller).note(message("x")));
            assert_eq!(caller.stats().calls_out, 0);
            let before = calls.load(Ordering::Relaxed);
            echo(&caller).echo(message("x")).await.unwrap();
            assert!(calls.load(Ordering::Relaxed) > before);
        }
    })
    .await;
    // Each of 4 transports, 4 times the body, once each.
    assert_eq!(calls.load(Ordering::Relaxed), 16);
}

#[tokio::test]
async fn calls_can_be_spawned_joined_and_selected() {
    let host = host().on_call(|_, payload| async move {
        if payload.is_empty() {
            return std::future::pending().await;
        }
        Ok(payload)
    });
    each_way(&host, |caller| async move {
        let mut set = JoinSet::new();
        for i in 0..200u32 {
            set.spawn(echo(&caller).echo(message(i.to_string())));
        }
        let mut sum = 0;
        while let Some(reply) = set.join_next().await {
            let text = reply.unwrap().unwrap().payload;
            sum += std::str::from_utf8(&text).unwrap().parse::<u32>().unwrap();
        }
        assert_eq!(sum, 199 * 200 / 2);
        let mut slow = echo(&caller).echo(message(""));
        for _ in 0..10 {
            tokio::select! {
                biased;
                _ = &mut slow => panic!("it never answers"),
                reply = echo(&caller).echo(message("x")) => assert_eq!(&reply.unwrap().payload[..], b"x"),
            }
        }
        drop(slow);
    })
    .await;
}

#[tokio::test]
async fn a_reply_to_a_caller_that_has_gone_is_counted_and_dropped() {
    let (ours, mut peer) = tokio::io::duplex(1 << 16);
    peer.write_all(&HELLO).await.unwrap();
    let channel = Channel::builder("tcp://x:1").connect_over(ours).await.unwrap();
    let session = channel.session().await.unwrap();
    let call = tokio::spawn(echo(&session).echo(message("x")));
    until(|| session.stats().calls_out == 1).await;
    let mut bytes = [0; 4096];
    // BIND and CALL have left once they are read here.
    within(async {
        let mut seen = Vec::new();
        while !seen.windows(2).any(|w| w == [0x10, 0x18]) {
            let n = peer.read(&mut bytes).await.unwrap();
            seen.extend_from_slice(&bytes[..n]);
        }
    })
    .await;
    call.abort();
    let _ = call.await;
    // The number is busy until the other end has answered.
    assert_eq!(session.stats().calls_out, 1);
    peer.write_all(b"\0\0\0\x06\x11\0\0\0\0\x01").await.unwrap();
    until(|| session.stats().late_replies == 1).await;
    assert_eq!(session.stats().calls_out, 0);
    assert!(!session.is_closed());
}
