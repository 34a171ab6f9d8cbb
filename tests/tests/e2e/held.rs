//! Calls that wait at the end that was called: held back by the machine (wire 7.11), or in the runner's queue.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::relay::Relayed;
use crate::support::{echo, host, message, until, within};

/// The least that `send_buffer` can be; calls are held while 8 times as much waits.
const SEND_BUFFER: usize = 16_384;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_that_was_held_back_is_run_and_answered_though_handles_act_meanwhile() {
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    let host = host().on_call(move |_, payload| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            match &payload[..] {
                b"large" => Ok(Bytes::from(vec![7; 10_000])),
                _ => Ok(payload),
            }
        }
    });
    let small = |s: protocall::Server| s.send_buffer(SEND_BUFFER);
    let Relayed { ends, to_near, .. } = within(Relayed::new(&host.router(), 1, small, |c| c)).await;
    let done = Arc::new(AtomicBool::new(false));
    let acting: Vec<_> = (0..2)
        .map(|_| {
            let (far, done) = (ends.far.clone(), Arc::clone(&done));
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    // Whether it goes or not, the handle takes up what there is to be done.
                    let _ = echo(&far).note(message("x")).try_send();
                    // They act often, and leave the processors to those who are tested.
                    std::thread::sleep(Duration::from_micros(50));
                }
            })
        })
        .collect();
    let mut held = 0;
    for _ in 0..20 {
        to_near.stop();
        ran.store(0, Ordering::SeqCst);
        let mut calls = JoinSet::new();
        // The driver may take one batch of it, the transport takes no second.
        while ends.far.stats().unsent_bytes <= 8 * SEND_BUFFER {
            calls.spawn(echo(&ends.near).echo(message("large")).no_timeout());
            tokio::task::yield_now().await;
        }
        let large = calls.len();
        for _ in 0..20 {
            calls.spawn(echo(&ends.near).echo(message("held")).no_timeout());
        }
        until(|| ends.far.stats().calls_in >= 20 || ran.load(Ordering::SeqCst) > large).await;
        // None of them is run while too much waits to be written. If one was, the driver took that batch only now, and large
        // ones may have come after it.
        held += usize::from(ran.load(Ordering::SeqCst) <= large);
        to_near.go();
        while let Some(answered) = within(calls.join_next()).await {
            answered.unwrap().unwrap();
        }
        assert_eq!(ran.load(Ordering::SeqCst), large + 20);
    }
    assert!(held >= 10, "held back in {held} of 20 rounds");
    done.store(true, Ordering::Relaxed);
    for thread in acting {
        thread.join().unwrap();
    }
}

#[tokio::test]
async fn a_cancelled_call_that_waits_in_the_queue_is_not_run() {
    let ran = Arc::new(Mutex::new(Vec::new()));
    let journal = Arc::clone(&ran);
    let host = host().on_call(move |_, payload| {
        journal.lock().unwrap().push(payload.clone());
        async move { Ok(payload) }
    });
    let wire = within(Relayed::new(&host.router(), 64 << 10, |s| s, |c| c)).await;
    let near = &wire.ends.near;
    // CALL and CANCEL come in one piece, so the call is queued when it is cancelled.
    wire.to_far.stop();
    let before = tokio::spawn(echo(near).echo(message("before")));
    let mut calls = JoinSet::new();
    for _ in 0..3 {
        calls.spawn(echo(near).echo(message("cancelled")));
    }
    let after = tokio::spawn(echo(near).echo(message("after")));
    until(|| near.stats().calls_out == 5 && near.stats().unsent_bytes == 0).await;
    // The wire takes them in, and then what follows them.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    calls.shutdown().await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    wire.to_far.go();
    within(before).await.unwrap().unwrap();
    within(after).await.unwrap().unwrap();
    wire.ends.idle().await;
    assert_eq!(*ran.lock().unwrap(), ["before", "after"]);
}
