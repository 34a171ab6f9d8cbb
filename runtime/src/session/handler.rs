//! A handler that runs: polled once by the runner, then as a task of its own; dropped when its call is over, its panics
//! caught.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, Waker};

use super::clock;
use super::lane::LaneTurn;
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
}

impl HandlerTask {
    pub(super) fn new(future: BoxFuture, core: Arc<CallCore>, on_done: OnDone, first: FirstPoll) -> Self {
        Self { future: Some(future), core, on_done: Some(on_done), first }
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
        if std::mem::replace(&mut this.first, FirstPoll::Runner) == FirstPoll::Runner {
            return this.poll_handler(cx);
        }
        let began = clock::now();
        let session = this.core.session().clone();
        let turn = match &this.on_done {
            Some(OnDone::Push(lane)) => Some(Arc::clone(&lane.turn)),
            _ => None,
        };
        let polled = this.poll_handler(cx);
        if let (Some(OnDone::Push(lane)), true) = (&mut this.on_done, polled.is_pending()) {
            lane.goes_on(&mut this.core);
        }
        let took = clock::now().saturating_duration_since(began);
        match turn {
            Some(turn) => session.shared().pace.ran_lane(turn.count(), took),
            None => session.shared().pace.ran(1, took),
        }
        polled
    }
}

impl Drop for HandlerTask {
    fn drop(&mut self) {
        if self.future.is_some() {
            self.let_go();
        }
    }
}
