//! Pushes and routes that nobody serves, from either end.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use protocall::{Caller, Channel, Code, Context, Error, Raw, RawCall, Router, Status};
use protocall_tests::proto::echo::v1::{EchoClient, EchoRequest, EchoServer};
use tokio::sync::mpsc;

use crate::support::{Ends, Over, each_way, echo, fill, host, message, until, within};

#[tokio::test]
async fn pushes_of_a_service_are_run_in_order_one_at_a_time() {
    let running = Arc::new(AtomicU64::new(0));
    let seen = Arc::new(Mutex::new(Vec::<u32>::new()));
    let (into, at_once) = (Arc::clone(&seen), Arc::clone(&running));
    let host = host().on_note(move |ctx, payload| {
        let (seen, running) = (Arc::clone(&into), Arc::clone(&at_once));
        async move {
            assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "two of a lane at once");
            let number: u32 = ctx.metadata().get_str("number").unwrap().parse().unwrap();
            if number.is_multiple_of(3) {
                tokio::task::yield_now().await;
            }
            assert_eq!(payload.len() as u32, number * 7_001 % 150_000);
            seen.lock().unwrap().push(number);
            running.fetch_sub(1, Ordering::SeqCst);
            if number.is_multiple_of(5) {
                return Err(Status::internal("never sent"));
            }
            Ok(())
        }
    });
    for over in [Over::Tcp, Over::Unix, Over::Memory] {
        let ends = Ends::new(over, &host).await;
        for pusher in ends.both() {
            for number in 0..300u32 {
                let payload = vec![0; (number * 7_001 % 150_000) as usize];
                let push = echo(&pusher).note(message(&payload)).metadata("number", number.to_string());
                within(push).await.unwrap();
            }
            within(pusher.flushed()).await.unwrap();
            until(|| seen.lock().unwrap().len() == 300).await;
            let numbers = std::mem::take(&mut *seen.lock().unwrap());
            assert!(numbers.iter().copied().eq(0..300), "{numbers:?}");
        }
        ends.idle().await;
    }
}

#[tokio::test]
async fn a_push_without_room_waits_or_says_so() {
    let (release, released) = tokio::sync::watch::channel(false);
    let (entered, mut enters) = mpsc::channel::<()>(4);
    let host = host().on_note(move |_, _| {
        let (mut released, entered) = (released.clone(), entered.clone());
        async move {
            let _ = entered.try_send(());
            let _ = released.wait_for(|go| *go).await;
            Ok(())
        }
    });
    let ends = Ends::new(Over::Tcp, &host).await;
    for pusher in ends.both() {
        let _ = release.send(false);
        fill(&pusher, 30_000).await;
        within(enters.recv()).await.unwrap();
        let status = echo(&pusher).note(message([0; 30_000])).try_send().unwrap_err();
        assert_eq!(status.code(), Code::RESOURCE_EXHAUSTED);
        assert!(
            matches!(status.local(), Some(Error::NoRoom(why)) if why.contains("lane_credit")),
            "{status:?}"
        );
        assert!(!status.may_have_run());
        let waits = tokio::spawn(echo(&pusher).note(message([0; 30_000])));
        let _ = release.send(true);
        within(waits).await.unwrap().unwrap();
        within(pusher.flushed()).await.unwrap();
        while enters.try_recv().is_ok() {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_waits_for_room_no_longer_than_its_limit() {
    let host = host().on_note(|_, _| std::future::pending());
    let ends = Ends::new(Over::Memory, &host).await;
    fill(&ends.near, 30_000).await;
    let push = echo(&ends.near).note(message([0; 30_000])).timeout(std::time::Duration::from_secs(3));
    let status = within(push).await.unwrap_err();
    assert_eq!(status.code(), Code::DEADLINE_EXCEEDED);
    assert!(!status.may_have_run());
}

#[tokio::test]
async fn a_large_push_is_not_starved_by_small_ones() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    for pusher in ends.both() {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let mut others = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (client, stop) = (echo(&pusher), Arc::clone(&stop));
            others.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    client.note(message([0; 8_000])).await.unwrap();
                }
            });
        }
        for _ in 0..3 {
            within(echo(&pusher).note(message(vec![0; 3_000_000]))).await.unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        within(others.join_all()).await;
    }
}

