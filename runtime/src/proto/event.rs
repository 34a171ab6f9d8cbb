//! What the machine tells its session after it was given frames or time.

use std::ops::Range;
use std::time::Instant;

use bytes::Bytes;

use super::{MESSAGE_COST, StreamKey};
use crate::Reason;
use crate::frame::{CallId, RouteRef, Run, Services, Text};

/// Something that the session must do, in the order in which it came about.
#[derive(Debug)]
pub(crate) enum Event {
    /// The peer's HELLO was read: what it serves and will call.
    Hello(Box<Announced>),
    /// The peer is ready, so its settings are in force (wire 4.3).
    Ready,
    /// An AUTH frame's bytes (wire 4.4).
    #[allow(dead_code, reason = "read by authentication, which is to come")]
    Auth(Bytes),
    /// A call of the peer's is over before its handler was: drop the handler, then say so.
    Stopped(CallId, Stop),
    /// An answer is there for a call of ours.
    Answered(u32),
    /// The answer of this call of ours is under way, in fragments.
    ReplyBegun(u32),
    /// There is something for who reads this stream, or takes this call's message in pieces.
    Readable(CallId),
    /// There may be room for who sends into this stream.
    Writable(CallId),
    /// There may be room for pushes that wait in this lane.
    LaneRoom,
    /// More has come of a push that is passed on, or it has ended.
    PushGoesOn,
    /// The peer took so many pushes.
    PushesTaken,
    /// No new calls can be opened: the peer drains, or we do and are done with its calls.
    PeerDrains,
    /// The connection ended. Nothing comes after it.
    Ended(Reason),
}

/// Something for who runs handlers, in the order in which it came. Not an [`Event`]: it is large and comes by the million, so
/// it is put down where it waits, and all of it is taken at once.
#[derive(Debug)]
pub(crate) enum Work {
    /// The peer bound its next route number.
    Bound(Text),
    /// The request of this call is under way, in fragments.
    Begun(u32),
    /// A call to run.
    Call(Inbound),
    /// Pushes to run, in their lane.
    Push(InboundPush),
    /// A push is under way in this lane, in fragments; and its serial.
    PushBegun(u32, u64),
}

/// What the peer's HELLO says of its services.
#[derive(Debug, Default)]
pub(crate) struct Announced {
    pub(crate) serves: Option<Services>,
    pub(crate) calls: Option<Services>,
}

/// A call of the peer's, whole.
#[derive(Debug)]
pub(crate) struct Inbound {
    pub(crate) id: CallId,
    pub(crate) route: RouteRef,
    pub(crate) deadline: Option<Instant>,
    pub(crate) block: Bytes,
    pub(crate) shape: Shape,
    pub(crate) message: Bytes,
    /// Its streams, unless it is unary.
    pub(crate) stream: Option<StreamKey>,
    /// What to free once it is handed on (wire 7.5).
    pub(crate) cost: u64,
}

/// Which sides of a call send many messages (wire 8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Unary,
    ServerStream,
    ClientStream,
    Bidi,
}

impl Shape {
    /// Whether the call carries its one request.
    pub(crate) fn has_request(self) -> bool {
        matches!(self, Self::Unary | Self::ServerStream)
    }

    /// Whether its answer is a stream of items.
    pub(crate) fn answers_with_items(self) -> bool {
        matches!(self, Self::ServerStream | Self::Bidi)
    }
}

/// A push of the peer's, whole; or many of one route that came one after the other, which have no block.
#[derive(Debug)]
pub(crate) struct InboundPush {
    pub(crate) lane: u32,
    pub(crate) route: RouteRef,
    pub(crate) block: Bytes,
    pub(crate) messages: Messages,
}

/// The message of a push or of an item, or those of many that came one after the other.
#[derive(Debug)]
pub(crate) enum Messages {
    /// With what to free once it is handed on (wire 7.5).
    One(Bytes, u64),
    Run(Run),
    /// One that is passed on while it comes.
    Coming(ComingPush),
    None,
}

/// A push that is passed on while it comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ComingPush {
    pub(crate) serial: u64,
    pub(crate) len: usize,
    /// What to free once it is taken.
    pub(crate) cost: u64,
}

impl InboundPush {
    /// What to free once it is handed on, all of it.
    pub(crate) fn cost(&self) -> u64 {
        self.messages.cost()
    }
}

/// What a run costs (wire 7.1).
pub(super) fn cost_of_run(run: &Run) -> u64 {
    u64::from(run.count()) * MESSAGE_COST + run.total() as u64
}

impl Messages {
    /// What to free once they are handed on, all of it.
    pub(crate) fn cost(&self) -> u64 {
        match self {
            Self::One(_, cost) => *cost,
            Self::Run(run) => cost_of_run(run),
            Self::Coming(push) => push.cost,
            Self::None => 0,
        }
    }

    /// Whether there is none left.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::One(..) | Self::Coming(_) => false,
            Self::Run(run) => run.count() == 0,
            Self::None => true,
        }
    }

    /// The next message, read by `read` from where it lies, and what to free once it is handed on.
    #[inline]
    pub(crate) fn read_next<T>(&mut self, read: impl FnOnce(&Bytes, Range<usize>) -> T) -> Option<(T, u64)> {
        match self {
            Self::Run(run) => {
                let (message, len) = run.read_next(read)?;
                Some((message, MESSAGE_COST + len as u64))
            }
            Self::One(message, cost) => {
                let (message, cost) = (read(message, 0..message.len()), *cost);
                *self = Self::None;
                Some((message, cost))
            }
            Self::Coming(_) | Self::None => None,
        }
    }

    /// The next message, and what to free once it is handed on.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<(Bytes, u64)> {
        if let Self::Run(run) = self {
            let message = run.next()?;
            let cost = MESSAGE_COST + message.len() as u64;
            return Some((message, cost));
        }
        match std::mem::replace(self, Self::None) {
            Self::One(message, cost) => Some((message, cost)),
            Self::Run(_) | Self::Coming(_) | Self::None => None,
        }
    }
}

/// Why a handler must go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The caller gave up.
    Cancelled,
    /// The deadline passed.
    Expired,
}
