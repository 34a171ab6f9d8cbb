//! How a call of ours begins and how its caller lets go of it. Called by [`Call`](crate::Call) through the session.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::calling::{Kept, State};
use super::outbox::{Large, LargeKind, whole_millis};
use super::routes::OurRoute;
use super::{Connection, MESSAGE_COST, Shape};
use crate::frame::{
    Bind, CallHead, CallId, Credit, Outline, ROUTE_LIMIT, RouteOut, RouteRef, Scope, Settings, Text,
};
use crate::message::Payload;
use crate::{Error, MethodSpec, Status};

/// What a frame may hold ahead of its message beside the block: fields, and the longest route or status text.
const HEAD: usize = 64 + ROUTE_LIMIT;

/// A call that is about to be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening<'a> {
    pub(crate) route: OpenRoute<'a>,
    pub(crate) shape: Shape,
    /// How much of its time is left.
    pub(crate) left: Option<Duration>,
    /// The whole of it, for the error's text.
    pub(crate) limit: Option<Duration>,
    pub(crate) block: &'a [u8],
    /// The message's encoded length.
    pub(crate) len: usize,
}

/// How the caller names a route.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OpenRoute<'a> {
    /// A generated method: its route gets a number.
    Spec(&'static MethodSpec),
    /// Any name: travels in full.
    Name(&'a str),
    /// The name of a route that is passed on: it gets a number too.
    PassedOn(&'a str),
}

impl OpenRoute<'_> {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Spec(spec) => spec.route,
            Self::Name(name) | Self::PassedOn(name) => name,
        }
    }

    pub(super) fn max_message(&self) -> Option<usize> {
        match self {
            Self::Spec(spec) => spec.max_message,
            Self::Name(_) | Self::PassedOn(_) => None,
        }
    }
}

/// The right to open one call: a number, and its cost charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Permit {
    pub(crate) number: u32,
}

impl Connection {
    /// Refuses what can never be sent, before anything waits for it.
    pub(crate) fn check_open(&self, route: OpenRoute<'_>, len: usize, block: usize) -> Result<(), Status> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        self.check_size(route.max_message(), len)?;
        if block > 0 {
            self.check_block(block)?;
        }
        if !(1..=ROUTE_LIMIT).contains(&route.name().len()) {
            return Err(Status::invalid_argument("a route has 1 to 1,024 bytes").not_run());
        }
        Ok(())
    }

    /// The three limits of a message's size; the error names the knob of the least.
    pub(super) fn check_size(&self, by_spec: Option<usize>, size: usize) -> Result<(), Status> {
        let peers = match self.peer.ready {
            true => self.peer.settings.message_limit as usize,
            false => usize::MAX,
        };
        let by_spec = by_spec.unwrap_or(usize::MAX);
        let ours = self.ours.message_limit as usize;
        let limit = by_spec.min(ours).min(peers);
        if size <= limit {
            return Ok(());
        }
        let knob = match limit {
            limit if limit == by_spec => "the method's `max_message`",
            limit if limit == ours => "`max_message` of this end",
            _ => "`max_message` of the other end",
        };
        Err(Status::from(Error::MessageTooLarge { size, limit, knob }).not_run())
    }

    pub(super) fn check_block(&self, size: usize) -> Result<(), Status> {
        // The block stands in one frame, whatever the limit of blocks is (wire 6.1).
        let frame = self.peer.settings.frame_limit as usize - HEAD;
        let limit = frame.min(self.peer.settings.metadata_limit as usize);
        if size <= limit {
            return Ok(());
        }
        let knob = "`max_metadata` of the other end";
        Err(Status::from(Error::MessageTooLarge { size, limit, knob }).not_run())
    }

    /// What the opening will cost (wire 7.1). Binds the route if there is a number left for it.
    pub(crate) fn call_cost(&mut self, route: OpenRoute<'_>, len: usize, block: usize) -> u64 {
        cost_to(self.route_out(route), len, block)
    }

