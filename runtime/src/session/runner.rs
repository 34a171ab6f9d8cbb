//! The runner: the task that runs a connection's handlers. It polls each once, in the order in which they came; one
//! that is not done goes on as a task of its own. When a handler keeps it busy with work waiting, another takes over,
//! so that handlers never hold the connection up.

mod lanes;

use std::future::Future;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll};
use std::time::Instant;

use bytes::Bytes;

use super::handler::{Begun, FirstPoll, HandlerTask, OnDone, caught, first_poll};
use super::lane::LaneTurn;
use super::responder::Responder;
use super::runs::{Job, Replies, Resolved};
use super::spare::Worker;
use super::{Session, Shared, clock, pieces};
use crate::context::{CallCore, Context};
use crate::frame::{Beside, BlockError, RouteRef, Text};
use crate::proto::{BegunRequest, Inbound, Shape, stop_status};
use crate::router::{Target, kind_word};
use crate::service::Incoming;
use crate::{MethodKind, Raw, Status};

/// Jobs that a runner runs before it lets the driver write the replies: half of those that wait, within these. The other
/// end then works on the first half while the second is run, where otherwise the two would take turns.
const BURST: RangeInclusive<usize> = 16..=256;
/// After the first half of so many or more, the second is run in one go: halved again and again, it would leave in as many writes.
const LONG: usize = 128;

/// After so many calls the time is looked at.
const CALLS: usize = 8;

/// One runner.
pub(super) struct Runner {
    shared: Arc<Shared>,
    number: u64,
    /// How many jobs more this poll runs; 0 before the first.
    burst: usize,
    /// The second half of a long burst, if that is next.
    rest: usize,
    /// When it last looked at the clock.
    now: Instant,
    /// Since when, and how many handlers, it polls one after the other.
    polled: Option<(Instant, u32)>,
    /// Of the calls that it has handed on.
    replies: Replies,
    /// It began handlers as tasks.
    begun_tasks: bool,
    /// A copy of what the peer's route numbers stand for.
    targets: Vec<Resolved>,
    /// A call was given up that may be the one to be run: look before it is.
    any_stopped: bool,
}

impl Future for Runner {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.burst = 0;
        this.polled = None;
        loop {
            match this.next_job(cx) {
                Next::Call(call, now) => this.run_call(call, now),
                Next::Begun(number, now) => this.run_begun(number, now),
                Next::Pushes(turn) => this.run_lane(turn),
                done @ (Next::Sleep | Next::Leave) => {
                    this.tell_pace();
                    if matches!(done, Next::Leave) {
                        return Poll::Ready(());
                    }
                    if std::mem::take(&mut this.begun_tasks) {
                        // A slow handler is about to hold this worker up. The runtime wakes another to look after a task
                        // that yields, and that one then finds the calls that come meanwhile.
                        cx.waker().wake_by_ref();
                    }
                    return Poll::Pending;
                }
            }
            this.burst = this.burst.saturating_sub(1);
            if this.burst == 0 {
                break;
            }
        }
        this.tell_pace();
        this.give_back();
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

enum Next {
    /// Something to run, and the time.
    Call(Inbound, Instant),
    Begun(u32, Instant),
    Pushes(LaneTurn),
    Sleep,
    Leave,
}

impl Runner {
    pub(super) fn new(shared: Arc<Shared>, number: u64) -> Self {
        Self {
            shared,
            number,
            burst: 0,
            rest: 0,
            now: clock::now(),
            polled: None,
            replies: Replies::Made,
            begun_tasks: false,
            targets: Vec::new(),
            any_stopped: false,
        }
    }

    fn next_job(&mut self, cx: &Cx<'_>) -> Next {
        loop {
            let mut queue = self.shared.runs.queue.lock();
            let replaced = queue.in_charge != self.number;
            if replaced || (queue.ended && queue.ready.is_empty()) {
                if !replaced {
                    queue.in_charge = 0;
                }
                return Next::Leave;
            }
            if let Some(job) = queue.take_job() {
                if self.burst == 0 {
                    self.now = clock::now();
                    self.burst = burst_of(queue.ready.len() + 1, &mut self.rest);
                }
                // Calls are quick where they are run here, so one look at the clock does for some of them.
                if self.burst % CALLS == 0 || self.polled.is_none() || matches!(job, Job::Lane(_)) {
                    self.now = clock::now();
                }
                let now = self.now;
                self.shared.runs.begins(&mut queue, now);
                self.any_stopped = queue.any_stopped;
                if self.targets.len() < queue.targets.len() {
                    let known = self.targets.len();
                    self.targets.extend_from_slice(&queue.targets[known..]);
                }
                return match job {
                    Job::Call(call) => Next::Call(call, now),
                    Job::Begun(number) => Next::Begun(number, now),
                    Job::Lane(lane) => {
                        let pushes = queue.take_lane(lane);
                        drop(queue);
                        let by = (self.number, now);
                        Next::Pushes(LaneTurn::new(Arc::clone(&self.shared), lane, pushes, by))
                    }
                };
            }
            queue.busy_since = None;
            queue.any_stopped = false;
            if queue.freed == 0 {
                self.replies = Replies::Made;
                // Who began tasks comes once more (see `poll`).
                let leaves = !self.begun_tasks && !self.shared.runs.stays();
                let asleep = (!leaves).then(|| cx.waker().clone());
                let before = std::mem::replace(&mut queue.asleep, asleep);
                if leaves {
                    queue.in_charge = 0;
                    queue.shrink();
                }
                drop(queue);
                drop(before);
                return if leaves { Next::Leave } else { Next::Sleep };
            }
            drop(queue);
            self.give_back();
        }
    }

