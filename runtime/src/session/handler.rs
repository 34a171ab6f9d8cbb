//! A handler that runs: polled once by the runner, then as a task of its own; dropped when its call is over, its panics
//! caught.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, Waker};

use super::burns::{self, Habit};
use super::clock;
use super::lane::LaneTurn;
use super::waited;
use crate::context::{BoxFuture, CallCore, Context};
use crate::service::Handling;

/// A panic is traced; the responder that it dropped has answered INTERNAL.
pub(crate) fn caught<T>(context: &Context, result: std::thread::Result<T>) -> Result<T, ()> {
    result.map_err(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        tracing::error!(route = context.route(), peer = %context.peer_addr(), panic = text, "a handler panicked");
    })
}

/// What is to be done when a handler is gone.
pub(super) enum OnDone {
    Call,
    Push(LaneTurn),
}

/// Who polls a handler for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstPoll {
    /// The runner, since handlers are quick.
    Runner,
    /// A task of its own: how long it takes tells whether the runner may poll the next.
    Task,
}

impl FirstPoll {
    /// One that may burn is not the runner's.
    pub(super) fn of(self, habit: Habit) -> Self {
        match habit {
            Habit::Quick => self,
            Habit::Doubtful | Habit::Burns => Self::Task,
        }
    }
}

/// A handler that is to go on as a task.
pub(super) struct Begun {
    pub(super) future: BoxFuture,
    pub(super) first: FirstPoll,
    pub(super) habit: Habit,
}

/// Begins a handler, and polls it for the first time if that is the runner's. `Some`: it is not done. It goes on as a task,
/// which polls it again at once: so this poll needs no waker.
pub(super) fn first_poll(
    context: &Context,
    by: FirstPoll,
    begin: impl FnOnce() -> Handling,
) -> Option<BoxFuture> {
    let mut future = None;
    let polled = catch_unwind(AssertUnwindSafe(|| {
        context.enter(|| {
            future = begin().into_future();
            let Some(begun) = &mut future else { return Poll::Ready(()) };
            if by == FirstPoll::Task {
                return Poll::Pending;
            }
            let polled = begun.as_mut().poll(&mut Cx::from_waker(Waker::noop()));
            if polled.is_ready() {
                future = None;
            }
            polled
        })
    }));
    match caught(context, polled) {
        Ok(Poll::Pending) => return future,
        Ok(Poll::Ready(())) => {}
        Err(()) => let_go(context, future),
    }
    None
}

/// Drops a handler; a panic in one of its destructors costs nobody else.
fn let_go(context: &Context, future: Option<BoxFuture>) {
    let dropped = catch_unwind(AssertUnwindSafe(|| context.enter(|| drop(future))));
    let _ = caught(context, dropped);
}

/// A handler that is a task: it was not done at its first poll, or has yet to be polled.
pub(super) struct HandlerTask {
    future: Option<BoxFuture>,
    pub(super) core: Arc<CallCore>,
    pub(super) on_done: Option<OnDone>,
    first: FirstPoll,
    habit: Habit,
}

impl HandlerTask {
    pub(super) fn new(begun: Begun, core: Arc<CallCore>, on_done: OnDone) -> Self {
        let Begun { future, first, habit } = begun;
        Self { future: Some(future), core, on_done: Some(on_done), first, habit }
    }

    /// It is no part of the runner any more.
    pub(super) fn leave_runner(&mut self) {
        if let Some(OnDone::Push(lane)) = &mut self.on_done {
            match self.first {
                FirstPoll::Runner => lane.goes_on(&mut self.core),
                FirstPoll::Task => lane.leaves_runner(),
            }
        }
    }

    fn poll_handler(&mut self, cx: &mut Cx<'_>) -> Poll<()> {
        let Some(future) = &mut self.future else { return Poll::Ready(()) };
        let context = Context::new(&self.core);
        let polled = catch_unwind(AssertUnwindSafe(|| context.enter(|| future.as_mut().poll(cx))));
        let done = match caught(&context, polled) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) | Err(()) => Poll::Ready(()),
        };
        self.let_go();
        done
    }

    /// Polls the handler, out of the way if that may be long and would take the last worker; and tells how long it took.
    fn poll_timed(&mut self, cx: &mut Cx<'_>, first: FirstPoll) -> Poll<()> {
        let session = self.core.session().clone();
        let shared = session.shared();
        let turn = match &self.on_done {
            Some(OnDone::Push(lane)) => Some(Arc::clone(&lane.turn)),
            _ => None,
        };
        // Without other workers nobody can get out of the way.
        let has_workers = shared.burning.is_some();
        let habit = if has_workers { self.habit } else { Habit::Quick };
        let mut timed = || {
            let began = clock::now();
            let polled = self.poll_handler(cx);
            (polled, clock::now().saturating_duration_since(began))
        };
        let mut measured = || {
            let before = waited::so_far();
            let (polled, took) = timed();
            (polled, took.saturating_sub(waited::so_far().saturating_sub(before)))
        };
        let (polled, took) = match habit {
            Habit::Quick => timed(),
            Habit::Doubtful => measured(),
            Habit::Burns => shared.poll_burning(measured),
        };
        if has_workers && (habit != Habit::Quick || burns::is_long(took)) {
            let burns = shared.router.burns(self.core.route());
            match habit {
                Habit::Quick => burns.seemed_long(took),
                Habit::Doubtful | Habit::Burns => burns.polled(took),
            }
            self.habit = burns.habit();
        }
        if first == FirstPoll::Runner {
            return polled;
        }
        if let (Some(OnDone::Push(lane)), true) = (&mut self.on_done, polled.is_pending()) {
            lane.goes_on(&mut self.core);
        }
        match turn {
            Some(turn) => shared.pace.ran_lane(turn.count(), took),
            None => shared.pace.ran(1, took),
        }
        polled
    }

    fn let_go(&mut self) {
        let_go(&Context::new(&self.core), self.future.take());
        self.on_done = None;
    }
}

impl Future for HandlerTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<()> {
        let this = self.get_mut();
        let stopped = this.core.set_task(cx.waker()).is_some();
        // A push was taken: nobody waits for its answer, and it is run to its end.
        if stopped && !matches!(this.on_done, Some(OnDone::Push(_))) {
            this.let_go();
            return Poll::Ready(());
        }
        let first = std::mem::replace(&mut this.first, FirstPoll::Runner);
        if first == FirstPoll::Runner && this.habit == Habit::Quick && !burns::is_sample() {
            return this.poll_handler(cx);
        }
        this.poll_timed(cx, first)
    }
}

impl Drop for HandlerTask {
    fn drop(&mut self) {
        if self.future.is_some() {
            self.let_go();
        }
    }
}
