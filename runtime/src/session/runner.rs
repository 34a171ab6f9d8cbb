//! The runner: the task that runs a connection's handlers. It polls each once, in the order in which they came; one
//! that is not done goes on as a task of its own. When a handler keeps it busy with work waiting, another takes over,
//! so that handlers never hold the connection up.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::clock;
use super::state::{Lock, Work};
use super::{Session, Shared};
use crate::context::{BoxFuture, CallCore, Context};
use crate::frame::{Block, BlockError, RouteRef, Text};
use crate::proto::{Inbound, InboundPush, ReplyRoom, Shape, Terminal, stop_status};
use crate::router::{Handling, Incoming, Target, kind_word};
use crate::{Error, Message, MethodKind, Raw, Status};

/// How long a runner may be busy with one handler before another takes over.
const BUSY: Duration = Duration::from_micros(200);
/// Jobs that a runner runs before it lets other tasks run.
const BURST: usize = 64;

/// The work of a session's runner, under a lock of its own.
#[derive(Debug, Default)]
pub(crate) struct Runs(Lock<Queue>);

#[derive(Debug, Default)]
struct Queue {
    ready: VecDeque<Job>,
    lanes: Vec<LaneRuns>,
    /// The peer's route numbers, resolved once.
    targets: Vec<Resolved>,
    /// The runner in charge; an older one leaves when it comes back.
    in_charge: u64,
    asleep: Option<Waker>,
    /// Since when the one in charge polls the handler that it polls.
    busy_since: Option<Instant>,
    ended: bool,
}

#[derive(Debug)]
enum Job {
    Call(Inbound),
    Push(InboundPush),
}

/// A lane runs one push at a time (wire 10.2).
#[derive(Debug, Default)]
struct LaneRuns {
    busy: bool,
    waiting: VecDeque<InboundPush>,
}

/// What a route number stands for here.
#[derive(Debug, Clone)]
struct Resolved {
    name: Text,
    target: Option<Target>,
}

impl Runs {
    /// Takes what the driver read. Called with no lock held.
    pub(crate) fn deliver(&self, shared: &Arc<Shared>, work: &mut Vec<Work>, now: Instant) {
        let mut queue = self.0.lock();
        for work in work.drain(..) {
            match work {
                Work::Bound(name) => {
                    let target = shared.router.find(name.as_str());
                    queue.targets.push(Resolved { name, target });
                }
                Work::Call(call) => queue.ready.push_back(Job::Call(call)),
                Work::Push(push) => queue.push(push),
            }
        }
        if queue.ready.is_empty() {
            return;
        }
        // From now on somebody waits behind the handler that is being polled, if one is.
        queue.busy_since.get_or_insert(now);
        if let Some(waker) = queue.asleep.take() {
            drop(queue);
            waker.wake();
        } else if queue.in_charge == 0 {
            queue.take_over(shared);
        }
    }

    /// Has another runner take over from one that has been busy for too long. `Some`: look again then.
    pub(crate) fn check_busy(&self, shared: &Arc<Shared>, now: Instant) -> Option<Instant> {
        let mut queue = self.0.lock();
        let since = queue.busy_since.filter(|_| !queue.ready.is_empty())?;
        if now < since + BUSY {
            return Some(since + BUSY);
        }
        queue.take_over(shared);
        None
    }

    /// The connection has ended: calls that wait are dropped, since nobody can be answered. Pushes that were taken are
    /// still run.
    pub(crate) fn end(&self) {
        let mut queue = self.0.lock();
        queue.ended = true;
        queue.ready.retain(|job| matches!(job, Job::Push(_)));
        let asleep = queue.asleep.take();
        drop(queue);
        if let Some(waker) = asleep {
            waker.wake();
        }
    }

    fn lane_done(&self, shared: &Arc<Shared>, lane: u32) {
        let mut queue = self.0.lock();
        let Some(runs) = queue.lanes.get_mut(lane as usize) else { return };
        runs.busy = false;
        let Some(push) = runs.waiting.pop_front() else { return };
        queue.push(push);
        if let Some(waker) = queue.asleep.take() {
            drop(queue);
            waker.wake();
        } else if queue.in_charge == 0 {
            queue.take_over(shared);
        }
    }
}

impl Queue {
    fn push(&mut self, push: InboundPush) {
        let lane = push.lane as usize;
        if self.lanes.len() <= lane {
            self.lanes.resize_with(lane + 1, LaneRuns::default);
        }
        let runs = &mut self.lanes[lane];
        if runs.busy {
            runs.waiting.push_back(push);
        } else {
            runs.busy = true;
            self.ready.push_back(Job::Push(push));
        }
    }

