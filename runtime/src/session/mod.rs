//! The live connection: the handle that users and generated code hold, the driver that does its I/O and the runner
//! that runs its handlers.

pub(crate) mod burns;
mod call;
pub(crate) mod clock;
mod closing;
mod compatible;
mod driver;
mod finish;
mod handler;
mod held;
mod input;
mod lane;
pub(crate) mod member;
#[cfg(all(test, protocall_loom))]
mod models;
mod outside;
mod pace;
mod park;
mod patience;
pub(crate) mod pieces;
mod pipe;
mod push;
mod pushers;
pub(crate) mod queue;
mod queueing;
pub(crate) mod relay;
mod responder;
mod rest;
mod runner;
mod runs;
mod spare;
mod state;
mod stats;
pub(crate) mod streams;
pub(crate) mod task;
mod waited;
mod waiters;
pub(crate) mod wakers;

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;

pub(crate) use self::call::{CallWait, Outgoing};
use self::finish::Watching;
pub(crate) use self::handler::caught;
pub(crate) use self::held::Held;
pub(crate) use self::lane::Turn;
pub(crate) use self::push::Pushed;
pub(crate) use self::queueing::Fate;
pub(crate) use self::responder::Responder;
pub(crate) use self::runs::Runs;
pub(crate) use self::state::{Lock, LockGuard, State, Todo, Told};
pub use self::stats::SessionStats;
use crate::config::Config;
use crate::frame::{EndCode, Role};
use crate::proto::{Announced, Connection};
use crate::router::Router;
use crate::transport::{PeerAddr, Transport};
use crate::{Call, Caller, Error, Overflow, Push, Raw, Reason};

/// The handle on one live connection. Both ends have one; either calls, either pushes.
///
/// Cheap to clone. It keeps nothing alive: when the connection has gone, calls fail at once, and
/// [`closed`](Self::closed) tells why. A handler has it from [`Context::session`](crate::Context::session), a client from
/// `Channel::session`, a server from `ServerHandle::sessions`. Clients of generated code are made on it:
/// `RoomEventsClient::new(session)`.
///
/// ```
/// use protocall::{Context, Session, Status};
///
/// async fn enter(ctx: &Context) -> Result<(), Status> {
///     let session: Session = ctx.session();
///     tokio::spawn(async move {
///         let reason = session.closed().await;
///         println!("{} left: {reason}", session.peer_addr());
///     });
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Session(Arc<Shared>);

/// What all handles, the driver and the runner share.
pub(crate) struct Shared {
    pub(crate) state: Lock<State>,
    /// Whether new calls have a chance, for those who ask without the lock.
    takes_calls: AtomicBool,
    pub(crate) runs: Runs,
    pace: pace::Pace,
    /// Of a multi-threaded runtime.
    burning: Option<Arc<burns::Burning>>,
    pub(crate) router: Router,
    pub(crate) config: Arc<Config>,
    pub(crate) peer: PeerAddr,
    pub(crate) runtime: Option<Handle>,
    /// Pushes whose handler failed.
    failed_pushes: AtomicU64,
    /// What goes on beside calls that brought nothing and are passed on; boxed, since most connections pass none on.
    passed_on_beside: OnceLock<Box<Bytes>>,
}

impl Session {
    /// Starts driver and runner on the current runtime.
    pub(crate) fn start(
        role: Role,
        transport: Transport,
        config: &Arc<Config>,
        router: Router,
    ) -> Result<Self, Error> {
        let runtime = Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let announced = Announced { serves: router.announce(), calls: compatible::announce(config) };
        let conn = Connection::new(role, config, announced, clock::now());
        let shared = Arc::new(Shared {
            state: Lock::new(State::new(conn)),
            takes_calls: AtomicBool::new(true),
            runs: Runs::default(),
            pace: pace::Pace::default(),
            burning: burns::Burning::of(&runtime),
            router,
            config: Arc::clone(config),
            peer: transport.peer.clone(),
            runtime: Some(runtime.clone()),
            failed_pushes: AtomicU64::new(0),
            passed_on_beside: OnceLock::new(),
        });
        let driver = driver::Driver::new(transport, Arc::clone(&shared), &runtime.runtime_flavor());
        // Not boxed: each connection has one, and tokio's block for a task has room to spare.
        runtime.spawn(driver);
        Ok(Self(shared))
    }

