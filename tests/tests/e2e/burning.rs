//! Handlers that compute for long and hold all workers of a small runtime: others are answered meanwhile. Here they block their
//! thread, which is the same to the runtime and leaves the processor to other tests.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use protocall::{Code, Context, Session, Status};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::support::{Ends, Guard, Host, Over, echo, host, message, until, within};

/// Long enough for a poll to be taken for one that computes.
const LONG: Duration = Duration::from_millis(3);

/// Holds the threads of handlers until it is opened. One that nobody opens panics: the test then fails, and does not hang.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<Waiting>, Condvar)>);

#[derive(Default)]
struct Waiting {
    open: bool,
    inside: usize,
}

impl Gate {
    fn pass(&self) {
        let (waiting, opened) = &*self.0;
        let mut held = waiting.lock().unwrap();
        held.inside += 1;
        let (mut held, late) = opened.wait_timeout_while(held, Duration::from_secs(20), |w| !w.open).unwrap();
        held.inside -= 1;
        drop(held);
        assert!(!late.timed_out(), "nobody opens the gate");
    }

    async fn holds(&self, count: usize) {
        until(|| self.0.0.lock().unwrap().inside == count).await;
    }

    fn set(&self, open: bool) {
        self.0.0.lock().unwrap().open = open;
        self.0.1.notify_all();
    }
}

/// What a call or push says is done to its thread.
fn obey(gate: &Gate, word: &[u8]) {
    match word {
        b"long" => std::thread::sleep(LONG),
        b"hold" => gate.pass(),
        b"panic" => panic!("as it was told to"),
        _ => {}
    }
}

fn burner(gate: &Gate) -> Host {
    let (gates, notes) = (gate.clone(), gate.clone());
    host()
        .on_call(move |_, payload| {
            let gate = gates.clone();
            async move {
                obey(&gate, &payload);
                Ok(payload)
            }
        })
        .on_note(move |_, payload| {
            let gate = notes.clone();
            async move {
                obey(&gate, &payload);
                Ok(())
            }
        })
}

fn call(session: &Session, word: &'static str) -> JoinHandle<Result<(), Status>> {
    let call = echo(session).echo(message(word));
    tokio::spawn(async move { call.await.map(drop) })
}

/// Once for the doubt, and once for the certainty.
async fn long(session: &Session) {
    for _ in 0..2 {
        within(call(session, "long")).await.unwrap().unwrap();
    }
}

async fn others_are_answered(session: &Session) {
    for _ in 0..10 {
        within(call(session, "meanwhile")).await.unwrap().unwrap();
    }
}

/// Two handlers hold their threads; others of the method are answered.
async fn two_hold(session: &Session, gate: &Gate) {
    gate.set(false);
    let held = [call(session, "hold"), call(session, "hold")];
    gate.holds(2).await;
    others_are_answered(session).await;
    gate.set(true);
    for call in held {
        within(call).await.unwrap().unwrap();
    }
}