#[tokio::test]
async fn routes_that_nobody_serves_cost_one_call_or_push() {
    each_way(&host(), |caller| async move {
        let before = caller.stats();
        let status = caller.call_raw("no.Such/Thing", b"abc".to_vec()).await.unwrap_err();
        assert_eq!(status.code(), Code::UNIMPLEMENTED);
        assert!(status.message().contains("no.Such/Thing") && !status.may_have_run(), "{status:?}");
        Caller::from(&caller).push_raw("no.Such/Push", b"abc".to_vec()).await.unwrap();
        caller.flushed().await.unwrap();
        echo(&caller).echo(message("lives")).await.unwrap();
        assert_eq!(before.late_replies, caller.stats().late_replies);
    })
    .await;
    let ends = Ends::new(Over::Tcp, &host()).await;
    Caller::from(&ends.near).push_raw("no.Such/Push", b"abc".to_vec()).await.unwrap();
    within(ends.near.flushed()).await.unwrap();
    until(|| ends.far.stats().dropped_pushes == 1).await;
}

#[tokio::test]
async fn a_call_of_the_wrong_shape_says_both_shapes() {
    each_way(&host(), |caller| async move {
        let status = caller.call_raw("echo.v1.Echo/Note", b"".to_vec()).await.unwrap_err();
        assert_eq!(status.code(), Code::UNIMPLEMENTED);
        assert!(status.message().contains("push") && status.message().contains("unary"), "{status:?}");
        assert!(!status.may_have_run());
        let status = caller.call_raw("echo.v1.Echo/Repeat", b"".to_vec()).await.unwrap_err();
        assert!(status.message().contains("server_stream"), "{status:?}");
        let status = caller.call_raw("echo.v1.Echo/Echo", b"\xff\xff".to_vec()).await.unwrap_err();
        assert_eq!(status.code(), Code::INVALID_ARGUMENT, "{status:?}");
        assert!(!status.may_have_run(), "{status:?}");
        // A push of a unary route is dropped.
        Caller::from(&caller).push_raw("echo.v1.Echo/Echo", b"".to_vec()).await.unwrap();
        caller.flushed().await.unwrap();
        echo(&caller).echo(message("lives")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_fallback_sees_route_metadata_and_bytes_and_may_decode_or_forward() {
    let behind = Channel::in_memory(host().router());
    let (pushed, mut pushes) = mpsc::channel(8);
    let proxy = move || {
        let (to, pushed) = (Caller::from(&behind), pushed.clone());
        Router::new()
            .fallback(move |ctx: Context, call: RawCall| {
                let to = to.clone();
                async move {
                    match call.route() {
                        "late.Decode/It" => {
                            let request: EchoRequest = call.decode()?;
                            let key = ctx.metadata().get_str("key").unwrap_or_default().to_owned();
                            Ok(Raw(Bytes::from([request.payload, key.into()].concat())))
                        }
                        _ => call.forward(&to).await,
                    }
                }
            })
            .fallback_push(move |_: Context, push: RawCall| {
                pushed.try_send((push.route().to_owned(), push.payload().clone())).unwrap();
                async { Ok(()) }
            })
    };
    let ends = Ends::with(Over::Tcp, proxy(), proxy(), |s| s, |c| c).await;
    for caller in ends.both() {
        let call = caller.call_raw("late.Decode/It", vec![0x0a, 2, b'h', b'i']).metadata("key", "!");
        assert_eq!(&within(call).await.unwrap().0[..], b"hi!");
        let reply = within(echo(&caller).echo(message("through"))).await.unwrap();
        assert_eq!(&reply.payload[..], b"through");
        let status = within(caller.call_raw("behind.Is/Unknown", Vec::new())).await.unwrap_err();
        assert_eq!(status.code(), Code::UNIMPLEMENTED);
        assert!(!status.may_have_run(), "the next hop is certain: {status:?}");
        Caller::from(&caller).push_raw("any.Push/AtAll", b"p".to_vec()).await.unwrap();
        let seen = within(pushes.recv()).await.unwrap();
        assert_eq!(seen, ("any.Push/AtAll".to_owned(), Bytes::from_static(b"p")));
    }
}

#[tokio::test]
async fn a_typed_proxy_is_the_client_as_a_service() {
    let behind = EchoClient::new(host().router());
    let proxy = || Router::new().add(EchoServer::new(behind.clone()));
    let ends = Ends::with(Over::Tcp, proxy(), proxy(), |s| s, |c| c).await;
    for caller in ends.both() {
        assert_eq!(&within(echo(&caller).echo(message("p"))).await.unwrap().payload[..], b"p");
    }
}

#[test]
fn a_route_that_is_served_twice_is_told_with_its_service() {
    let mut router = host().router();
    let error = router.try_add(EchoServer::new(host())).unwrap_err();
    assert_eq!((error.service, error.route), ("echo.v1.Echo", "echo.v1.Echo/Echo"));
    // One that is taken keeps all of them out, and the router goes on.
    let before = router.routes();
    let error = router.try_add(overlapping::EchoServer::new(overlapping::Nobody)).unwrap_err();
    assert_eq!((error.route, router.routes()), ("echo.v1.Echo/Note", before));
    let panic =
        std::panic::catch_unwind(AssertUnwindSafe(|| router.add(EchoServer::new(host())))).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("`echo.v1.Echo`") && text.contains("`echo.v1.Echo/Echo`"), "{text}");
}

/// A service of the same name, with another method before one that is taken.
mod overlapping {
    use protocall::{Context, Status};

    #[protocall::service(package = "echo.v1", server_only)]
    pub(super) trait Echo {
        async fn another(&self, ctx: &Context, req: ()) -> Result<(), Status>;
        #[method(push)]
        async fn note(&self, ctx: &Context, req: ()) -> Result<(), Status>;
    }

    pub(super) struct Nobody;

    impl Echo for Nobody {
        async fn another(&self, _: &Context, (): ()) -> Result<(), Status> {
            Ok(())
        }

        async fn note(&self, _: &Context, (): ()) -> Result<(), Status> {
            Ok(())
        }
    }
}

#[tokio::test]
async fn pushes_by_route_keep_their_order_in_a_service_and_wait_for_no_other() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let (pushed, mut pushes) = mpsc::channel(64);
    let opens = Arc::clone(&gate);
    let router = Router::new().fallback_push(move |_: Context, push: RawCall| {
        let (gate, pushed) = (Arc::clone(&opens), pushed.clone());
        async move {
            if push.route().starts_with("slow.") {
                gate.acquire().await.unwrap().forget();
            }
            pushed.try_send((push.route().to_owned(), push.payload()[0])).unwrap();
            Ok(())
        }
    });
    let ends = Ends::with(Over::Tcp, router.clone(), router, |s| s, |c| c).await;
    for pusher in ends.both() {
        for number in 0..10u8 {
            for route in ["slow.v1.Slow/One", "fast.v1.Fast/One"] {
                // Methods of a service share its order.
                let route = if number % 2 == 0 { route.replace("One", "Two") } else { route.to_owned() };
                within(pusher.push_raw(route, vec![number])).await.unwrap();
            }
        }
        for service in ["fast", "slow"] {
            for number in 0..10u8 {
                let (route, seen) = within(pushes.recv()).await.unwrap();
                assert!(route.starts_with(service) && seen == number, "{route} {seen}, not {number}");
                if service == "fast" && number == 9 {
                    gate.add_permits(10);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_that_failed_and_is_still_in_scope_holds_up_nobody() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let inside = Arc::clone(&gate);
    let host = host().on_note(move |_, _| {
        let gate = Arc::clone(&inside);
        async move {
            let _open = gate.acquire().await.unwrap();
            Ok(())
        }
    });
    let ends = Ends::new(Over::Memory, &host).await;
    fill(&ends.near, 30_000).await;
    let mut failed = echo(&ends.near).note(message([0; 30_000])).timeout(std::time::Duration::from_secs(3));
    let status = within(&mut failed).await.unwrap_err();
    assert_eq!(status.code(), Code::DEADLINE_EXCEEDED);
    gate.add_permits(1);
    within(echo(&ends.near).note(message("next"))).await.unwrap();
    within(ends.near.flushed()).await.unwrap();
    drop(failed);
}
