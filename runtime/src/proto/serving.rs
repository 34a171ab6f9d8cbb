//! The calls that the peer opened: requests that arrive, handlers that run, terminal frames (wire 8).
//!
//! ```text
//! Idle ─CALL─▶ Receiving ─last fragment─▶ Running ─reply─▶ Replying ─last byte left─▶ Ended ─caller's side ended─▶ Idle
//!      └─CALL|END, whole──────────────────▶┘  └─small reply─────────────────────────▶┘
//! ```
//! A call that is passed on as it comes is Passing from Receiving to its reply. One that would be dispatched while too much
//! waits to be written is Held first (wire 7.11). CANCEL and an expired deadline ask the session to drop the handler; the
//! terminal frame follows when it is gone.

use std::num::NonZeroU64;
use std::time::Instant;

use bytes::Bytes;

use super::assembly::Assembly;
use super::event::{Inbound, Shape, Stop};
use super::stream::Stream;
use super::table::lengthen;
use crate::Status;
use crate::frame::RouteRef;

/// One of the peer's calls.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) state: ServedState,
    /// The peer has sent END, RESET or CANCEL.
    pub(crate) caller_ended: bool,
    /// The handler was asked to go.
    pub(crate) stopped: Option<Stop>,
    /// Bytes still to come of a request that nobody wants (wire 6.5, 8.9).
    pub(crate) rest: usize,
    /// Its items, unless it is unary.
    pub(crate) stream: Option<Box<Stream>>,
    /// Before which batch our last terminal frame was encoded, counted from 1: until that is made, the peer cannot have read it.
    left_with: Option<NonZeroU64>,
}

#[derive(Debug)]
pub(crate) enum ServedState {
    Idle,
    Receiving(Box<Request>),
    /// Whole, and not yet handed to the session.
    Held(Box<Inbound>),
    /// Handed to the session.
    Running,
    /// As that, while its request still comes: it is passed on.
    Passing(Box<Passing>),
    /// Its reply waits for credit or is on its way in fragments.
    Replying,
    /// Its terminal frame was encoded; what the caller still sends is discarded.
    Ended,
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
    /// How many calls were taken before it: its number may be another's later.
    pub(crate) serial: u64,
}

/// A request that is passed on as it comes.
#[derive(Debug)]
pub(crate) struct Passing {
    pub(crate) assembly: Assembly,
    /// Why it will never be whole.
    pub(crate) broken: Option<Status>,
}

impl Served {
    /// Whether its handler runs.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state, ServedState::Running | ServedState::Passing(_))
    }

    const IDLE: Self = Self {
        state: ServedState::Idle,
        caller_ended: false,
        stopped: None,
        rest: 0,
        stream: None,
        left_with: None,
    };

    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, ServedState::Idle)
    }
}

fn counted(batches: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(batches.saturating_add(1))
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

    /// Whether the number is idle for the peer too: the terminal frame of its last call has left with a batch.
    pub(crate) fn is_idle(&self, number: u32, batches: u64) -> bool {
        let slot = self.slots.get(number as usize - 1);
        slot.is_none_or(|served| served.is_idle() && served.left_with != counted(batches))
    }

    /// The call's slot, whatever its state; `None` if it was never used.
    pub(crate) fn get(&mut self, number: u32) -> Option<&mut Served> {
        self.slots.get_mut((number as usize).checked_sub(1)?)
    }

    /// The slot of a call that is open.
    pub(crate) fn open(&mut self, number: u32) -> Option<&mut Served> {
        self.get(number).filter(|served| !served.is_idle())
    }

    /// The slot of a call whose handler runs.
    pub(crate) fn running(&mut self, number: u32) -> Option<&mut Served> {
        self.get(number).filter(|served| served.is_running())
    }

    /// Those that are streams.
    pub(crate) fn streams(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.slots.iter_mut().filter_map(|served| served.stream.as_deref_mut())
    }

    /// CALL: takes the number, which is within the limit and idle.
    pub(crate) fn begin(&mut self, number: u32, state: ServedState, caller_ended: bool) -> &mut Served {
        let index = number as usize - 1;
        lengthen(&mut self.slots, index + 1, || Served::IDLE);
        self.taken += 1;
        self.busy += 1;
        let slot = &mut self.slots[index];
        *slot = Served { state, caller_ended, ..Served::IDLE };
        slot
    }

    /// Our terminal frame is encoded, for the batch after `batches`, or has left (`None`).
    pub(crate) fn callee_ended(&mut self, number: u32, left_with: Option<u64>) {
        if let Some(served) = self.open(number) {
            served.state = ServedState::Ended;
            served.left_with = left_with.and_then(counted);
        }
    }

    /// Makes the number idle if both sides have ended. True: it did.
    pub(crate) fn settle(&mut self, number: u32) -> bool {
        let Some(served) = self.open(number) else { return false };
        let over = served.caller_ended && matches!(served.state, ServedState::Ended);
        if over {
            *served = Served { left_with: served.left_with, ..Served::IDLE };
            self.busy -= 1;
        }
        over
    }

    /// Gives memory back if there is no call. All terminal frames must have left with a batch.
    pub(crate) fn shrink(&mut self) {
        if self.busy == 0 {
            self.slots = Vec::new();
        }
    }

    /// The connection ended: no call is open any more. The numbers of those whose handlers still have to be told; and what was
    /// held of calls that will have none.
    pub(crate) fn end(&mut self) -> (Vec<u32>, u64) {
        self.busy = 0;
        let slots = std::mem::take(&mut self.slots);
        let costs = slots.iter().map(|served| match &served.state {
            ServedState::Receiving(request) => request.cost,
            ServedState::Held(call) => call.cost,
            _ => 0,
        });
        let cost = costs.sum();
        let numbered = slots.iter().enumerate();
        let running = numbered.filter(|(_, served)| served.is_running() && served.stopped.is_none());
        (running.map(|(index, _)| index as u32 + 1).collect(), cost)
    }
}
