//! What the machine tells its session after it was given frames or time.

use std::time::Instant;

use bytes::Bytes;

use crate::Reason;
use crate::frame::{CallId, RouteRef, Services, Text};

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
    /// The peer bound its next route number.
    Bound(Text),
    /// A call to run.
    Call(Inbound),
    /// A push to run, in its lane.
    Push(InboundPush),
    /// A call of the peer's is over before its handler was: drop the handler, then say so.
    Stopped(CallId, Stop),
    /// An answer is there for a call of ours.
    Answered(u32),
    /// There may be room for pushes that wait in this lane.
    LaneRoom,
    /// The peer took so many pushes.
    PushesTaken,
    /// No new calls can be opened: the peer drains, or we do and are done with its calls.
    PeerDrains,
    /// The connection ended. Nothing comes after it.
    Ended(Reason),
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

/// A push of the peer's, whole.
#[derive(Debug)]
pub(crate) struct InboundPush {
    pub(crate) lane: u32,
    pub(crate) route: RouteRef,
    pub(crate) block: Bytes,
    pub(crate) message: Bytes,
    pub(crate) cost: u64,
}

/// Why a handler must go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The caller gave up.
    Cancelled,
    /// The deadline passed.
    Expired,
}