    /// A session whose connection is over: what contexts without a connection have.
    pub(crate) fn none() -> Self {
        let config = Config::defaults();
        let mut conn = Connection::new(Role::Dialler, &config, Announced::default(), clock::now());
        conn.close("there is no connection");
        Self(Arc::new(Shared {
            state: Lock::new(State::new(conn)),
            takes_calls: AtomicBool::new(false),
            runs: Runs::default(),
            pace: pace::Pace::default(),
            burning: None,
            router: Router::new(),
            config,
            peer: PeerAddr::None,
            runtime: None,
            failed_pushes: AtomicU64::new(0),
            passed_on_beside: OnceLock::new(),
        }))
    }

    /// Where the other end is.
    #[must_use]
    pub fn peer_addr(&self) -> &PeerAddr {
        &self.0.peer
    }

    /// Whether the connection is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.state.lock().conn.is_over()
    }

    /// Waits for the end of the connection and tells why it ended.
    pub async fn closed(&self) -> Reason {
        let mut waits = Watching::new(self);
        poll_fn(|cx| {
            let mut state = self.0.state.lock();
            if let Some(reason) = state.conn.ended() {
                return Poll::Ready(reason.clone());
            }
            state.watchers.wait(&mut waits.place, cx.waker());
            Poll::Pending
        })
        .await
    }

    /// Waits until all that was said has left, or cannot any more.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) async fn gone(&self) {
        let mut waits = Watching::new(self);
        poll_fn(|cx| {
            let mut state = self.0.state.lock();
            if state.has_left() {
                return Poll::Ready(());
            }
            state.watchers.wait(&mut waits.place, cx.waker());
            Poll::Pending
        })
        .await;
    }

    /// Closes the connection now: what is encoded is still written, open calls fail, handlers of calls are dropped. The
    /// other end is told "drained".
    pub fn close(&self) {
        self.end("closed");
    }

    pub(crate) fn end(&self, why: &str) {
        self.0.with(|state| state.conn.close(why));
    }

    /// Closes it because another has taken its id.
    #[cfg(feature = "server")]
    pub(crate) fn replace(&self) {
        self.0.with(|state| state.conn.fail(EndCode::Replaced, "another connection has taken its id"));
    }

    /// What to do from now on when a queue of pushes to the other end is [full](crate::Push::queue), in place of the
    /// setting of this name.
    pub fn overflow(&self, policy: Overflow) {
        self.0.state.lock().overflow = Some(policy);
    }

    /// Begins to drain: the other end is told to open no more calls, what either has opened is finished, pushes that are
    /// queued are sent, then the connection closes. Use [`closed`](Self::closed) to wait for that; it takes as long as the longest call.
    pub fn drain(&self) {
        let now = clock::now();
        self.0.with(|state| state.conn.drain(now));
    }

    /// Waits until the other end has taken everything that was pushed or [queued](crate::Push::queue) before: read it, and queued it for its handlers or
    /// dropped it. It has no time limit but keepalive. The end of the connection is an error: pushes are delivered at
    /// most once, and some may not have been.
    ///
    /// # Errors
    /// [`Error::Closed`] if the connection ends first.
    pub async fn flushed(&self) -> Result<(), Error> {
        self.0.flushed().await
    }

    /// A call by route, with bytes for its message: for proxies, tools, and methods with a codec of their own.
    pub fn call_raw(&self, route: impl Into<String>, body: impl Into<Raw>) -> Call<Raw, Raw> {
        Call::raw(Caller::from(self.clone()), route.into(), body.into())
    }

    /// A push by route, with bytes for its message.
    pub fn push_raw(&self, route: impl Into<String>, body: impl Into<Raw>) -> Push<Raw> {
        Caller::from(self).push_raw(route, body)
    }

    /// Waits for the peer's HELLO (and READY), or for the end.
    pub(crate) async fn ready(&self) -> Result<(), Error> {
        let mut waits = Watching::new(self);
        poll_fn(|cx| {
            let mut state = self.0.state.lock();
            if let Some(reason) = state.conn.ended() {
                return Poll::Ready(Err(Error::Closed(reason.clone())));
            }
            if state.ready {
                return Poll::Ready(Ok(()));
            }
            state.watchers.wait(&mut waits.place, cx.waker());
            Poll::Pending
        })
        .await
    }

    /// Waits until no new calls have a chance: the other end drains, or the connection is over.
    #[cfg(feature = "client")]
    pub(crate) async fn takes_no_calls(&self) {
        let mut waits = Watching::new(self);
        poll_fn(|cx| {
            let mut state = self.0.state.lock();
            if !state.conn.takes_calls() {
                return Poll::Ready(());
            }
            state.watchers.wait(&mut waits.place, cx.waker());
            Poll::Pending
        })
        .await;
    }

    /// Whether new calls have a chance: the connection stands, and the other end does not drain.
    #[cfg(feature = "client")]
    pub(crate) fn takes_calls(&self) -> bool {
        self.0.takes_calls.load(Ordering::Acquire)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    pub(crate) fn default_timeout(&self) -> Option<Duration> {
        self.0.config.timeout
    }
}

