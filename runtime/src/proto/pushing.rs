//! Pushes, both ways (wire 10): room in a lane, order, what was taken. Called by [`Push`](crate::Push) and the
//! runner through the session.

use bytes::{Bytes, BytesMut};

use super::opening::{OpenRoute, exact, write_guarded};
use super::outbox::{Large, LargeKind};
use super::{Connection, Event, MESSAGE_COST};
use crate::frame::{
    Credit, FragmentOf, Outline, PlainHead, PushHead, Reset, RouteOut, RouteRef, Scope, Settings, Text,
};
use crate::message::Payload;
use crate::{Code, Error, MethodSpec, Status};

/// A push that is about to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pushing<'a> {
    pub(crate) route: OpenRoute<'a>,
    pub(crate) lane: u32,
    pub(crate) block: &'a [u8],
    pub(crate) len: usize,
}

/// Whether a push can go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushRoom {
    /// In place, with [`Connection::push_in_place`].
    InPlace,
    /// Encoded outside the lock, with [`Connection::push_large`].
    Large,
    /// Not now: why.
    Full(&'static str),
}

/// What a small push of a method comes to, found once: the next one need not look it up, nor be checked again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    spec: &'static MethodSpec,
    pub(crate) lane: u32,
    head: PlainHead,
    /// The longest message that every limit lets through and one frame holds.
    longest: usize,
}

/// Methods that are kept in mind.
pub(super) const KNOWN: usize = 8;

/// Where a method is kept, if it is: specs of a service lie side by side.
fn place_of(spec: &'static MethodSpec) -> usize {
    std::ptr::from_ref(spec) as usize / size_of::<MethodSpec>() % KNOWN
}

impl Connection {
    /// What is known of a method that was pushed before.
    pub(crate) fn known_push(&self, spec: &'static MethodSpec) -> Option<Known> {
        self.lanes.known.as_ref()?[place_of(spec)].filter(|known| std::ptr::eq(known.spec, spec))
    }

    /// Whether a push without a block can go now, in place. Asks for nothing if not.
    pub(crate) fn takes_push(&mut self, known: &Known, len: usize) -> bool {
        if len > known.longest || self.outbox.encoded() >= self.send_buffer || self.takes_none().is_some() {
            return false;
        }
        let lane = &self.lanes.out[known.lane as usize];
        lane.busy.is_none() && lane.account.available() >= MESSAGE_COST + len as u64
    }

    /// Sends a push that it [takes](Self::takes_push).
    pub(crate) fn push_known(
        &mut self,
        known: &Known,
        len: usize,
        write: impl FnOnce(&mut BytesMut),
    ) -> Result<(), Error> {
        let (lane, cost) = (known.lane, MESSAGE_COST + len as u64);
        self.write_push(lane, (len, cost), |out| known.head.encode(len, out), write)
    }

    /// Keeps in mind what a push of this method came to. The peer's settings do not change any more.
    fn keep_push(&mut self, pushing: &Pushing<'_>, route: RouteOut<'_>) {
        let (OpenRoute::Spec(spec), RouteOut::Number(number), true) =
            (pushing.route, route, self.peer.ready && pushing.block.is_empty())
        else {
            return;
        };
        let limits = [
            spec.max_message.unwrap_or(usize::MAX),
            self.ours.message_limit as usize,
            self.peer.settings.message_limit as usize,
            self.max_fragment.saturating_sub(MESSAGE_COST as usize),
        ];
        let longest = limits.into_iter().min().unwrap_or(0);
        // A frame of that length must fit.
        if self.fits_in_place(pushing.route, longest, 0) {
            let lane = pushing.lane;
            let head = PlainHead::new(lane, number);
            let known = self.lanes.known.get_or_insert_default();
            known[place_of(spec)] = Some(Known { spec, lane, head, longest });
        }
    }