    /// Who serves a route, or its name if nobody does.
    fn resolve(&self, route: RouteRef) -> (Option<&Target>, Text) {
        let target = match &route {
            RouteRef::Number(number) => match self.targets.get(usize::from(*number)) {
                Some(Resolved::Unknown(name)) => return (None, name.clone()),
                Some(Resolved::Served(target)) => Some(target),
                // The machine has checked it.
                None => None,
            },
            RouteRef::Name(name) => self.shared.router.find(name.as_str()),
        };
        match (target, route) {
            (None, RouteRef::Name(name)) => (None, name),
            (target, _) => (target, Text::default()),
        }
    }

    fn run_call(&mut self, call: Inbound, now: Instant) {
        let Inbound { id, route, deadline, block, shape, message, stream, cost } = call;
        let number = id.number();
        let (target, name) = self.resolve(route);
        let spec = target.map(|target| target.spec);
        let (beside, unread) = match self.read_block(&block) {
            Ok(beside) => (beside, None),
            Err(status) => (Beside::Nothing, Some(status)),
        };
        let session = Session(Arc::clone(&self.shared));
        let context = Context::of(CallCore::new(session, spec, name, beside, deadline));
        let core = context.core();
        let responder = Responder::new(Arc::clone(core), number);
        if let Some(status) = unread {
            return responder.refuse(status);
        }
        let refusal = refusal(spec, shape, core.block_codec(), message.len());
        if let Some(refusal) = refusal.or_else(|| self.stopped(number, deadline, now)) {
            return responder.refuse(refusal);
        }
        let router = &self.shared.router;
        let habit = target.map_or_else(|| router.fallback_habit(), Target::habit);
        let first = self.shared.pace.first_poll().of(habit);
        let pending = first_poll(&context, first, || match target {
            Some(target) => {
                let core = Arc::clone(core);
                let (payload, responder) = (message, Some(responder));
                let call = Incoming { core, payload, responder, stream, pushes: None };
                target.service.dispatch(target.method, call)
            }
            None => router.unknown_call((core, stream), (shape, Raw(message), cost), responder),
        });
        if first == FirstPoll::Runner {
            self.polled.get_or_insert((now, 0)).1 += 1;
        }
        if spec.is_none() {
            // It may have been passed on.
            self.replies = Replies::ToCome;
        }
        let Some(future) = pending else { return };
        self.begun_tasks |= first == FirstPoll::Task;
        self.replies = Replies::ToCome;
        let begun = Begun { future, first, habit };
        self.go_on(HandlerTask::new(begun, Arc::clone(core), OnDone::Call), number);
    }

    /// A call of a route that nobody serves may be passed on as it comes. Any other is run when it is whole.
    fn run_begun(&mut self, number: u32, now: Instant) {
        let begun = self.shared.state.lock().conn.request_begun(number);
        let Some(begun) = begun else { return };
        let BegunRequest { route, block, deadline, serial } = begun;
        let (None, name) = self.resolve(route) else { return };
        let Ok(beside) = Beside::decode(&block) else { return };
        let session = Session(Arc::clone(&self.shared));
        let context = Context::of(CallCore::new(session, None, name, beside, deadline));
        // The user's: what panics here is asked again when the call is whole.
        let ask = || context.enter(|| self.shared.router.passes_as_it_comes(&context));
        let asked = catch_unwind(AssertUnwindSafe(ask));
        let to = caught(&context, asked).ok().flatten();
        if to.is_none() || self.stopped(number, deadline, now).is_some() {
            return;
        }
        let taken = self.shared.state.lock().conn.take_begun(number, serial);
        let (Some(to), Some((call, len))) = (to, taken) else { return };
        let request = pieces::IncomingRequest::new(&self.shared, &call, len);
        let responder = Responder::new(Arc::clone(context.core()), number);
        let core = Arc::clone(context.core());
        let future = Box::pin(pieces::pass_request(context, to, request, responder));
        (self.begun_tasks, self.replies) = (true, Replies::ToCome);
        let habit = self.shared.router.fallback_habit();
        let begun = Begun { future, first: FirstPoll::Task, habit };
        self.go_on(HandlerTask::new(begun, core, OnDone::Call), number);
    }

