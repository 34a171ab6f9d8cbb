//! A lane's turn: its pushes are run one after the other, by the runner or by a task. Begun by the runner; the handlers'
//! future ([`Pushes`](crate::pushes::Pushes)) takes the pushes off it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Lock, Shared, clock};
use crate::context::CallCore;
use crate::frame::RouteRef;
use crate::proto::{InboundPush, Messages};

/// How long the pushes of one lane are run while others wait, and if nobody does: then the driver is due.
const TURN: (Duration, Duration) = (Duration::from_micros(50), Duration::from_micros(100));
/// After so many pushes the time is looked at, if nobody waits.
const PUSHES: u32 = 16;

/// What who began the turn and the handlers' future share. Only one of them acts at a time, so what is counted is read and
/// written without more ado.
pub(crate) struct Turn {
    shared: Arc<Shared>,
    lane: u32,
    began: Instant,
    /// Those that were taken from the queue and not run yet.
    pushes: Lock<VecDeque<InboundPush>>,
    /// The cost of those that were handed to their handlers, to give back together.
    freed: AtomicU64,
    count: AtomicU32,
    /// No more are begun: the time is up, or a handler is pending.
    over: AtomicBool,
    /// The context of the push that runs, if it is not the one that its future began with.
    running: Lock<Option<Arc<CallCore>>>,
}

impl Turn {
    /// Whether one more may be begun.
    #[inline]
    pub(crate) fn goes_on(&self) -> bool {
        let count = self.count();
        if self.over.load(Ordering::Relaxed) {
            return false;
        }
        let hurry = self.shared.runs.someone_waits();
        if count > 0 && (hurry || count % PUSHES == 0) {
            let limit = if hurry { TURN.0 } else { TURN.1 };
            if clock::now() >= self.began + limit {
                self.over.store(true, Ordering::Relaxed);
                return false;
            }
        }
        true
    }

    /// A push is handed on, so its cost is free again (wire 7.5).
    #[inline]
    pub(crate) fn handed_on(&self, cost: u64) {
        self.count.store(self.count() + 1, Ordering::Relaxed);
        self.freed.store(self.freed.load(Ordering::Relaxed) + cost, Ordering::Relaxed);
    }

    /// How many pushes were begun.
    pub(super) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// The messages that come next in the lane, if they are of this route and have nothing beside them.
    pub(crate) fn next_of(&self, route: Option<u16>) -> Option<Messages> {
        let mut pushes = self.pushes.lock();
        let next = pushes.front()?;
        let same = matches!(next.route, RouteRef::Number(number) if Some(number) == route);
        if !same || !next.block.is_empty() {
            return None;
        }
        pushes.pop_front().map(|push| push.messages)
    }

    /// Puts back what its handlers' future has not run of a run of this route.
    pub(crate) fn put_back(&self, messages: Messages, route: Option<u16>) {
        let Some(route) = route.map(RouteRef::Number) else { return };
        if matches!(&messages, Messages::Run(run) if run.count() > 0) {
            let push = InboundPush { lane: self.lane, route, block: bytes::Bytes::new(), messages };
            self.pushes.lock().push_front(push);
        }
    }

    /// The push that runs has a context of its own.
    pub(crate) fn runs_in(&self, core: &Arc<CallCore>) {
        let before = self.running.lock().replace(Arc::clone(core));
        drop(before);
    }
}

/// A turn, for who began it. The lane's next one begins when this is dropped.
pub(super) struct LaneTurn {
    pub(super) turn: Arc<Turn>,
    /// The runner that has it, until a handler goes on by itself.
    by: Option<u64>,
}

impl LaneTurn {
    pub(super) fn new(
        shared: Arc<Shared>,
        lane: u32,
        pushes: VecDeque<InboundPush>,
        (by, began): (u64, Instant),
    ) -> Self {
        let turn = Turn {
            shared,
            lane,
            began,
            pushes: Lock::new(pushes),
            freed: AtomicU64::new(0),
            count: AtomicU32::new(0),
            over: AtomicBool::new(false),
            running: Lock::new(None),
        };
        Self { turn: Arc::new(turn), by: Some(by) }
    }

    /// What is to be run next, while there is time.
    pub(super) fn next(&self) -> Option<InboundPush> {
        if !self.turn.goes_on() {
            return None;
        }
        self.turn.pushes.lock().pop_front()
    }

    /// The handler of one is pending and goes on by itself: it is told when the connection ends, and the rest of the lane
    /// waits for it in the queue. `core` is the context that its future began with, and then its own.
    pub(super) fn goes_on(&mut self, core: &mut Arc<CallCore>) {
        let turn = &self.turn;
        turn.over.store(true, Ordering::Relaxed);
        let running = turn.running.lock().take();
        if let Some(running) = running {
            *core = running;
        }
        self.give_back();
        let mut rest = std::mem::take(&mut *turn.pushes.lock());
        turn.shared.runs.put_back(turn.lane, &mut rest);
        turn.shared.runs.push_pending(turn.lane, core);
        self.by = None;
    }

    /// How long the handlers took that the runner polled.
    pub(super) fn tell_pace(&self) {
        let took = clock::now().saturating_duration_since(self.turn.began);
        self.turn.shared.pace.ran_lane(self.turn.count(), took);
    }

    /// A task has it from now on.
    pub(super) fn leaves_runner(&mut self) {
        self.by = None;
    }

    fn give_back(&self) {
        let freed = self.turn.freed.swap(0, Ordering::Relaxed);
        if freed > 0 {
            let lane = self.turn.lane;
            self.turn.shared.with_little(|state| state.conn.push_handed_on(lane, freed));
        }
    }
}

impl Drop for LaneTurn {
    fn drop(&mut self) {
        self.give_back();
        let turn = &self.turn;
        let rest = std::mem::take(&mut *turn.pushes.lock());
        turn.shared.runs.lane_done(&turn.shared, turn.lane, rest, self.by);
    }
}
