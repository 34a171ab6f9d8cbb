//! A handler that runs: polled once by the runner, then as a task of its own; dropped when its call is over, its panics
//! caught.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, Waker};

use super::{Session, Shared, clock};
use crate::MethodSpec;
use crate::context::{BoxFuture, CallCore, Context};
use crate::frame::{Block, Text};
use crate::proto::InboundPush;
use crate::service::{Handled, Handling, Shell};

/// A panic is traced; the responder that it dropped has answered INTERNAL.
pub(super) fn caught<T>(context: &Context, result: std::thread::Result<T>) -> Result<T, ()> {
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
    Call(u32),
    Push(LaneTurn),
}

/// A lane's turn: its pushes are run one after the other. The next turn begins when this is dropped.
pub(super) struct LaneTurn {
    shared: Arc<Shared>,
    pub(super) lane: u32,
    /// Those that were taken from the queue and not run yet.
    pub(super) pushes: VecDeque<InboundPush>,
    /// The cost of those that were handed to their handlers, to give back together.
    freed: u64,
    /// The runner that has it, until a handler goes on by itself.
    by: Option<u64>,
}

impl LaneTurn {
    pub(super) fn new(shared: Arc<Shared>, lane: u32, pushes: VecDeque<InboundPush>, by: u64) -> Self {
        Self { shared, lane, pushes, freed: 0, by: Some(by) }
    }

    /// The next push: it is handed on, so its cost is free again (wire 7.5).
    pub(super) fn next(&mut self) -> Option<InboundPush> {
        let push = self.pushes.pop_front()?;
        self.freed += push.cost;
        Some(push)
    }

    /// The handler of one goes on by itself, and the rest of the lane waits for it in the queue.
    pub(super) fn go_on(&mut self) {
        self.give_back();
        self.shared.runs.put_back(self.lane, &mut self.pushes);
        self.by = None;
    }

    fn give_back(&mut self) {
        let freed = std::mem::take(&mut self.freed);
        if freed > 0 {
            self.shared.with_little(|state| state.conn.push_handed_on(self.lane, freed));
        }
    }
}

impl Drop for LaneTurn {
    fn drop(&mut self) {
        self.give_back();
        let rest = std::mem::take(&mut self.pushes);
        self.shared.runs.lane_done(&self.shared, self.lane, rest, self.by);
    }
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

/// What is kept from one push of a lane's turn to the next: most can use it again.
#[derive(Default)]
pub(super) struct Kept {
    core: Option<Arc<CallCore>>,
    shell: Option<Shell>,
}

impl Kept {
    /// A context for a push: the last one's, if nobody has that any more.
    pub(super) fn context(
        &mut self,
        shared: &Arc<Shared>,
        spec: Option<&'static MethodSpec>,
        route: Text,
        block: Option<Box<Block>>,
    ) -> Context {
        if let Some(mut core) = self.core.take() {
            if let Some(free) = Arc::get_mut(&mut core) {
                // What a handler left beside its call may panic when it is dropped.
                let renewed = catch_unwind(AssertUnwindSafe(|| free.renew()));
                if renewed.is_ok() {
                    free.begin(spec, route, block);
                    return Context::of(core);
                }
            }
        }
        Context::of(CallCore::new(Session(Arc::clone(shared)), spec, route, block, None))
    }

    /// Keeps the context of a push that was run.
    pub(super) fn keep(&mut self, context: Context) {
        self.core = Some(context.into_core());
    }

    /// As [`first_poll`], for a push.
    pub(super) fn first_poll(
        &mut self,
        context: Context,
        begin: impl FnOnce(Arc<CallCore>, Option<Shell>) -> Handling,
    ) -> (Context, Option<BoxFuture>) {
        let (core, shell) = (Arc::clone(context.core()), self.shell.take());
        let (context, begun) = context.lend(|| catch_unwind(AssertUnwindSafe(|| begin(core, shell))));
        let pending = match caught(&context, begun).map(|handling| handling.0) {
            Ok(Handled::Polled(future)) => Some(future),
            Ok(Handled::Done(shell)) => {
                self.shell = shell;
                None
            }
            Ok(handled @ Handled::Begun(_)) => first_poll(&context, FirstPoll::Runner, || Handling(handled)),
            Err(()) => None,
        };
        (context, pending)
    }
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
        let polled = this.poll_handler(cx);
        this.core.session().shared().pace.ran(1, clock::now().saturating_duration_since(began));
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
