//! The calls that the peer opened: requests that arrive, handlers that run, terminal frames (wire 8).
//!
//! ```text
//! Idle ─CALL─▶ Receiving ─last fragment─▶ Running ─reply─▶ Replying ─last byte left─▶ Ended ─caller's side ended─▶ Idle
//!      └─CALL|END, whole──────────────────▶┘  └─small reply─────────────────────────▶┘
//! ```
//! CANCEL and an expired deadline ask the session to drop the handler; the terminal frame follows when it is gone.

use std::time::Instant;

use bytes::Bytes;

use super::assembly::Assembly;
use super::event::{Shape, Stop};
use crate::frame::RouteRef;

/// One of the peer's calls.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) state: ServedState,
    /// The peer has sent END, RESET or CANCEL.
    pub(crate) caller_ended: bool,
    /// The handler was asked to go.
    pub(crate) stopped: Option<Stop>,
}

#[derive(Debug)]
pub(crate) enum ServedState {
    Idle,
    Receiving(Box<Request>),
    /// Handed to the session.
    Running,
    /// Its reply waits for credit or is on its way in fragments.
    Replying,
    /// Its terminal frame was encoded; a rest of the request may still come, and is discarded.
    Ended(Option<Assembly>),
}

/// A request that is not whole yet.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) assembly: Assembly,
    pub(crate) route: RouteRef,
    pub(crate) block: Bytes,
    pub(crate) deadline: Option<Instant>,
    pub(crate) shape: Shape,
    pub(crate) cost: u64,
}

impl Served {
    const IDLE: Self = Self { state: ServedState::Idle, caller_ended: false, stopped: None };

    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, ServedState::Idle)
    }
}

/// The table of the peer's calls; a call's number is its place, from 1.
#[derive(Debug)]
pub(crate) struct Serving {
    slots: Vec<Served>,
    limit: u32,
    busy: usize,
    /// CALL frames taken (wire 11.3).
    pub(crate) taken: u64,
}

impl Serving {
    pub(crate) fn new(limit: u32) -> Self {
        Self { slots: Vec::new(), limit, busy: 0, taken: 0 }
    }

    pub(crate) fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// Calls that are not idle.
    pub(crate) fn busy(&self) -> usize {
        self.busy
    }

    /// Whether the peer may use this number (wire 8.2).
    pub(crate) fn within_limit(&self, number: u32) -> bool {
        number <= self.limit
    }

    /// The call's slot, whatever its state; `None` if it was never used.
    pub(crate) fn get(&mut self, number: u32) -> Option<&mut Served> {
        self.slots.get_mut((number as usize).checked_sub(1)?)
    }

    /// The slot of a call that is open.
    pub(crate) fn open(&mut self, number: u32) -> Option<&mut Served> {
        self.get(number).filter(|served| !served.is_idle())
    }

    /// CALL: takes the number, which is within the limit and idle.
    pub(crate) fn begin(&mut self, number: u32, state: ServedState, caller_ended: bool) {
        let index = number as usize - 1;
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || Served::IDLE);
        }
        self.taken += 1;
        self.busy += 1;
        self.slots[index] = Served { state, caller_ended, stopped: None };
    }

    /// Our terminal frame is on its way. True: the number is idle now.
    pub(crate) fn callee_ended(&mut self, number: u32, rest: Option<Assembly>) -> bool {
        let Some(served) = self.open(number) else { return false };
        served.state = ServedState::Ended(rest);
        self.settle(number)
    }

    /// Makes the number idle if both sides have ended.
    pub(crate) fn settle(&mut self, number: u32) -> bool {
        let Some(served) = self.open(number) else { return false };
        let over = served.caller_ended && matches!(served.state, ServedState::Ended(_));
        if over {
            *served = Served::IDLE;
            self.busy -= 1;
        }
        over
    }

    /// Every call that has no terminal frame yet, when the connection ends.
    pub(crate) fn running(&self) -> impl Iterator<Item = u32> + '_ {
        let numbered = self.slots.iter().enumerate();
        let running = numbered.filter(|(_, served)| matches!(served.state, ServedState::Running));
        running.map(|(index, _)| index as u32 + 1)
    }
}
