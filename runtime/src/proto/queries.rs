//! What the session asks of the machine without changing it.

use super::{Connection, Stop};

/// What a connection holds at a moment, and what it has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InFlight {
    pub(crate) calling: usize,
    pub(crate) serving: usize,
    pub(crate) unsent: usize,
    pub(crate) held: u64,
    pub(crate) late_replies: u64,
    pub(crate) dropped_pushes: u64,
}

/// What streams hold at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StreamsHeld {
    /// Calls that are streams, of both ends.
    pub(crate) open: usize,
    /// Items that came and that no reader has, or are half here, and items that wait for credit.
    pub(crate) bytes: u64,
}

impl Connection {
    /// Whether [`poll_event`](Self::poll_event) or [`take_work`](Self::take_work) would give anything.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty() || !self.work.is_empty() || !self.answered.is_empty() || self.buffer_freed()
    }

    /// Pushes and items that were ever begun: what comes without an answer to wait for.
    pub(crate) fn one_way_begun(&self) -> u64 {
        self.lanes.begun + self.items_begun
    }

    /// Whether more than one call is in flight.
    pub(crate) fn is_busy(&self) -> bool {
        self.calling.busy() + self.serving.busy() > 1
    }

    /// Whether there may be room for calls that wait.
    pub(crate) fn has_call_room(&self) -> bool {
        self.call_room
    }

    /// Whether new calls have a chance.
    pub(crate) fn takes_calls(&self) -> bool {
        self.takes_some()
    }

    /// What may be spent on calls now.
    pub(crate) fn call_credit(&self) -> u64 {
        self.calls_account.available()
    }

    /// Why the handler of this call must go, if it must.
    pub(crate) fn stopped(&mut self, number: u32) -> Option<Stop> {
        if self.is_over() {
            return Some(Stop::Cancelled);
        }
        let served = self.serving.open(number)?;
        if !served.is_running() {
            return None;
        }
        served.stopped
    }

    /// Whether the first `begun` of our pushes have all left.
    pub(crate) fn pushes_ended(&self, begun: u64) -> bool {
        self.lanes.out.iter().all(|lane| lane.busy.is_none_or(|place| place >= begun))
    }

    /// How many of our calls have left, ever.
    #[cfg(all(test, protocall_loom))]
    pub(crate) fn calls_left(&self) -> u64 {
        self.calling.left()
    }

    /// What is in flight: our calls, the peer's, bytes that wait.
    pub(crate) fn in_flight(&self) -> InFlight {
        InFlight {
            calling: self.calling.busy(),
            serving: self.serving.busy(),
            unsent: self.outbox.waiting(),
            held: self.calls_grant.held() + self.replies_grant.held(),
            late_replies: self.calling.late,
            dropped_pushes: self.lanes.dropped,
        }
    }

    /// What streams hold. It looks at each: for who asks now and then.
    pub(crate) fn streams_held(&mut self) -> StreamsHeld {
        let mut held = StreamsHeld::default();
        for stream in self.calling.streams().chain(self.serving.streams()) {
            held.open += 1;
            held.bytes += stream.held();
        }
        held
    }
}
