//! Connections that rest have given back what they kept: they go on as if nothing had been. Time is moved by hand.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use protocall::{Code, Session};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::support::{Ends, Guard, Over, echo, host, message, within};

/// Longer than it takes to rest, less than until a ping.
const A_REST: Duration = Duration::from_secs(5);

/// Small calls one by one and many at once, large ones, pushes.
async fn all_kinds(session: &Session, seed: u8) {
    let client = echo(session);
    for number in 0..40 {
        assert_eq!(client.echo(message([seed, number])).await.unwrap().payload, [seed, number][..]);
    }
    let mut calls = JoinSet::new();
    for size in (0..200).chain([70_000, 1_000_000, 3_000_000]) {
        let call = client.echo(message(vec![seed; size]));
        calls.spawn(async move {
            let reply = call.await.unwrap();
            assert!(reply.payload == vec![seed; size]);
        });
    }
    while let Some(done) = calls.join_next().await {
        done.unwrap();
    }
    for size in [0, 10, 100_000] {
        client.note(message(vec![seed; size])).await.unwrap();
    }
    session.flushed().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn after_a_rest_everything_works_as_before_either_way() {
    let notes = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&notes);
    let host = host().on_note(move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(()) }
    });
    let ends = Ends::new(Over::Memory, &host).await;
    for round in 0..4 {
        // In some rounds one, in some the other, in some both.
        if round % 2 == 0 {
            within(all_kinds(&ends.near, round)).await;
        }
        tokio::time::sleep(A_REST).await;
        if round < 3 {
            within(async { tokio::join!(all_kinds(&ends.far, round), all_kinds(&ends.near, round)) }).await;
        }
        ends.idle().await;
        tokio::time::sleep(A_REST).await;
    }
    assert_eq!(notes.load(Ordering::SeqCst), 3 * (2 + 6));
}

#[tokio::test(start_paused = true)]
async fn a_call_now_and_then_and_nothing_between_is_answered_each_time() {
    let ends = Ends::new(Over::Memory, &host()).await;
    for number in 0..100u64 {
        for caller in ends.both() {
            let sent = number.to_be_bytes();
            let reply = within(echo(&caller).echo(message(sent))).await.unwrap();
            assert_eq!(reply.payload, sent[..]);
            // From always awake to long asleep.
            tokio::time::sleep(Duration::from_millis(number * number)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_at_rest_answers_pings_for_a_day() {
    let ends = Ends::new(Over::Memory, &host()).await;
    within(all_kinds(&ends.near, 1)).await;
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert!(!ends.near.is_closed() && !ends.far.is_closed());
    within(all_kinds(&ends.far, 2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_open_while_the_connection_rests_is_answered_or_ends_with_its_deadline() {
    let (tell, mut told) = mpsc::channel(4);
    let host = host().on_call(move |_, payload| {
        let guard = Guard::new(&tell, "dropped");
        async move {
            let seconds = u64::from(payload[0]);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            drop(guard);
            Ok(Bytes::from(vec![7; 10_000]))
        }
    });
    let ends = Ends::new(Over::Memory, &host).await;
    for caller in ends.both() {
        let limit = Duration::from_secs(60);
        let late = tokio::spawn(echo(&caller).echo(message([90])).timeout(limit));
        let answered = echo(&caller).echo(message([50])).timeout(limit).await.unwrap();
        assert_eq!(answered.payload.len(), 10_000);
        assert_eq!(late.await.unwrap().unwrap_err().code(), Code::DEADLINE_EXCEEDED);
        assert_eq!([within(told.recv()).await, within(told.recv()).await], [Some("dropped"); 2]);
        ends.idle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_at_rest_drains_and_tells_why() {
    for drains in ["server", "dialler"] {
        let mut ends = Ends::new(Over::Memory, &host()).await;
        within(all_kinds(&ends.near, 1)).await;
        tokio::time::sleep(A_REST).await;
        match drains {
            "server" => ends.server.shut_down(),
            _ => ends.near.drain(),
        }
        let reasons = within(async { tokio::join!(ends.near.closed(), ends.far.closed()) }).await;
        for reason in [reasons.0, reasons.1] {
            assert_eq!(reason.text(), "drained", "{drains} drains: {reason:?}");
        }
        assert!(ends.server.handle.sessions().is_empty(), "{drains} drains: one is left in the list");
    }
}

/// So many calls at once whose handlers wait for something.
async fn at_once(session: &Session, count: u32) {
    let mut calls = JoinSet::new();
    for number in 0..count {
        let call = echo(session).echo(message(number.to_be_bytes()));
        calls.spawn(async move { assert_eq!(call.await.unwrap().payload, number.to_be_bytes()[..]) });
    }
    while let Some(done) = calls.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_of_handlers_wait_for_others_and_leave_when_the_connection_rests() {
    let tasks = tokio::runtime::Handle::current().metrics();
    let host = host().on_call(|_, payload| async move {
        tokio::task::yield_now().await;
        Ok(payload)
    });
    let ends = Ends::new(Over::Memory, &host).await;
    for caller in ends.both() {
        within(at_once(&caller, 1)).await;
        tokio::time::sleep(A_REST).await;
        let at_rest = tasks.num_alive_tasks();
        for _ in 0..40 {
            within(at_once(&caller, 1)).await;
        }
        within(at_once(&caller, 64)).await;
        let some = tasks.num_alive_tasks() - at_rest;
        assert!((32..=80).contains(&some), "{some}");
        for _ in 0..3 {
            within(at_once(&caller, 1_000)).await;
            let most = tasks.num_alive_tasks() - at_rest;
            assert!((some..=256 + 8).contains(&most), "{most}");
        }
        tokio::time::sleep(A_REST).await;
        assert_eq!(tasks.num_alive_tasks(), at_rest);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_waited_for_may_come_when_its_task_has_no_handler_or_another() {
    let wakers = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&wakers);
    let host = host().on_call(move |_, payload| {
        let kept = Arc::clone(&kept);
        async move {
            for _ in 0..3 {
                poll_fn(|cx| {
                    kept.lock().unwrap().push(cx.waker().clone());
                    Poll::Ready(())
                })
                .await;
                tokio::task::yield_now().await;
            }
            Ok(payload)
        }
    });
    let ends = Ends::new(Over::Memory, &host).await;
    for caller in ends.both() {
        for round in 0..50 {
            within(at_once(&caller, round)).await;
            wakers.lock().unwrap().iter().for_each(Waker::wake_by_ref);
        }
        tokio::time::sleep(A_REST).await;
        wakers.lock().unwrap().drain(..).for_each(Waker::wake);
        within(at_once(&caller, 10)).await;
    }
    ends.idle().await;
}
