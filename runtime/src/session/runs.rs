//! The work that waits for a session's runner: calls, and lanes whose pushes are run one at a time, in the order in which they
//! came; and who is in charge. Filled by the driver, emptied by the runner.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::runner::Runner;
use super::spare::Spare;
use super::state::Lock;
use super::wakers::Wakers;
use super::{Shared, clock, task};
use crate::context::CallCore;
use crate::frame::Text;
use crate::proto::{Inbound, InboundPush, Stop, Work};
use crate::router::Target;

/// How long a runner may be busy with one handler before another takes over.
const BUSY: Duration = Duration::from_micros(200);

/// The work of a session's runner, under a lock of its own.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    pub(super) queue: Lock<Queue>,
    /// Something waits behind what the runner runs: seen without the lock, after each push of a lane's run.
    someone_waits: AtomicBool,
    /// Calls that are to be passed on and wait for that: those behind them wait too.
    pub(super) in_line: AtomicUsize,
    /// The connection has traffic: a runner without work waits for more, and does not leave.
    stays: AtomicBool,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) ready: VecDeque<Job>,
    lanes: Vec<LaneRuns>,
    /// The peer's route numbers, resolved once. It only grows, and a runner has a copy.
    pub(super) targets: Vec<Resolved>,
    /// The runner in charge, 0 if none is; an older one leaves when it comes back.
    pub(super) in_charge: u64,
    /// The number of the newest one.
    newest: u64,
    pub(super) asleep: Option<Waker>,
    /// Tasks of handlers that were done, for others.
    pub(super) spare: Vec<Spare>,
    /// Since when the one in charge polls the handler that it polls.
    pub(super) busy_since: Option<Instant>,
    /// Who waits for the pushes to be done.
    pub(super) finishers: Wakers,
    /// Costs of calls that were handed on, to give back together.
    pub(super) freed: u64,
    /// A call that may wait here was given up.
    pub(super) any_stopped: bool,
    /// What handlers detached and is not done.
    pub(super) detached: usize,
    pub(super) ended: bool,
}

/// Where the replies are of calls that were handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replies {
    /// Made, of all of them.
    Made,
    /// Some of the handlers go on.
    ToCome,
}

/// Something to run.
#[derive(Debug)]
pub(super) enum Job {
    Call(Inbound),
    /// A call whose request is under way, if it is to be passed on.
    Begun(u32),
    /// The pushes that wait in this lane, as many of them as the runner has time for.
    Lane(u32),
}

impl Job {
    fn cost(&self) -> u64 {
        match self {
            Self::Call(call) => call.cost,
            Self::Begun(_) | Self::Lane(_) => 0,
        }
    }
}

/// A lane runs one push at a time (wire 10.2).
#[derive(Debug, Default)]
struct LaneRuns {
    /// Its turn is taken, or waits to be.
    busy: bool,
    /// What runs, if it was not done at once.
    running: Option<Arc<CallCore>>,
    waiting: VecDeque<InboundPush>,
    /// Kept for its room: pushes arrive while others are run.
    spare: VecDeque<InboundPush>,
}

/// What a route stands for here.
#[derive(Debug, Clone)]
pub(super) enum Resolved {
    Served(Target),
    Unknown(Text),
}

impl Resolved {
    pub(super) fn of(name: Text, shared: &Shared) -> Self {
        match shared.router.find(name.as_str()) {
            Some(target) => Self::Served(target.clone()),
            None => Self::Unknown(name),
        }
    }
}

impl Runs {
    /// Takes what the driver read. Called with no lock held. True: somebody may have to wait, so
    /// [`check_busy`](Self::check_busy).
    pub(crate) fn deliver(&self, shared: &Arc<Shared>, work: &mut Vec<Work>, now: Instant) -> bool {
        let mut queue = self.queue.lock();
        for work in work.drain(..) {
            match work {
                Work::Bound(name) => queue.targets.push(Resolved::of(name, shared)),
                Work::Call(call) => queue.ready.push_back(Job::Call(call)),
                Work::Begun(_) if !shared.router.has_fallback() => {}
                Work::Begun(number) => queue.ready.push_back(Job::Begun(number)),
                Work::Push(push) => queue.push(push),
                Work::PushBegun(lane, serial) => {
                    drop(queue);
                    let push = self.take_begun_push(shared, lane, serial);
                    queue = self.queue.lock();
                    if let Some(push) = push {
                        queue.push(push);
                    }
                }
            }
        }
        if queue.ready.is_empty() {
            return false;
        }
        // One alone, of a runner that has nothing else to do, has nobody behind it, nor is its credit missed.
        let alone = queue.ready.len() == 1 && queue.freed == 0 && !queue.is_polling();
        let large = shared.config.receive_budget as u64 / 8;
        let waits = !alone || queue.ready.iter().any(|job| job.cost() > large);
        // From now on somebody waits behind the handler that is being polled, if one is.
        queue.busy_since.get_or_insert(now);
        self.someone_waits.store(true, Ordering::Relaxed);
        if let Some(waker) = queue.asleep.take() {
            drop(queue);
            waker.wake();
        } else if queue.in_charge == 0 {
            queue.take_over(shared);
        }
        waits
    }