    /// The right to open a call now, leaving `keep` of the credit to others; `None`: wait for
    /// [`take_call_room`](Self::take_call_room).
    #[inline]
    pub(crate) fn reserve_call(&mut self, cost: u64, keep: u64) -> Option<Permit> {
        let room = self.calling.has_room() && self.has_buffer(cost);
        let too_early = !self.peer.ready && cost > u64::from(Settings::initial().message_limit);
        if !room || too_early || !self.takes_some() {
            return None;
        }
        if self.calls_account.available() < cost.saturating_add(keep) {
            return None;
        }
        let number = self.calling.reserve(cost)?;
        self.calls_account.spend(cost);
        Some(Permit { number })
    }

    /// Says to the peer that a call waits for credit (wire 7.6).
    pub(crate) fn ask_call_credit(&mut self, cost: u64) {
        if let Some(total) = self.calls_account.ask(cost) {
            Credit { scope: Scope::Calls, total }.encode_blocked(self.outbox.control());
        }
    }

    /// Whether a message of this call may be encoded in place, under the lock.
    pub(crate) fn fits_in_place(&self, route: OpenRoute<'_>, len: usize, block: usize) -> bool {
        len <= self.max_fragment && self.fits_frame(route.name(), len, block)
    }

    #[inline]
    pub(super) fn fits_frame(&self, route: &str, len: usize, block: usize) -> bool {
        32 + route.len() + block + len <= self.peer.settings.frame_limit as usize
    }

    /// Opens a small call; `write` appends its message. A call that fails here was never sent, so it was not run. Its time
    /// begins with [`stamp`](Self::stamp).
    pub(crate) fn open_call(
        &mut self,
        permit: Permit,
        opening: Opening<'_>,
        write: impl FnOnce(&mut BytesMut),
    ) -> Result<(), Error> {
        let route = self.route_out(opening.route);
        self.open_call_to(route, permit, opening, write)
    }

    /// As [`open_call`](Self::open_call), to a route that was looked up under the lock that is held now.
    #[inline(always)]
    pub(crate) fn open_call_to(
        &mut self,
        route: RouteOut<'_>,
        permit: Permit,
        opening: Opening<'_>,
        write: impl FnOnce(&mut BytesMut),
    ) -> Result<(), Error> {
        if let Some(why) = self.takes_none() {
            self.drop_permit(permit);
            return Err(why);
        }
        let id = CallId::new(self.role, permit.number);
        let deadline = opening.left.map(whole_millis);
        let stream = opening.shape.answers_with_items();
        let head = CallHead { id, route, deadline, stream, block: opening.block };
        let outline = opening.shape.has_request().then(|| Outline::whole(opening.len));
        let buffer = self.outbox.small();
        let start = buffer.len();
        let written = write_guarded(buffer, |out| head.encode(outline, out), write);
        if let Err(error) = exact(written, opening.len) {
            self.outbox.small().truncate(start);
            self.drop_permit(permit);
            return Err(error);
        }
        self.outbox.call_encoded(id);
        self.calling.slot(permit.number).at = start as u64;
        self.opened(permit.number, State::Queued, route, opening);
        Ok(())
    }

    /// Opens a large call, whose message was encoded outside the lock. If the connection has ended meanwhile, or the
    /// peer takes no more calls, the call is answered at once.
    pub(crate) fn open_large_call(
        &mut self,
        now: Instant,
        permit: Permit,
        opening: Opening<'_>,
        message: Payload,
    ) {
        let stream = opening.shape.answers_with_items();
        let out = self.route_out(opening.route);
        let route = match out {
            RouteOut::Number(number) => RouteRef::Number(number),
            RouteOut::Name(name) => RouteRef::Name(Text::from(name.to_owned())),
        };
        let id = CallId::new(self.role, permit.number);
        let deadline = opening.left.and_then(|left| now.checked_add(left));
        let what = LargeKind::Call { id, route, deadline, stream };
        let block = Bytes::copy_from_slice(opening.block);
        self.outbox.push_large(Large { what, block, message, begun: false });
        self.opened(permit.number, State::QueuedLarge, out, opening);
        if let Some(why) = self.takes_none() {
            self.withdraw_call(permit.number, why);
        }
    }