    /// Whether every limit lets a push through, as far as the peer has said.
    pub(crate) fn allows_push(&self, pushing: &Pushing<'_>) -> bool {
        let block = pushing.block.len();
        self.check_size(pushing.route.max_message(), pushing.len).is_ok()
            && (block == 0 || self.check_block(block).is_ok())
    }

    /// So many pushes wait in the session's queues.
    pub(crate) fn pushes_queued(&mut self, pushes: usize) {
        let before = std::mem::replace(&mut self.lanes.queued, pushes);
        if before > 0 && pushes == 0 {
            self.check_drained();
        }
    }

    /// Refuses what can never be sent.
    pub(crate) fn check_push(&self, pushing: &Pushing<'_>) -> Result<(), Status> {
        self.check_open(pushing.route, pushing.len, pushing.block.len())
    }

    /// The lane that a push of this service takes: a service has one, as far as the peer's lanes go.
    pub(crate) fn lane_of(&self, service: u32) -> u32 {
        service % self.lanes.used()
    }

    /// Whether there is room in the lane now. If credit is wanting, the peer is asked for it, which is a promise to
    /// push once it is there (wire 7.8): who then no longer wants to says so with
    /// [`push_unwanted`](Self::push_unwanted).
    pub(crate) fn push_room(&mut self, pushing: &Pushing<'_>) -> PushRoom {
        if self.refusal().is_some() {
            return PushRoom::Full("the other end takes no more pushes");
        }
        self.queued_room(pushing)
    }

    /// As [`push_room`](Self::push_room), for a push that was queued: while we drain it still goes.
    pub(crate) fn queued_room(&mut self, pushing: &Pushing<'_>) -> PushRoom {
        let cost = self.push_cost(pushing);
        let in_place = self.fits_in_place(pushing.route, pushing.len, pushing.block.len());
        let too_early = !self.peer.ready && cost > u64::from(Settings::initial().message_limit);
        if !self.has_buffer(cost) {
            return PushRoom::Full("the write buffer is full (`send_buffer`)");
        }
        let Some(lane) = self.lanes.out(pushing.lane) else {
            return PushRoom::Full("the other end has no such lane (`max_lanes` there)");
        };
        if lane.busy.is_some() {
            return PushRoom::Full("a large push is still on its way in this lane");
        }
        if too_early {
            return PushRoom::Full("the other end has not said yet how large a push may be");
        }
        if lane.account.available() < cost {
            lane.unwanted = false;
            if let Some(total) = lane.account.ask(cost) {
                // Behind the pushes before it: else the lane would be lent room as if it held nothing.
                Credit { scope: Scope::Lane(pushing.lane), total }.encode_blocked(self.outbox.small());
            }
            return PushRoom::Full("the other end has not taken earlier pushes (`lane_credit` there)");
        }
        if in_place { PushRoom::InPlace } else { PushRoom::Large }
    }

    /// Of those that [`push_room`](Self::push_room) had wait for credit in this lane, nobody wants to push any more.
    pub(crate) fn push_unwanted(&mut self, lane: u32) {
        if let Some(out) = self.lanes.out(lane) {
            out.unwanted = true;
            self.keep_promise(lane);
        }
    }

    /// What BLOCKED promised follows even if nobody wants it any more: as first frame and RESET (wire 7.8).
    pub(super) fn keep_promise(&mut self, lane: u32) {
        let limit = self.peer.settings.message_limit;
        let refused = self.refusal().is_some();
        let Some(out) = self.lanes.out(lane) else { return };
        let promised = out.account.promised();
        let route = "-";
        let head = MESSAGE_COST + route.len() as u64;
        if promised <= head || refused {
            out.account.forget_promise();
            out.unwanted = false;
        }
        if !out.unwanted || out.busy.is_some() || out.account.available() < promised {
            return;
        }
        out.unwanted = false;
        let total = u32::try_from(promised - head).unwrap_or(u32::MAX).min(limit);
        out.account.spend(head + u64::from(total));
        out.account.forget_promise();
        self.lanes.begun += 1;
        self.lanes.ended += 1;
        let buffer = self.outbox.small();
        let outline = Outline { len: 0, total: Some(total), compressed: false };
        PushHead { lane, route: RouteOut::Name(route), block: &[] }.encode(outline, buffer);
        let text = Text::from("no longer wanted");
        Reset { of: FragmentOf::Lane(lane), code: Code::CANCELLED.number(), text }.encode(buffer);
    }