    /// Has another runner take over from one that has been busy for too long. `Some`: look again then.
    pub(crate) fn check_busy(&self, shared: &Arc<Shared>, now: Instant) -> Option<Instant> {
        let mut queue = self.queue.lock();
        if !queue.is_polling() || (queue.ready.is_empty() && queue.freed == 0) {
            return None;
        }
        let since = *queue.busy_since.get_or_insert(now);
        if now < since + BUSY {
            return Some(since + BUSY);
        }
        // With nobody behind it, it may go on; but what it has handed on must not wait for it.
        if !queue.ready.is_empty() {
            queue.take_over(shared);
        }
        drop(queue);
        // The one that is busy cannot give back what it has handed on.
        self.give_back(shared, Replies::ToCome);
        None
    }

    /// Gives back the costs of the calls that were handed on. If their replies are there, the driver need not wait for more.
    pub(super) fn give_back(&self, shared: &Shared, replies: Replies) {
        let freed = std::mem::take(&mut self.queue.lock().freed);
        if freed > 0 {
            shared.with(|state| {
                state.has_gathered |= replies == Replies::Made;
                state.conn.free_calls(freed);
            });
        }
    }

    /// A call was given up that may wait here.
    pub(super) fn stopped_early(&self) {
        self.queue.lock().any_stopped = true;
    }

    /// The connection has ended: calls that wait are dropped, since nobody can be answered. Pushes that were taken are
    /// still run.
    pub(crate) fn end(&self) {
        let mut queue = self.queue.lock();
        queue.ended = true;
        queue.ready.retain(|job| matches!(job, Job::Lane(_)));
        let asleep = queue.asleep.take();
        let told: Vec<_> = queue.lanes.iter_mut().filter_map(|lane| lane.running.take()).collect();
        let spare = std::mem::take(&mut queue.spare);
        drop(queue);
        spare.into_iter().for_each(Spare::dismiss);
        for push in told {
            push.stop(Stop::Cancelled);
        }
        if let Some(waker) = asleep {
            waker.wake();
        }
    }

    /// Whether something waits behind what the runner runs.
    pub(super) fn someone_waits(&self) -> bool {
        self.someone_waits.load(Ordering::Relaxed)
    }

    /// The runner begins something, with others behind it or not.
    pub(super) fn begins(&self, queue: &mut Queue, now: Instant) {
        let others = !queue.ready.is_empty();
        // It matters only if somebody waits behind this job.
        queue.busy_since = others.then_some(now);
        self.someone_waits.store(others, Ordering::Relaxed);
    }

    /// Puts back what a lane's turn leaves for later, ahead of what came meanwhile.
    pub(super) fn put_back(&self, lane: u32, rest: &mut VecDeque<InboundPush>) {
        if let Some(runs) = self.queue.lock().lanes.get_mut(lane as usize) {
            runs.put_back(rest);
        }
    }

    /// A lane's turn is over, with these pushes left to run. `by`: the runner that had it, if it still has.
    pub(super) fn lane_done(
        &self,
        shared: &Arc<Shared>,
        lane: u32,
        mut rest: VecDeque<InboundPush>,
        by: Option<u64>,
    ) {
        let mut queue = self.queue.lock();
        let Some(runs) = queue.lanes.get_mut(lane as usize) else { return };
        let running = runs.running.take();
        runs.put_back(&mut rest);
        if runs.waiting.is_empty() {
            runs.busy = false;
            let wakes = queue.finishers_due();
            drop((queue, running));
            return wakes.into_iter().for_each(Waker::wake);
        }
        queue.ready.push_back(Job::Lane(lane));
        if by == Some(queue.in_charge) {
            // It looks for its next job now.
            return drop((queue, running));
        }
        let asleep = queue.asleep.take();
        let stuck = asleep.is_none() && queue.in_charge != 0;
        if stuck {
            queue.busy_since.get_or_insert_with(clock::now);
            self.someone_waits.store(true, Ordering::Relaxed);
        } else if asleep.is_none() {
            queue.take_over(shared);
        }
        drop((queue, running));
        match asleep {
            Some(waker) => waker.wake(),
            // The driver looks whether the runner is stuck.
            None if stuck => shared.with(|state| state.runner_waits = true),
            None => {}
        }
    }