    fn take_over(&mut self, shared: &Arc<Shared>) {
        self.in_charge += 1;
        self.busy_since = None;
        let runner = Runner { shared: Arc::clone(shared), number: self.in_charge, freed: 0 };
        if let Some(runtime) = &shared.runtime {
            runtime.spawn(runner);
        }
    }
}

/// One runner.
struct Runner {
    shared: Arc<Shared>,
    number: u64,
    /// Costs of calls that were handed on, to give back together.
    freed: u64,
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
        this.give_back();
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

enum Next {
    Job(Job, Option<Resolved>),
    Sleep,
    Leave,
}

impl Runner {
    fn next_job(&mut self, cx: &Cx<'_>) -> Next {
        loop {
            let mut queue = self.shared.runs.0.lock();
            let replaced = queue.in_charge != self.number;
            if replaced || (queue.ended && queue.ready.is_empty()) {
                if !replaced {
                    queue.in_charge = 0;
                }
                drop(queue);
                self.give_back();
                return Next::Leave;
            }
            if let Some(job) = queue.ready.pop_front() {
                // The clock is read only if somebody waits behind this job.
                queue.busy_since = (!queue.ready.is_empty()).then(clock::now);
                let route = match &job {
                    Job::Call(call) => &call.route,
                    Job::Push(push) => &push.route,
                };
                let resolved = match route {
                    RouteRef::Number(number) => queue.targets.get(usize::from(*number)).cloned(),
                    RouteRef::Name(_) => None,
                };
                return Next::Job(job, resolved);
            }
            queue.busy_since = None;
            if self.freed == 0 {
                queue.asleep = Some(cx.waker().clone());
                return Next::Sleep;
            }
            drop(queue);
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        let freed = std::mem::take(&mut self.freed);
        if freed > 0 {
            self.shared.with(|state| state.conn.free_calls(freed));
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
        let Inbound { id, route, deadline, block, shape, message, cost } = call;
        self.freed += cost;
        let (name, target) = self.resolve(route, resolved);
        let spec = target.as_ref().map(|target| target.spec);
        let session = Session(Arc::clone(&self.shared));
        let number = id.number();
        let block = match self.read_block(block) {
            Ok(block) => block,
            Err(status) => {
                let core = CallCore::new(session, spec, name, Block::default(), deadline);
                return Responder { core, number, done: false }.refuse(status);
            }
        };
        let core = CallCore::new(session, spec, name, block, deadline);
        let responder = Responder { core: Arc::clone(&core), number, done: false };
        if let Some(refusal) = refusal(spec, shape, core.block_codec(), deadline) {
            return responder.refuse(refusal);
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
        let on_done = OnDone::Push(LaneTurn { shared: Arc::clone(&self.shared), lane });
        self.shared.with(|state| state.conn.push_handed_on(lane, cost));
        let spec = target.as_ref().map(|target| target.spec);
        let block = match self.read_block(block) {
            Ok(block) => block,
            Err(status) => return self.drop_push(name.as_str(), &status),
        };
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
        let mut task = HandlerTask { future: Some(future), core, on_done: Some(on_done) };
        let mut cx = Cx::from_waker(Waker::noop());
        if task.poll_handler(&mut cx).is_ready() {
            return;
        }
        let stop = match task.on_done {
            Some(OnDone::Call(number)) => self.shared.state.lock().set_handler(number, &task.core),
            _ => None,
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

/// Why a call is not dispatched, if it is not.
fn refusal(
    spec: Option<&'static crate::MethodSpec>,
    shape: Shape,
    codec: u8,
    deadline: Option<Instant>,
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
        Some(_) if codec != 0 && codec != 255 => {
            return Some(Status::unimplemented(format!("codec {codec} is not accepted here")));
        }
        _ if called != MethodKind::Unary => return Some(crate::stream::not_yet()),
        _ => {}
    }
    let late = deadline.is_some_and(|at| clock::now() >= at);
    late.then(|| Status::deadline_exceeded("the deadline passed before the call was dispatched"))
}

/// A panic is traced; the responder that it dropped has answered INTERNAL.
fn caught<T>(context: &Context, result: std::thread::Result<T>) -> Result<T, ()> {
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
enum OnDone {
    Call(u32),
    Push(#[expect(dead_code, reason = "it acts when dropped")] LaneTurn),
}

/// A push's turn in its lane; the next one's begins when it is dropped.
struct LaneTurn {
    shared: Arc<Shared>,
    lane: u32,
}

impl Drop for LaneTurn {
    fn drop(&mut self) {
        self.shared.runs.lane_done(&self.shared, self.lane);
    }
}

/// A handler that was not done at its first poll.
struct HandlerTask {
    future: Option<BoxFuture>,
    core: Arc<CallCore>,
    on_done: Option<OnDone>,
}

impl HandlerTask {
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

    /// Drops the handler; a panic in one of its destructors costs nobody else.
    fn let_go(&mut self) {
        let future = self.future.take();
        let context = Context::new(&self.core);
        let dropped = catch_unwind(AssertUnwindSafe(|| context.enter(|| drop(future))));
        let _ = caught(&context, dropped);
        self.on_done = None;
    }
}

impl Future for HandlerTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.core.set_task(cx.waker()).is_some() {
            this.let_go();
            return Poll::Ready(());
        }
        this.poll_handler(cx)
    }
}

impl Drop for HandlerTask {
    fn drop(&mut self) {
        if self.future.is_some() {
            self.let_go();
        }
    }
}

/// The one terminal frame of a call (wire 8.4): sent by `finish` or `refuse`, or, if the handler is dropped or panics,
/// when this is dropped.
#[derive(Debug)]
pub(crate) struct Responder {
    core: Arc<CallCore>,
    number: u32,
    done: bool,
}

impl Responder {
    /// What the handler returned.
    pub(crate) fn finish<R: Message>(mut self, result: Result<R, Status>) {
        match result {
            Ok(reply) => self.reply(&reply),
            Err(status) => self.status(&status.by_handler()),
        }
    }

    /// As [`finish`](Self::finish), for a call that went on elsewhere: what is certain of it stays so (wire 13.4).
    pub(crate) fn finish_forwarded(mut self, result: Result<Raw, Status>) {
        match result {
            Ok(reply) => self.reply(&reply),
            Err(status) => self.status(&status.by_forwarding()),
        }
    }

    /// Not dispatched (wire 13.4).
    pub(crate) fn refuse(mut self, status: Status) {
        self.status(&status.not_run());
    }

    fn reply<R: Message>(&mut self, reply: &R) {
        let block = Block { metadata: self.core.take_reply_metadata(), ..Block::default() };
        let block = encode_block(&block);
        let len = reply.encoded_len();
        let limit = self.core.spec().and_then(|spec| spec.max_message);
        let shared = Arc::clone(self.core.session().shared());
        let number = self.number;
        let placed = shared.with(|state| {
            if let Err(status) = state.conn.check_reply(limit, len, block.len()) {
                return Placed::Refused(status);
            }
            match state.conn.reply_room(len, block.len()) {
                ReplyRoom::Nobody => Placed::Done,
                ReplyRoom::Outside => Placed::Outside,
                ReplyRoom::InPlace => {
                    let written = state.conn.reply_in_place(number, len, &block, |out| reply.encode(out));
                    match written {
                        Ok(()) => {
                            state.take_handler(number);
                            Placed::Done
                        }
                        Err(error) => Placed::Refused(error.into()),
                    }
                }
            }
        });
        match placed {
            Placed::Done => self.done = true,
            Placed::Refused(status) => self.status(&status.by_handler()),
            Placed::Outside => match encode_outside(reply, len) {
                Ok(message) => self.terminal(Terminal::Message { block, message }),
                Err(error) => self.status(&Status::from(error).by_handler()),
            },
        }
    }

    fn status(&mut self, status: &Status) {
        let block = Block {
            metadata: status.all_metadata().clone(),
            retry_after: status.retry_hint().map(|wait| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)),
            details: status.wire_details(),
            ..Block::default()
        };
        let block = encode_block(&block);
        let checked = self.core.session().shared().state.lock().conn.check_reply(None, 0, block.len());
        let block = match checked {
            Ok(()) => block,
            // The code matters more than details that do not fit.
            Err(_) => Bytes::new(),
        };
        self.terminal(Terminal::status(status, block));
    }

    fn terminal(&mut self, terminal: Terminal) {
        self.done = true;
        let number = self.number;
        self.core.session().shared().with(|state| {
            state.take_handler(number);
            state.conn.reply(number, terminal);
        });
    }
}

enum Placed {
    Done,
    Outside,
    Refused(Status),
}

impl Drop for Responder {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let status = match self.core.stopped() {
            _ if std::thread::panicking() => Status::internal("the handler panicked"),
            Some(why) => stop_status(why),
            None => Status::internal("the handler was dropped"),
        };
        self.status(&status);
    }
}

/// Encodes a block's items; nothing for nothing.
pub(crate) fn encode_block(block: &Block) -> Bytes {
    if block.is_empty() {
        return Bytes::new();
    }
    let mut out = BytesMut::with_capacity(block.encoded_len());
    block.encode(&mut out);
    out.freeze()
}

/// Encodes a message into a buffer of its own.
pub(crate) fn encode_outside<M: Message>(message: &M, len: usize) -> Result<Bytes, Error> {
    let mut out = BytesMut::with_capacity(len);
    message.encode(&mut out);
    match out.len() == len {
        true => Ok(out.freeze()),
        false => Err(Error::Encode { announced: len, written: out.len() }),
    }
}