impl Shared {
    /// Does something to the state, then wakes whom it concerns, with the lock released.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let result = act(&mut state);
        self.unlock(state);
        result
    }

    /// As [`with`](Self::with), for what the driver need not hear of unless there is something to write.
    pub(crate) fn with_little<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let result = act(&mut state);
        if !state.is_quiet() {
            self.unlock(state);
        } else if state.conn.has_output() {
            let driver = state.park.rouse();
            drop(state);
            if let Some(driver) = driver {
                driver.wake();
            }
        }
        result
    }

    /// Unlocks, then wakes whom the machine's events concern, and the driver.
    pub(crate) fn unlock(&self, mut state: LockGuard<'_, State>) {
        let driver = state.park.rouse();
        self.unlock_asleep(state);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Unlocks and lets the driver sleep, if it does: more is to come at once, and it is roused then.
    pub(crate) fn unlock_asleep(&self, mut state: LockGuard<'_, State>) {
        if state.is_quiet() {
            drop(state);
        } else {
            let mut todo = Todo::default();
            self.take_events(&mut state, &mut todo);
            drop(state);
            self.settle(&mut todo);
        }
    }

    /// A push's handler failed, or it could not be read.
    pub(crate) fn push_failed(&self) {
        self.failed_pushes.fetch_add(1, Ordering::Relaxed);
    }

    /// Polls a handler that may burn.
    fn poll_burning<R>(&self, poll: impl FnOnce() -> R) -> R {
        match (&self.burning, &self.runtime) {
            (Some(burning), Some(runtime)) => burning.poll(runtime, poll),
            _ => poll(),
        }
    }

    /// What is left to do after unlocking.
    pub(crate) fn settle(&self, todo: &mut Todo) {
        // Calls and pushes come of what the driver read and wrote, and it delivers them in their order.
        debug_assert!(todo.work.is_empty());
        if todo.ended.is_some() {
            // Before those are woken who wait for the end.
            self.leave_lists();
        }
        for waker in todo.wakes.drain(..) {
            waker.wake();
        }
        if !todo.relayed.is_empty() {
            relay::hand_over(&mut todo.relayed);
        }
        for (core, told) in todo.told.drain(..) {
            match told {
                Told::Stop(why) => core.stop(why),
                Told::ReplyBegun(number) => pieces::reply_begun(&core, number),
            }
        }
        if std::mem::take(&mut todo.stopped_early) {
            self.runs.stopped_early();
        }
        if let Some(reason) = todo.ended.take() {
            self.runs.end();
            tracing::debug!(peer = %self.peer, %reason, "connection ended");
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("peer", &self.0.peer).field("closed", &self.is_closed()).finish()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("peer", &self.peer).finish_non_exhaustive()
    }
}
