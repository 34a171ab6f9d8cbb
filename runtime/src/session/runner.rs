//! The runner: the task that runs a connection's handlers. It polls each once, in the order in which they came; one
//! that is not done goes on as a task of its own. When a handler keeps it busy with work waiting, another takes over,
//! so that handlers never hold the connection up.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;

use super::handler::{HandlerTask, LaneTurn, OnDone, caught};
use super::responder::Responder;
use super::runs::{Job, Resolved};
use super::{Session, Shared, clock};
use crate::context::{CallCore, Context};
use crate::frame::{Block, BlockError, RouteRef, Text};
use crate::proto::{Inbound, InboundPush, Shape, stop_status};
use crate::router::{Target, kind_word};
use crate::service::{Handling, Incoming};
use crate::{MethodKind, Raw, Status};

/// Jobs that a runner runs before it lets other tasks run.
const BURST: usize = 64;

/// One runner.
pub(super) struct Runner {
    shared: Arc<Shared>,
    number: u64,
    /// A call was given up that may be the one to be run: look before it is.
    any_stopped: bool,
}

impl Future for Runner {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<()> {
        let this = self.get_mut();
        for _ in 0..BURST {
            match this.next_job(cx) {
                Next::Job(Job::Call(call), resolved) => this.run_call(call, resolved),
                Next::Job(Job::Push(push), resolved) => this.run_push(push, resolved),
                Next::Sleep => return Poll::Pending,
                Next::Leave => return Poll::Ready(()),
            }
        }
        this.shared.runs.give_back(&this.shared);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

pub(super) enum Next {
    Job(Job, Option<Resolved>),
    Sleep,
    Leave,
}

impl Runner {
    pub(super) fn new(shared: Arc<Shared>, number: u64) -> Self {
        Self { shared, number, any_stopped: false }
    }

    fn next_job(&mut self, cx: &Cx<'_>) -> Next {
        loop {
            let mut queue = self.shared.runs.0.lock();
            let replaced = queue.in_charge != self.number;
            if replaced || (queue.ended && queue.ready.is_empty()) {
                if !replaced {
                    queue.in_charge = 0;
                }
                return Next::Leave;
            }
            if let Some(job) = queue.take_job() {
                // The clock is read only if somebody waits behind this job.
                queue.busy_since = (!queue.ready.is_empty()).then(clock::now);
                self.any_stopped = queue.any_stopped;
                let resolved = match job.route() {
                    RouteRef::Number(number) => queue.targets.get(usize::from(*number)).cloned(),
                    RouteRef::Name(_) => None,
                };
                return Next::Job(job, resolved);
            }
            queue.busy_since = None;
            queue.any_stopped = false;
            if queue.freed == 0 {
                let before = queue.asleep.replace(cx.waker().clone());
                drop(queue);
                drop(before);
                return Next::Sleep;
            }
            drop(queue);
            self.shared.runs.give_back(&self.shared);
        }
    }

    fn resolve(&self, route: RouteRef, resolved: Option<Resolved>) -> (Text, Option<Target>) {
        match (resolved, route) {
            (Some(Resolved { name, target }), _) => (name, target),
            (None, RouteRef::Name(name)) => {
                let target = self.shared.router.find(name.as_str());
                (name, target)
            }
            (None, RouteRef::Number(_)) => (Text::default(), None),
        }
    }

    fn run_call(&mut self, call: Inbound, resolved: Option<Resolved>) {
        let Inbound { id, route, deadline, block, shape, message, .. } = call;
        let (name, target) = self.resolve(route, resolved);
        let spec = target.as_ref().map(|target| target.spec);
        let session = Session(Arc::clone(&self.shared));
        let number = id.number();
        let block = match self.read_block(block) {
            Ok(block) => block,
            Err(status) => {
                let core = CallCore::new(session, spec, name, Block::default(), deadline);
                return Responder::new(core, number).refuse(status);
            }
        };
        let core = CallCore::new(session, spec, name, block, deadline);
        let responder = Responder::new(Arc::clone(&core), number);
        if let Some(refusal) = refusal(spec, shape, core.block_codec(), deadline, message.len()) {
            return responder.refuse(refusal);
        }
        if self.any_stopped {
            let stopped = self.shared.state.lock().conn.stopped(number);
            if let Some(why) = stopped {
                return responder.refuse(stop_status(why));
            }
        }
        let context = Context::new(&core);
        let router = &self.shared.router;
        let begun = catch_unwind(AssertUnwindSafe(|| {
            context.enter(|| match target {
                Some(target) => {
                    let call =
                        Incoming { core: Arc::clone(&core), payload: message, responder: Some(responder) };
                    target.service.dispatch(target.method, call)
                }
                None => router.unknown_call(&core, Raw(message), responder),
            })
        }));
        if let Ok(handling) = caught(&context, begun) {
            self.first_poll(handling, core, OnDone::Call(number));
        }
    }