    #[inline(always)]
    fn opened(&mut self, number: u32, state: State, route: RouteOut<'_>, opening: Opening<'_>) {
        // A route that was bound while the call waited costs less than was reserved (wire 7.1).
        let cost = cost_to(route, opening.len, opening.block.len());
        if opening.shape != Shape::Unary {
            let stream = self.caller_stream(opening.shape);
            self.calling.slot(number).set_stream(stream);
        }
        let slot = self.calling.slot(number);
        let reserved = slot.cost;
        debug_assert!(cost <= reserved, "a call costs what was reserved, or less");
        slot.cost = cost.min(reserved);
        slot.state = state;
        slot.limit = opening.limit;
        self.calls_account.refund(reserved.saturating_sub(cost));
        if let Some(left) = opening.left {
            self.deadlines.begin(number * 2, left);
        }
    }

    /// Now is when the time of the calls that were opened since the last stamp begins: whoever opens a call need not read
    /// a clock. Called with the lock that opened them held, or soon after, before [`poll_timeout`](Self::poll_timeout).
    pub(crate) fn stamp(&mut self, now: Instant) {
        self.deadlines.stamp(now);
    }

    /// The call is over for its caller.
    pub(super) fn clear_deadline(&mut self, number: u32) {
        self.deadlines.clear(number * 2);
    }

    /// A permit that is not used after all.
    pub(crate) fn drop_permit(&mut self, permit: Permit) {
        let cost = self.calling.slot(permit.number).cost;
        self.calls_account.refund(cost);
        self.release_call(permit.number);
    }

    /// The answer, once it is there. The call is over for its caller then.
    #[inline]
    pub(crate) fn take_answer(&mut self, number: u32) -> Option<Kept> {
        let answer = self.calling.take_answer(number)?;
        self.settle_call(number);
        Some(answer)
    }

    /// How a route is written, after the BIND that it may need.
    pub(crate) fn route_out<'a>(&mut self, route: OpenRoute<'a>) -> RouteOut<'a> {
        let (name, ours) = match route {
            OpenRoute::Name(name) => return RouteOut::Name(name),
            OpenRoute::Spec(spec) => (spec.route, self.routes.ours(spec)),
            OpenRoute::PassedOn(name) => (name, self.routes.passed_on(name)),
        };
        match ours {
            OurRoute::Bound(number) => RouteOut::Number(number),
            OurRoute::Named => RouteOut::Name(name),
            OurRoute::Bind(number) => {
                Bind { number, name: Text::from(name.to_owned()) }.encode(self.outbox.control());
                RouteOut::Number(number)
            }
        }
    }
}

/// What an opening costs (wire 7.1).
#[inline]
pub(crate) fn cost_to(route: RouteOut<'_>, len: usize, block: usize) -> u64 {
    let name = match route {
        RouteOut::Number(_) => 0,
        RouteOut::Name(name) => name.len(),
    };
    MESSAGE_COST + (name + block + len) as u64
}

/// Appends a head and what the user's `encode` writes; takes both back if that panics.
#[inline]
pub(super) fn write_guarded(
    buffer: &mut BytesMut,
    head: impl FnOnce(&mut BytesMut),
    write: impl FnOnce(&mut BytesMut),
) -> usize {
    struct Truncate<'a>(&'a mut BytesMut, usize);
    impl Drop for Truncate<'_> {
        fn drop(&mut self) {
            self.0.truncate(self.1);
        }
    }
    let start = buffer.len();
    let mut guard = Truncate(buffer, start);
    head(guard.0);
    let body = guard.0.len();
    write(guard.0);
    guard.1 = guard.0.len();
    guard.1 - body
}

#[inline]
pub(super) fn exact(written: usize, announced: usize) -> Result<(), Error> {
    match written == announced {
        true => Ok(()),
        false => Err(Error::Encode { announced, written }),
    }
}