    fn push_cost(&mut self, pushing: &Pushing<'_>) -> u64 {
        self.call_cost(pushing.route, pushing.len, pushing.block.len())
    }

    /// Sends a small push; `write` appends its message.
    pub(crate) fn push_in_place(
        &mut self,
        pushing: Pushing<'_>,
        write: impl FnOnce(&mut BytesMut),
    ) -> Result<(), Error> {
        let cost = self.push_cost(&pushing);
        let route = self.route_out(pushing.route);
        let head = PushHead { lane: pushing.lane, route, block: pushing.block };
        let outline = Outline::whole(pushing.len);
        self.write_push(pushing.lane, (pushing.len, cost), |out| head.encode(outline, out), write)?;
        self.keep_push(&pushing, route);
        Ok(())
    }

    #[inline]
    fn write_push(
        &mut self,
        lane: u32,
        (len, cost): (usize, u64),
        head: impl FnOnce(&mut BytesMut),
        write: impl FnOnce(&mut BytesMut),
    ) -> Result<(), Error> {
        let buffer = self.outbox.small();
        let start = buffer.len();
        let written = write_guarded(buffer, head, write);
        if let Err(error) = exact(written, len) {
            self.outbox.small().truncate(start);
            return Err(error);
        }
        if let Some(lane) = self.lanes.out(lane) {
            let fits = lane.account.spend(cost);
            debug_assert!(fits && lane.busy.is_none(), "there was room");
        }
        self.lanes.begun += 1;
        self.lanes.ended += 1;
        Ok(())
    }

    /// Sends a large push, encoded outside the lock. There must be [`PushRoom::Large`] under the lock that is held
    /// now: what was true before the message was encoded may have changed.
    pub(crate) fn push_large(&mut self, pushing: Pushing<'_>, message: Payload) {
        if self.is_over() {
            return;
        }
        let cost = self.push_cost(&pushing);
        let route = match self.route_out(pushing.route) {
            RouteOut::Number(number) => RouteRef::Number(number),
            RouteOut::Name(name) => RouteRef::Name(Text::from(name.to_owned())),
        };
        let place = self.lanes.begun;
        let Some(lane) = self.lanes.out(pushing.lane) else { return };
        let fits = lane.account.spend(cost);
        debug_assert!(fits && lane.busy.is_none(), "there was room");
        lane.busy = Some(place);
        self.lanes.begun += 1;
        let what = LargeKind::Push { lane: pushing.lane, route };
        let block = Bytes::copy_from_slice(pushing.block);
        self.outbox.push_large(Large { what, block, message, begun: false });
    }

    /// A large push of ours has left, or is not to leave any more.
    pub(super) fn large_push_ended(&mut self, lane: u32) {
        self.lanes.ended += 1;
        if let Some(out) = self.lanes.out(lane) {
            out.busy = None;
            self.events.push_back(Event::LaneRoom);
            self.keep_promise(lane);
        }
    }

    /// How many of our pushes were begun, have ended, and were taken by the peer as far as it said.
    pub(crate) fn push_counts(&self) -> (u64, u64, u64) {
        (self.lanes.begun, self.lanes.ended, self.lanes.peer_taken)
    }

    /// Pushes that were not run because nobody serves them, or they were refused.
    pub(crate) fn pushes_dropped(&mut self, count: u64) {
        self.lanes.dropped += count;
    }
}
