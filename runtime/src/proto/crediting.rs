//! CREDIT and BLOCKED, both ways (wire 7). What we owe of them is noted, and written with the next batch: so an end
//! that cannot write owes one CREDIT for each account, the newest (wire 7.11).

use super::outbox::Outbox;
use super::{Connection, Event, MESSAGE_COST};
use crate::frame::{Credit, EndCode, FrameError, ROUTE_LIMIT, Scope};

/// The accounts whose new total the peer has not been told. Each is told once a batch.
#[derive(Debug, Default)]
pub(super) struct Owed {
    calls: bool,
    replies: bool,
    pub(super) lanes: Vec<u32>,
}

impl Owed {
    pub(super) fn is_empty(&self) -> bool {
        !self.calls && !self.replies && self.lanes.is_empty()
    }
}

impl Connection {
    pub(super) fn on_credit(&mut self, credit: Credit) -> Result<(), FrameError> {
        match credit.scope {
            Scope::Calls => {
                if self.calls_account.grow_to(credit.total) > 0 {
                    self.call_room = true;
                }
            }
            Scope::Replies => {
                self.replies_account.grow_to(credit.total);
                self.pump_replies();
            }
            Scope::Lane(lane) if lane >= self.lanes.peer_lanes => {
                return Err(FrameError::new(EndCode::LimitExceeded, "7.9", "CREDIT for a lane that is none"));
            }
            Scope::Lane(lane) => {
                if let Some(out) = self.lanes.out(lane) {
                    out.account.grow_to(credit.total);
                    self.events.push_back(Event::LaneRoom);
                    self.keep_promise(lane);
                }
            }
            // Of a call without streams, or late (wire 7.9, 8.10).
            Scope::Stream(_) => {}
        }
        Ok(())
    }

    pub(super) fn on_blocked(&mut self, wanted: Credit) -> Result<(), FrameError> {
        match wanted.scope {
            Scope::Calls => self.owed.calls |= self.calls_grant.want(wanted.total),
            Scope::Replies => self.owed.replies |= self.replies_grant.want(wanted.total),
            Scope::Stream(_) => {}
            Scope::Lane(lane) => {
                let Some(inn) = self.lanes.inn(lane) else {
                    let text = "BLOCKED in a lane over ours";
                    return Err(FrameError::new(EndCode::LimitExceeded, "7.9", text));
                };
                let grew = inn.grant.want(wanted.total);
                if inn.grant.is_wanted() && !inn.asks {
                    inn.asks = true;
                    self.lanes.asking.push_back(lane);
                }
                self.owe_lane(lane, grew);
                self.grant_large_pushes();
            }
        }
        Ok(())
    }

    /// A call's request was handed on (wire 7.5).
    pub(crate) fn free_calls(&mut self, cost: u64) {
        self.calls_grant.free(cost);
        self.owed.calls |= self.calls_grant.raise_if_due();
    }

    /// A reply is whole, or dropped (wire 7.5).
    pub(super) fn free_replies(&mut self, cost: u64) {
        if cost > 0 {
            self.replies_grant.free(cost);
            self.owed.replies |= self.replies_grant.raise_if_due();
        }
    }

    /// A push of the peer's was handed to its handler, or dropped there (wire 7.5).
    pub(crate) fn push_handed_on(&mut self, lane: u32, cost: u64) {
        let Some(inn) = self.lanes.inn(lane) else { return };
        inn.grant.free(cost);
        let grew = inn.grant.raise_if_due();
        self.owe_lane(lane, grew);
        self.grant_large_pushes();
    }

    fn owe_lane(&mut self, lane: u32, grew: bool) {
        let Some(inn) = self.lanes.inn(lane).filter(|inn| grew && !inn.owed) else { return };
        inn.owed = true;
        self.owed.lanes.push(lane);
    }

    /// Gives one lane after the other, in the order of asking, what it needs for one large push (wire 7.8): those
    /// that hold nothing. A turn lasts until what was lent is spent and the push is whole.
    pub(super) fn grant_large_pushes(&mut self) {
        if self.lanes.asking.is_empty() {
            return;
        }
        let slack = MESSAGE_COST + u64::from(self.ours.metadata_limit) + ROUTE_LIMIT as u64;
        let largest = slack + u64::from(self.ours.message_limit);
        if let Some(inn) = self.lanes.turn.and_then(|lane| self.lanes.inn(lane)) {
            if inn.under_way.is_some() || inn.grant.unspent() > inn.grant.window() + slack {
                return;
            }
        }
        self.lanes.turn = None;
        for _ in 0..self.lanes.asking.len() {
            let Some(lane) = self.lanes.asking.pop_front() else { break };
            let Some(inn) = self.lanes.inn(lane) else { continue };
            if inn.grant.is_wanted() && (inn.grant.held() > 0 || inn.under_way.is_some()) {
                self.lanes.asking.push_back(lane);
                continue;
            }
            inn.asks = false;
            if inn.grant.is_wanted() {
                let grew = inn.grant.lend(largest);
                self.owe_lane(lane, grew);
                // The others come after it.
                self.lanes.turn = Some(lane);
            }
            if self.lanes.turn.is_some() {
                break;
            }
        }
    }

    /// Writes the CREDIT that is owed.
    pub(super) fn write_owed(&mut self) {
        let out = &mut self.outbox;
        if std::mem::take(&mut self.owed.calls) {
            write_credit(Scope::Calls, self.calls_grant.total(), out);
        }
        if std::mem::take(&mut self.owed.replies) {
            write_credit(Scope::Replies, self.replies_grant.total(), out);
        }
        for lane in self.owed.lanes.drain(..) {
            if let Some(inn) = self.lanes.inn(lane) {
                inn.owed = false;
                write_credit(Scope::Lane(lane), inn.grant.total(), out);
            }
        }
    }
}

fn write_credit(scope: Scope, total: u64, out: &mut Outbox) {
    Credit { scope, total }.encode(out.control());
}