    fn give_back(&mut self) {
        let replies = std::mem::replace(&mut self.replies, Replies::Made);
        self.shared.runs.give_back(&self.shared, replies);
    }

    /// How long the handlers took that were polled here.
    fn tell_pace(&mut self) {
        if let Some((since, handlers)) = self.polled.take() {
            self.shared.pace.ran(handlers, clock::now().saturating_duration_since(since));
        }
    }

    /// Why a call that waited here is not to be run any more.
    fn stopped(&self, number: u32, deadline: Option<Instant>, now: Instant) -> Option<Status> {
        if deadline.is_some_and(|at| now >= at) {
            return Some(Status::deadline_exceeded("the deadline passed before the call was dispatched"));
        }
        if !self.any_stopped {
            return None;
        }
        self.shared.state.lock().conn.stopped(number).map(stop_status)
    }

    /// Reads a block of items; a malformed one costs the connection (wire 14.1).
    fn read_block(&self, block: &Bytes) -> Result<Beside, Status> {
        Beside::decode(block).map_err(|error| match error {
            BlockError::Malformed(error) => {
                self.shared.with(|state| state.conn.fail(error.code, &error.to_string()));
                Status::invalid_argument(error.to_string())
            }
            BlockError::Invalid(text) => Status::invalid_argument(text),
        })
    }

    /// The handler of a call that was not done goes on as a task, unless it must stop already.
    fn go_on(&self, task: HandlerTask, number: u32) {
        let stop = self.shared.state.lock().set_handler(number, &task.core);
        match stop {
            Some(why) => task.core.stop(why),
            None => self.spawn(task),
        }
    }

    fn spawn(&self, task: HandlerTask) {
        if let Some(spare) = self.shared.runs.take_spare() {
            spare.give(task);
        } else if let Some(runtime) = &self.shared.runtime {
            runtime.spawn(Worker::new(task));
        }
    }
}

/// How many of those that wait are run before the driver writes; `rest` is how many the last half of a long burst left.
fn burst_of(waiting: usize, rest: &mut usize) -> usize {
    if waiting <= std::mem::take(rest).min(*BURST.end()) {
        return waiting;
    }
    let half = (waiting / 2).clamp(*BURST.start(), *BURST.end());
    *rest = if waiting < LONG { 0 } else { waiting - half };
    half
}

/// Whether a typed handler reads messages of this codec (wire 4.6): protobuf, or bytes of its own.
fn accepts(codec: u8) -> bool {
    matches!(codec, 0 | 255)
}

/// Why a call is not dispatched, if it is not.
fn refusal(spec: Option<&'static crate::MethodSpec>, shape: Shape, codec: u8, size: usize) -> Option<Status> {
    let called = MethodKind::from(shape);
    match spec {
        Some(spec) if spec.kind != called => {
            let (is, called) = (kind_word(spec.kind), kind_word(called));
            Some(Status::unimplemented(format!("`{}` is {is}, not {called}", spec.route)))
        }
        Some(_) if !accepts(codec) => {
            Some(Status::unimplemented(format!("codec {codec} is not accepted here")))
        }
        Some(crate::MethodSpec { max_message: Some(limit), .. }) if size > *limit => {
            let knob = "the method's `max_message`";
            Some(crate::Error::MessageTooLarge { size, limit: *limit, knob }.into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::burst_of;

    /// The bursts in which so many jobs are run, if no more come.
    fn bursts(mut waiting: usize) -> Vec<usize> {
        let (mut bursts, mut rest) = (Vec::new(), 0);
        while waiting > 0 {
            bursts.push(burst_of(waiting, &mut rest).min(waiting));
            waiting -= bursts[bursts.len() - 1];
        }
        bursts
    }

    #[test]
    fn the_second_half_of_a_long_burst_is_run_in_one_go_and_none_is_longer_than_256() {
        assert_eq!(bursts(1), [1]);
        assert_eq!(bursts(127), [63, 32, 16, 16]);
        assert_eq!(bursts(128), [64, 64]);
        assert_eq!(bursts(512), [256, 256]);
        assert_eq!(bursts(513), [256, 128, 129]);
        assert!((1..5_000).all(|jobs| bursts(jobs).into_iter().all(|burst| burst <= 256)));
    }

    #[test]
    fn what_comes_behind_a_first_half_makes_a_burst_of_its_own() {
        let mut rest = 0;
        assert_eq!(burst_of(200, &mut rest), 100);
        assert_eq!(burst_of(100 + 60, &mut rest), 80);
    }
}
