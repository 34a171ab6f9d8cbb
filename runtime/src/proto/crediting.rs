//! CREDIT and BLOCKED, both ways (wire 7). What we owe of them is noted, and written with the next batch: so an end
//! that cannot write owes one CREDIT for each account, the newest (wire 7.11).

use super::account::Grant;
use super::outbox::Outbox;
use super::{Connection, Event, MESSAGE_COST};
use crate::frame::{CallId, Credit, EndCode, FrameError, ROUTE_LIMIT, Scope};

/// The accounts whose new total the peer has not been told. Each is told once a batch.
#[derive(Debug, Default)]
pub(super) struct Owed {
    calls: bool,
    replies: bool,
    pub(super) lanes: Vec<u32>,
    pub(super) streams: Vec<CallId>,
}

/// Who may be lent credit for a large message (wire 7.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    Lane(u32),
    Stream(CallId),
}

/// How it stands with one that asks.
struct Asks<'a> {
    grant: &'a mut Grant,
    asks: &'a mut bool,
    under_way: bool,
    /// Whether it is read.
    reads: bool,
}

impl Owed {
    pub(super) fn is_empty(&self) -> bool {
        !self.calls && !self.replies && self.lanes.is_empty() && self.streams.is_empty()
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
            // Of a call without streams, or late, it is ignored (wire 7.9, 8.10).
            Scope::Stream(id) => self.stream_credit(id, credit.total),
        }
        Ok(())
    }

    pub(super) fn on_blocked(&mut self, wanted: Credit) -> Result<(), FrameError> {
        match wanted.scope {
            Scope::Calls => self.owed.calls |= self.calls_grant.want(wanted.total),
            Scope::Replies => self.owed.replies |= self.replies_grant.want(wanted.total),
            Scope::Stream(id) => self.stream_wants(id, wanted.total),
            Scope::Lane(lane) => {
                let Some(inn) = self.lanes.inn(lane) else {
                    let text = "BLOCKED in a lane over ours";
                    return Err(FrameError::new(EndCode::LimitExceeded, "7.9", text));
                };
                let grew = inn.grant.want(wanted.total);
                if inn.grant.is_wanted() && !inn.asks {
                    inn.asks = true;
                    self.asking.push_back(Asker::Lane(lane));
                }
                self.owe_lane(lane, grew);
                self.grant_large();
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
        self.grant_large();
    }

    /// BLOCKED for a stream.
    fn stream_wants(&mut self, id: CallId, total: u64) {
        let inn = self.stream_of(id).and_then(|stream| stream.inn.as_mut());
        let Some(inn) = inn.filter(|inn| !inn.discards()) else { return };
        let grew = inn.grant.want(total);
        self.owe_stream(id, grew);
        self.stream_asks(id);
    }

    /// A stream whose reader waits is lent what a large item needs, in its turn.
    pub(super) fn stream_asks(&mut self, id: CallId) {
        let inn = self.stream_of(id).and_then(|stream| stream.inn.as_mut());
        let Some(inn) = inn.filter(|inn| inn.waits && inn.grant.is_wanted()) else { return };
        if !std::mem::replace(&mut inn.asks, true) {
            self.asking.push_back(Asker::Stream(id));
        }
        self.grant_large();
    }

    fn owe_lane(&mut self, lane: u32, grew: bool) {
        let Some(inn) = self.lanes.inn(lane).filter(|inn| grew && !inn.owed) else { return };
        inn.owed = true;
        self.owed.lanes.push(lane);
    }

    fn asker(&mut self, asker: Asker) -> Option<Asks<'_>> {
        match asker {
            Asker::Lane(lane) => self.lanes.inn(lane).map(|inn| Asks {
                under_way: inn.under_way.is_some(),
                grant: &mut inn.grant,
                asks: &mut inn.asks,
                reads: true,
            }),
            Asker::Stream(id) => {
                let inn = self.stream_of(id).filter(|stream| !stream.over)?.inn.as_mut()?;
                Some(Asks {
                    under_way: inn.is_under_way(),
                    reads: inn.waits && !inn.discards(),
                    grant: &mut inn.grant,
                    asks: &mut inn.asks,
                })
            }
        }
    }

    /// Gives one lane or stream after the other, in the order of asking, what it needs for one large message (wire 7.8):
    /// those that hold nothing. A turn lasts until what was lent is spent and the message is whole.
    pub(super) fn grant_large(&mut self) {
        if self.asking.is_empty() {
            return;
        }
        let slack = MESSAGE_COST + u64::from(self.ours.metadata_limit) + ROUTE_LIMIT as u64;
        let largest = slack + u64::from(self.ours.message_limit);
        if let Some(turn) = self.turn.and_then(|asker| self.asker(asker)) {
            if turn.under_way || turn.grant.unspent() > turn.grant.window() + slack {
                return;
            }
        }
        self.turn = None;
        for _ in 0..self.asking.len() {
            let Some(asker) = self.asking.pop_front() else { break };
            let Some(Asks { grant, asks, under_way, reads }) = self.asker(asker) else { continue };
            if grant.is_wanted() && reads && (grant.held() > 0 || under_way) {
                self.asking.push_back(asker);
                continue;
            }
            // Who does not read asks again when it does.
            *asks = false;
            if grant.is_wanted() && reads {
                let grew = grant.lend(largest);
                match asker {
                    Asker::Lane(lane) => self.owe_lane(lane, grew),
                    Asker::Stream(id) => self.owe_stream(id, grew),
                }
                // The others come after it.
                self.turn = Some(asker);
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
        for id in std::mem::take(&mut self.owed.streams) {
            let open = self.takes_credit(id);
            if let Some(inn) = self.stream_of(id).and_then(|stream| stream.inn.as_mut()) {
                if std::mem::take(&mut inn.owed) && open {
                    let total = inn.grant.total();
                    write_credit(Scope::Stream(id), total, &mut self.outbox);
                }
            }
        }
    }
}

fn write_credit(scope: Scope, total: u64, out: &mut Outbox) {
    Credit { scope, total }.encode(out.control());
}
