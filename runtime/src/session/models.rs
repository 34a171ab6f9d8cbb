//! Models of what handles, driver and runner share, checked by loom over every order in which their locks can be taken.
//! The code is the session's own; only the lock is loom's. Run:
//! `RUSTFLAGS="--cfg protocall_loom" cargo test -p protocall --lib models`

mod pushes;

use std::sync::Arc as StdArc;
use std::task::{Poll, Wake, Waker};

use bytes::{Bytes, BytesMut};
use loom::sync::Arc;
use loom::thread;

use super::call::{CallWait, Outgoing};
use super::waiters::{Granted, Waiters};
use super::{Lock, Shared, Todo, clock};
use crate::frame::{CallId, Frame, Outline, Reply, ReplyHead, Role, Settings};
use crate::proto::{Announced, Batch, Connection, OpenRoute, Permit, Shape};
use crate::session::State;
use crate::{Raw, Router, Status};

/// A sleeper that loom knows: a lost wake-up is a deadlock that it reports.
#[derive(Clone)]
struct Sleeper(StdArc<Bell>);

struct Bell(loom::sync::Mutex<bool>, loom::sync::Condvar);

impl Wake for Bell {
    fn wake(self: StdArc<Self>) {
        *self.0.lock().unwrap() = true;
        self.1.notify_one();
    }
}

impl Sleeper {
    fn new() -> Self {
        Self(StdArc::new(Bell(loom::sync::Mutex::new(false), loom::sync::Condvar::new())))
    }

    fn waker(&self) -> Waker {
        Waker::from(StdArc::clone(&self.0))
    }

    fn sleep(&self) {
        let mut rung = self.0.0.lock().unwrap();
        while !*rung {
            rung = self.0.1.wait(rung).unwrap();
        }
        *rung = false;
    }
}

/// A session without a transport, whose peer has said HELLO.
fn session() -> StdArc<Shared> {
    let config = std::sync::Arc::new(crate::config::Config::default());
    let mut conn = Connection::new(Role::Dialler, &config, Announced::default(), clock::now());
    let hello = crate::frame::Hello { version: 1, wants_auth: false, settings: Settings::initial() };
    conn.handle_frame(clock::now(), Frame::Hello(Box::new(hello)));
    let shared = StdArc::new(Shared {
        state: Lock::new(State::new(conn)),
        takes_calls: true.into(),
        runs: super::runs::Runs::default(),
        pace: super::pace::Pace::default(),
        burning: None,
        router: Router::new(),
        config,
        peer: crate::PeerAddr::Memory,
        runtime: None,
        failed_pushes: std::sync::atomic::AtomicU64::new(0),
        passed_on_beside: std::sync::OnceLock::new(),
    });
    let mut state = shared.state.lock();
    shared.take_events(&mut state, &mut Todo::default());
    state.conn.poll_batch(clock::now(), &mut Batch::default());
    drop(state);
    shared
}

fn begin_call(shared: &StdArc<Shared>, waker: &Waker) -> (Result<(), Status>, Option<CallWait>) {
    let message = Raw(Bytes::from_static(b"hi"));
    let out = Outgoing {
        route: OpenRoute::Name("a.B/C"),
        shape: Shape::Unary,
        left: None,
        limit: None,
        block: &[],
        message: &message,
        len: 2,
    };
    let mut wait = None;
    let result = shared.advance_call(&out, &mut wait, waker);
    (result, wait)
}

fn reply(shared: &Shared, number: u32) {
    let mut bytes = BytesMut::new();
    let head = ReplyHead { id: CallId::new(Role::Dialler, number), block: &[] };
    head.encode(Outline::whole(0), &mut bytes);
    let frame = crate::frame::Decoder::new(1 << 20).decode(&mut bytes).unwrap();
    let Some(Frame::Reply(reply)) = frame else { panic!("a REPLY") };
    let reply: Reply = reply;
    shared.with(|state| state.conn.handle_frame(clock::now(), Frame::Reply(reply)));
}

/// One look of the driver: what it does under the lock before it sleeps.
fn take_output(shared: &Shared, waker: &Waker) -> bool {
    let mut state = shared.state.lock();
    let mut batch = Batch::default();
    if state.conn.has_output() {
        state.park.awake();
        state.conn.poll_batch(clock::now(), &mut batch);
        return true;
    }
    state.park.sleep(waker);
    false
}