async fn calls_are_answered_while_two_compute() {
    let gate = Gate::default();
    let ends = Ends::new(Over::Tcp, &burner(&gate)).await;
    for caller in ends.both() {
        long(&caller).await;
        two_hold(&caller, &gate).await;
        two_hold(&caller, &gate).await;
    }
    ends.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_answer_calls_while_two_handlers_compute() {
    calls_are_answered_while_two_compute().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn one_worker_answers_calls_while_two_handlers_compute() {
    calls_are_answered_while_two_compute().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_answered_while_both_ends_compute() {
    let gate = Gate::default();
    let ends = Ends::new(Over::Tcp, &burner(&gate)).await;
    let callers = ends.both();
    for caller in &callers {
        long(caller).await;
    }
    let held = callers.each_ref().map(|caller| call(caller, "hold"));
    gate.holds(2).await;
    for caller in &callers {
        others_are_answered(caller).await;
    }
    gate.set(true);
    for call in held {
        within(call).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_handler_that_computes_on_a_current_thread_runtime_is_polled_where_it_is() {
    let ends = Ends::new(Over::Tcp, &burner(&Gate::default())).await;
    for caller in ends.both() {
        for word in ["long", "meanwhile", "long", "long", "meanwhile"] {
            within(call(&caller, word)).await.unwrap().unwrap();
            within(echo(&caller).note(message(word))).await.unwrap();
        }
        within(caller.flushed()).await.unwrap();
    }
    ends.idle().await;
}

#[tokio::test]
async fn a_handler_that_computes_does_so_in_a_local_set_too() {
    let set = tokio::task::LocalSet::new();
    set.run_until(async {
        let ends = Ends::new(Over::Tcp, &burner(&Gate::default())).await;
        for _ in 0..3 {
            long(&ends.near).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn calls_are_answered_while_a_push_and_a_call_compute() {
    let gate = Gate::default();
    let ends = Ends::new(Over::Tcp, &burner(&gate)).await;
    for pusher in ends.both() {
        gate.set(false);
        for _ in 0..2 {
            within(echo(&pusher).note(message("long"))).await.unwrap();
            within(pusher.flushed()).await.unwrap();
        }
        long(&pusher).await;
        within(echo(&pusher).note(message("hold"))).await.unwrap();
        let held = call(&pusher, "hold");
        gate.holds(2).await;
        others_are_answered(&pusher).await;
        gate.set(true);
        within(held).await.unwrap().unwrap();
    }
    ends.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_computes_after_an_await_is_found_too() {
    let gate = Gate::default();
    let passing = gate.clone();
    let host = host().on_call(move |_, payload| {
        let gate = passing.clone();
        async move {
            tokio::task::yield_now().await;
            obey(&gate, &payload);
            Ok(payload)
        }
    });
    let ends = Ends::new(Over::Tcp, &host).await;
    for caller in ends.both() {
        // Of such polls some are timed.
        for _ in 0..32 {
            long(&caller).await;
        }
        two_hold(&caller, &gate).await;
    }
    ends.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn handlers_that_panic_or_are_given_up_out_of_the_way_leave_it() {
    let gate = Gate::default();
    let ends = Ends::new(Over::Tcp, &burner(&gate)).await;
    for caller in ends.both() {
        long(&caller).await;
        for _ in 0..10 {
            let status = within(call(&caller, "panic")).await.unwrap().unwrap_err();
            assert_eq!(status.code(), Code::INTERNAL);
        }
        for _ in 0..3 {
            gate.set(false);
            let held = [call(&caller, "hold"), call(&caller, "hold")];
            gate.holds(2).await;
            held.iter().for_each(JoinHandle::abort);
            others_are_answered(&caller).await;
            gate.set(true);
            gate.holds(0).await;
        }
        two_hold(&caller, &gate).await;
    }
    ends.idle().await;
}

/// A handler that is polled out of the way, and never waits for anything that is not there.
async fn endless(ctx: Context, gone: mpsc::Sender<&'static str>) -> Result<(), Status> {
    let _guard = Guard::new(&gone, "gone");
    while !gone.is_closed() {
        assert!(tokio::runtime::Handle::try_current().is_ok() && !ctx.route().is_empty());
        tokio::task::consume_budget().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_handler_out_of_the_way_lets_go_when_its_call_is_given_up() {
    let (gone, mut goes) = mpsc::channel(1);
    let host = host().on_call(move |ctx, payload| {
        let gone = gone.clone();
        async move {
            match &payload[..] {
                b"endless" => endless(ctx, gone).await?,
                word => obey(&Gate::default(), word),
            }
            Ok(payload)
        }
    });
    let ends = Ends::new(Over::Tcp, &host).await;
    for caller in ends.both() {
        long(&caller).await;
        let call = call(&caller, "endless");
        others_are_answered(&caller).await;
        call.abort();
        assert_eq!(within(goes.recv()).await, Some("gone"));
    }
    ends.idle().await;
}

#[test]
fn a_handler_out_of_the_way_comes_to_its_end_though_the_runtime_goes() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let gate = Gate::default();
    runtime.block_on(async {
        let ends = Ends::new(Over::Tcp, &burner(&gate)).await;
        long(&ends.near).await;
        call(&ends.near, "hold");
        gate.holds(1).await;
    });
    runtime.shutdown_background();
    gate.set(true);
    // With the runtime gone nobody tells of it.
    while gate.0.0.lock().unwrap().inside > 0 {
        std::thread::yield_now();
    }
}