    /// There is traffic from now on.
    pub(super) fn stay(&self) {
        if !self.stays() {
            self.stays.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a runner without work is to wait for more.
    pub(super) fn stays(&self) -> bool {
        self.stays.load(Ordering::Relaxed)
    }

    /// There is no traffic any more: a runner that waits for work leaves.
    pub(super) fn rest(&self) {
        self.stays.store(false, Ordering::Relaxed);
        let mut queue = self.queue.lock();
        let (asleep, spare) = (queue.asleep.take(), std::mem::take(&mut queue.spare));
        drop(queue);
        spare.into_iter().for_each(Spare::dismiss);
        if let Some(waker) = asleep {
            waker.wake();
        }
    }

    /// The handler of a push goes on by itself: it is told when the connection ends.
    pub(super) fn push_pending(&self, lane: u32, core: &Arc<CallCore>) {
        let mut queue = self.queue.lock();
        if queue.ended {
            drop(queue);
            core.stop(Stop::Cancelled);
        } else if let Some(runs) = queue.lanes.get_mut(lane as usize) {
            runs.running = Some(Arc::clone(core));
        }
    }
}

impl Queue {
    /// Whether a runner is at work.
    fn is_polling(&self) -> bool {
        self.in_charge != 0 && self.asleep.is_none()
    }

    pub(super) fn finished(&self) -> bool {
        self.detached == 0 && self.lanes.iter().all(|lane| !lane.busy)
    }

    /// Whom to wake, now that a push or something detached is done.
    pub(super) fn finishers_due(&mut self) -> Vec<Waker> {
        let mut wakes = Vec::new();
        if self.finished() {
            self.finishers.wake_all(&mut wakes);
        }
        wakes
    }

    /// The next job; its cost is free again, since it is handed on (wire 7.5).
    pub(super) fn take_job(&mut self) -> Option<Job> {
        let job = self.ready.pop_front()?;
        self.freed += job.cost();
        Some(job)
    }

    fn push(&mut self, push: InboundPush) {
        let number = push.lane;
        let index = number as usize;
        if self.lanes.len() <= index {
            self.lanes.resize_with(index + 1, LaneRuns::default);
        }
        let lane = &mut self.lanes[index];
        lane.waiting.push_back(push);
        if !lane.busy {
            lane.busy = true;
            self.ready.push_back(Job::Lane(number));
        }
    }

    /// All pushes that wait in a lane: its turn begins.
    pub(super) fn take_lane(&mut self, lane: u32) -> VecDeque<InboundPush> {
        let Some(runs) = self.lanes.get_mut(lane as usize) else { return VecDeque::new() };
        let spare = std::mem::take(&mut runs.spare);
        std::mem::replace(&mut runs.waiting, spare)
    }

    /// Gives back what is kept for its room and is empty. True: nothing is left that could be given back later.
    pub(super) fn shrink(&mut self) -> bool {
        let mut is_idle = self.ready.is_empty();
        if is_idle {
            self.ready = VecDeque::new();
        }
        self.targets.shrink_to_fit();
        for lane in &mut self.lanes {
            lane.spare = VecDeque::new();
            lane.waiting.shrink_to_fit();
            is_idle &= !lane.busy;
        }
        is_idle
    }

    fn take_over(&mut self, shared: &Arc<Shared>) {
        self.newest += 1;
        self.in_charge = self.newest;
        self.busy_since = None;
        let runner = Runner::new(Arc::clone(shared), self.in_charge);
        if let Some(runtime) = &shared.runtime {
            task::spawn(runtime, runner);
        }
    }
}

impl LaneRuns {
    /// Pushes that were taken and not run go ahead of those that came meanwhile.
    fn put_back(&mut self, rest: &mut VecDeque<InboundPush>) {
        if !rest.is_empty() {
            rest.append(&mut self.waiting);
            std::mem::swap(rest, &mut self.waiting);
        }
        self.spare = std::mem::take(rest);
    }
}