#[test]
fn a_parked_driver_is_woken_for_every_call() {
    loom::model(|| {
        let shared = session();
        let calls: Vec<_> = (0..2)
            .map(|_| {
                let shared = StdArc::clone(&shared);
                thread::spawn(move || {
                    let (result, wait) = begin_call(&shared, Waker::noop());
                    assert!(result.is_ok() && matches!(wait, Some(CallWait::Answer(_))));
                })
            })
            .collect();
        let sleeper = Sleeper::new();
        // Until both calls have left, whenever they came: a lost wake-up would sleep for ever.
        while !take_all(&shared, &sleeper.waker()) {
            sleeper.sleep();
        }
        for call in calls {
            call.join().unwrap();
        }
    });
}

fn take_all(shared: &Shared, waker: &Waker) -> bool {
    while take_output(shared, waker) {}
    shared.state.lock().conn.calls_left() == 2
}

#[test]
fn a_permit_goes_on_when_the_one_it_was_given_to_has_left() {
    loom::model(|| {
        let pool = Arc::new(loom::sync::Mutex::new((Waiters::default(), 0u32)));
        let leaver = Sleeper::new();
        let stayer = Sleeper::new();
        let (first, second) = {
            let mut pool = pool.lock().unwrap();
            (pool.0.join(64, &leaver.waker()), pool.0.join(64, &stayer.waker()))
        };
        let release = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || give(&pool, 1))
        };
        let leave = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                let back = pool.lock().unwrap().0.leave(first);
                give(&pool, u32::from(back.is_some()));
            })
        };
        let mut granted = None;
        while granted.is_none() {
            granted = pool.lock().unwrap().0.poll(second, &stayer.waker());
            if granted.is_none() {
                stayer.sleep();
            }
        }
        assert!(matches!(granted, Some(Granted::Permit(_))));
        release.join().unwrap();
        leave.join().unwrap();
        assert!(pool.lock().unwrap().0.is_empty());
    });
}

/// Adds permits to the pool and hands out what there is, waking with the lock released.
fn give(pool: &loom::sync::Mutex<(Waiters, u32)>, permits: u32) {
    let mut wakes = Vec::new();
    {
        let mut pool = pool.lock().unwrap();
        let (waiters, free) = &mut *pool;
        *free += permits;
        waiters.grant(
            |_, _| {
                *free = free.checked_sub(1).ok_or(u64::MAX)?;
                Ok(Permit { number: 1 })
            },
            &mut wakes,
        );
    }
    wakes.into_iter().for_each(Waker::wake);
}

#[test]
fn a_cancel_and_a_reply_leave_the_number_idle_whichever_comes_first() {
    loom::model(|| {
        let shared = session();
        let (_, wait) = begin_call(&shared, Waker::noop());
        let Some(CallWait::Answer(number)) = wait else { panic!("a number") };
        take_output(&shared, Waker::noop());
        let replier = {
            let shared = StdArc::clone(&shared);
            thread::spawn(move || reply(&shared, number))
        };
        shared.drop_call(CallWait::Answer(number));
        replier.join().unwrap();
        let state = shared.state.lock();
        assert!(!state.conn.is_over());
        assert_eq!(state.conn.in_flight().calling, 0);
    });
}

#[test]
fn a_call_is_answered_when_its_driver_is_dropped_at_any_moment() {
    loom::model(|| {
        let shared = session();
        let driver = {
            let shared = StdArc::clone(&shared);
            thread::spawn(move || {
                shared.with(|state| state.conn.handle_transport_end(0, "gone"));
            })
        };
        let sleeper = Sleeper::new();
        let (result, wait) = begin_call(&shared, &sleeper.waker());
        match (result, wait) {
            (Err(status), None) => assert!(!status.may_have_run()),
            (Ok(()), Some(CallWait::Answer(number))) => {
                while let Poll::Pending = shared.poll_answer(number, &sleeper.waker()) {
                    sleeper.sleep();
                }
            }
            other => panic!("{other:?}"),
        }
        driver.join().unwrap();
        assert_eq!(shared.state.lock().conn.in_flight().calling, 0);
    });
}
