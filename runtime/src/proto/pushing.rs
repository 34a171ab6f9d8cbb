//! Pushes, both ways (wire 10): room in a lane, order, what was taken. Called by [`Push`](crate::Push) and the
//! runner through the session.

use bytes::{Bytes, BytesMut};

use super::opening::{OpenRoute, exact, write_guarded};
use super::outbox::{Large, LargeKind};
use super::{Connection, MESSAGE_COST};
use crate::frame::{Credit, Outline, PushHead, RouteOut, RouteRef, Scope, Settings, Text};
use crate::{Error, Status};

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

impl Connection {
    /// Refuses what can never be sent.
    pub(crate) fn check_push(&self, pushing: &Pushing<'_>) -> Result<(), Status> {
        self.check_open(pushing.route, pushing.len, pushing.block.len())
    }

    /// The lane that a push of this service takes: a service has one, as far as the peer's lanes go.
    pub(crate) fn lane_of(&self, service: u32) -> u32 {
        service % self.lanes.peer_lanes.max(1)
    }

    /// Whether there is room in the lane now.
    pub(crate) fn push_room(&mut self, pushing: &Pushing<'_>) -> PushRoom {
        let cost = self.push_cost(pushing);
        let in_place = self.fits_in_place(pushing.route, pushing.len, pushing.block.len());
        let too_early = !self.peer.ready && cost > u64::from(Settings::initial().message_limit);
        if !self.has_buffer() {
            return PushRoom::Full("the write buffer is full (`send_buffer`)");
        }
        let lane = self.lanes.out(pushing.lane);
        if lane.busy.is_some() {
            return PushRoom::Full("a large push is still on its way in this lane");
        }
        if too_early || lane.account.available() < cost {
            if let Some(total) = lane.account.ask(cost) {
                Credit { scope: Scope::Lane(pushing.lane), total }.encode_blocked(self.outbox.control());
            }
            return PushRoom::Full("the other end has not taken earlier pushes (`lane_credit` there)");
        }
        if in_place { PushRoom::InPlace } else { PushRoom::Large }
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
        let buffer = self.outbox.small();
        let start = buffer.len();
        let written = write_guarded(buffer, |out| head.encode(Outline::whole(pushing.len), out), write);
        if let Err(error) = exact(written, pushing.len) {
            self.outbox.small().truncate(start);
            return Err(error);
        }
        self.lanes.out(pushing.lane).account.spend(cost);
        self.lanes.begun += 1;
        self.lanes.ended += 1;
        Ok(())
    }

    /// Sends a large push, encoded outside the lock.
    pub(crate) fn push_large(&mut self, pushing: Pushing<'_>, message: Bytes) {
        let cost = self.push_cost(&pushing);
        let route = match self.route_out(pushing.route) {
            RouteOut::Number(number) => RouteRef::Number(number),
            RouteOut::Name(name) => RouteRef::Name(Text::from(name.to_owned())),
        };
        let place = self.lanes.begun;
        self.lanes.begun += 1;
        let lane = self.lanes.out(pushing.lane);
        lane.account.spend(cost);
        lane.busy = Some(place);
        let what = LargeKind::Push { lane: pushing.lane, route };
        let block = Bytes::copy_from_slice(pushing.block);
        self.outbox.push_large(Large { what, block, message, begun: false });
    }

    /// How many of our pushes were begun, have ended, and were taken by the peer as far as it said.
    pub(crate) fn push_counts(&self) -> (u64, u64, u64) {
        (self.lanes.begun, self.lanes.ended, self.lanes.peer_taken)
    }

    /// A push of the peer's was handed to its handler, or dropped there (wire 7.5).
    pub(crate) fn push_handed_on(&mut self, lane: u32, cost: u64) {
        let Some(inn) = self.lanes.inn(lane) else { return };
        inn.grant.free(cost);
        if let Some(total) = inn.grant.due() {
            Credit { scope: Scope::Lane(lane), total }.encode(self.outbox.control());
        }
        self.grant_large_pushes();
    }

    /// Gives the lanes that asked, and hold nothing, what they need for one large push (wire 7.8).
    pub(super) fn grant_large_pushes(&mut self) {
        let largest = MESSAGE_COST
            + u64::from(self.ours.message_limit)
            + u64::from(self.ours.metadata_limit)
            + crate::frame::ROUTE_LIMIT as u64;
        let mut asking = std::mem::take(&mut self.lanes.asking);
        asking.retain(|&lane| {
            let Some(inn) = self.lanes.inn(lane) else { return false };
            if inn.grant.held() > 0 || inn.under_way.is_some() {
                return true;
            }
            if let Some(wanted) = inn.wanted.take() {
                let total = inn.grant.raise_to(wanted, largest);
                Credit { scope: Scope::Lane(lane), total }.encode(self.outbox.control());
            }
            false
        });
        self.lanes.asking = asking;
    }

    /// Pushes that were not run because nobody serves them, or they were refused.
    pub(crate) fn push_dropped(&mut self) {
        self.lanes.dropped += 1;
    }
}