    fn run_push(&mut self, push: InboundPush, resolved: Option<Resolved>) {
        let InboundPush { lane, route, block, message, cost } = push;
        let (name, target) = self.resolve(route, resolved);
        let on_done = OnDone::Push(LaneTurn::new(Arc::clone(&self.shared), lane));
        self.shared.with(|state| state.conn.push_handed_on(lane, cost));
        let spec = target.as_ref().map(|target| target.spec);
        let block = match self.read_block(block) {
            Ok(block) => block,
            Err(status) => return self.drop_push(name.as_str(), &status),
        };
        if spec.is_some() && !accepts(block.codec) {
            let why = Status::unimplemented(format!("codec {} is not accepted here", block.codec));
            return self.drop_push(name.as_str(), &why);
        }
        let core = CallCore::new(Session(Arc::clone(&self.shared)), spec, name, block, None);
        let context = Context::new(&core);
        let router = &self.shared.router;
        let begun = catch_unwind(AssertUnwindSafe(|| {
            context.enter(|| match target {
                Some(target) if target.spec.kind == MethodKind::Push => {
                    let push = Incoming { core: Arc::clone(&core), payload: message, responder: None };
                    Some(target.service.dispatch(target.method, push))
                }
                Some(_) => None,
                None => router.unknown_push(&core, Raw(message)),
            })
        }));
        match caught(&context, begun) {
            Ok(Some(handling)) => self.first_poll(handling, core, on_done),
            Ok(None) => {
                self.drop_push(context.route(), &Status::unimplemented("nobody serves this push here"))
            }
            Err(()) => {}
        }
    }

    fn drop_push(&self, route: &str, why: &Status) {
        self.shared.with(|state| state.conn.push_dropped());
        tracing::debug!(route, peer = %self.shared.peer, %why, "a push was dropped");
    }

    /// Reads a block of items; a malformed one costs the connection (wire 14.1).
    fn read_block(&self, block: Bytes) -> Result<Block, Status> {
        if block.is_empty() {
            return Ok(Block::default());
        }
        Block::decode(block).map_err(|error| match error {
            BlockError::Malformed(error) => {
                self.shared.with(|state| state.conn.fail(error.code, &error.to_string()));
                Status::invalid_argument(error.to_string())
            }
            BlockError::Invalid(text) => Status::invalid_argument(text),
        })
    }

    /// Polls a handler for the first time. If it is not done it goes on as a task, which polls it again at once: so
    /// this poll needs no waker.
    fn first_poll(&self, handling: Handling, core: Arc<CallCore>, on_done: OnDone) {
        let Some(future) = handling.0 else { return };
        let mut task = HandlerTask::new(future, core, on_done);
        let mut cx = Cx::from_waker(Waker::noop());
        if task.poll_handler(&mut cx).is_ready() {
            return;
        }
        let stop = match &task.on_done {
            Some(OnDone::Call(number)) => self.shared.state.lock().set_handler(*number, &task.core),
            Some(OnDone::Push(turn)) => {
                self.shared.runs.push_pending(turn.lane, &task.core);
                None
            }
            None => None,
        };
        match stop {
            Some(why) => task.core.stop(why),
            None => {
                if let Some(runtime) = &self.shared.runtime {
                    runtime.spawn(task);
                }
            }
        }
    }
}

/// Whether a typed handler reads messages of this codec (wire 4.6): protobuf, or bytes of its own.
fn accepts(codec: u8) -> bool {
    matches!(codec, 0 | 255)
}

/// Why a call is not dispatched, if it is not.
fn refusal(
    spec: Option<&'static crate::MethodSpec>,
    shape: Shape,
    codec: u8,
    deadline: Option<Instant>,
    size: usize,
) -> Option<Status> {
    let called = match shape {
        Shape::Unary => MethodKind::Unary,
        Shape::ServerStream => MethodKind::ServerStream,
        Shape::ClientStream => MethodKind::ClientStream,
        Shape::Bidi => MethodKind::Bidi,
    };
    match spec {
        Some(spec) if spec.kind != called => {
            let (is, called) = (kind_word(spec.kind), kind_word(called));
            return Some(Status::unimplemented(format!("`{}` is {is}, not {called}", spec.route)));
        }
        Some(_) if !accepts(codec) => {
            return Some(Status::unimplemented(format!("codec {codec} is not accepted here")));
        }
        Some(crate::MethodSpec { max_message: Some(limit), .. }) if size > *limit => {
            let knob = "the method's `max_message`";
            return Some(crate::Error::MessageTooLarge { size, limit: *limit, knob }.into());
        }
        _ if called != MethodKind::Unary => return Some(crate::stream::not_yet()),
        _ => {}
    }
    let late = deadline.is_some_and(|at| clock::now() >= at);
    late.then(|| Status::deadline_exceeded("the deadline passed before the call was dispatched"))
}
