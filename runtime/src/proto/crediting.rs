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
    /// What a message may cost there beyond its bytes.
    overhead: u64,
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
                    self.asking.used().push_back(Asker::Lane(lane));
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
        self.raise_calls();
    }

    /// What was gathered goes to the peer when it is time: that may be when more has come, too.
    pub(super) fn raise_calls(&mut self) {
        self.owed.calls |= self.calls_grant.raise_if_due();
    }

    pub(super) fn raise_replies(&mut self) {
        self.owed.replies |= self.replies_grant.raise_if_due();
    }

    /// A reply is whole, or dropped (wire 7.5).
    pub(super) fn free_replies(&mut self, cost: u64) {
        if cost > 0 {
            self.replies_grant.free(cost);
            self.raise_replies();
        }
    }

    /// A push of the peer's was handed to its handler, or dropped there (wire 7.5).
    pub(crate) fn push_handed_on(&mut self, lane: u32, cost: u64) {
        let Some(inn) = self.lanes.inn(lane) else { return };
        inn.grant.free(cost);
        self.raise_lane(lane);
        self.grant_large();
    }

    pub(super) fn raise_lane(&mut self, lane: u32) {
        let grew = self.lanes.inn(lane).is_some_and(|inn| inn.grant.raise_if_due());
        self.owe_lane(lane, grew);
    }

    /// BLOCKED for a stream.
    fn stream_wants(&mut self, id: CallId, total: u64) {
        let open = self.takes_credit(id);
        let inn = self.stream_of(id).and_then(|stream| stream.inn.as_mut());
        let Some(inn) = inn.filter(|inn| open && !inn.discards()) else { return };
        let grew = inn.grant.want(total);
        self.owe_stream(id, grew);
        self.stream_asks(id);
        self.grow_stream_of(id);
    }

    /// A stream whose reader waits is lent what a large item needs, in its turn.
    pub(super) fn stream_asks(&mut self, id: CallId) {
        let open = self.takes_credit(id);
        let inn = self.stream_of(id).and_then(|stream| stream.inn.as_mut());
        let Some(inn) = inn.filter(|inn| open && inn.waits && inn.grant.is_wanted()) else { return };
        if !std::mem::replace(&mut inn.asks, true) {
            self.asking.used().push_back(Asker::Stream(id));
        }
        self.grant_large();
    }

    /// Nothing large comes in this stream any more, or it is read past: it asks no more, and the turn is another's.
    pub(super) fn asks_no_more(&mut self, id: CallId) {
        let asker = Asker::Stream(id);
        let inn = self.stream_of(id).and_then(|stream| stream.inn.as_mut());
        let asked = inn.is_some_and(|inn| std::mem::take(&mut inn.asks));
        if asked {
            self.asking.retain(|other| *other != asker);
        }
        if self.turn == Some(asker) {
            self.turn = None;
            self.grant_large();
        }
    }

    /// No items come in this stream any more: nothing is lent to it, and no credit told.
    pub(super) fn grants_no_more(&mut self, id: CallId) {
        let inn = self.stream_of(id).and_then(|stream| stream.inn.as_mut());
        if inn.is_some_and(|inn| std::mem::take(&mut inn.owed)) {
            self.owed.streams.retain(|other| *other != id);
        }
        self.asks_no_more(id);
    }

    fn owe_lane(&mut self, lane: u32, grew: bool) {
        let Some(inn) = self.lanes.inn(lane).filter(|inn| grew && !inn.owed) else { return };
        inn.owed = true;
        self.owed.lanes.push(lane);
    }

    fn asker(&mut self, asker: Asker) -> Option<Asks<'_>> {
        let slack = MESSAGE_COST + u64::from(self.ours.metadata_limit) + ROUTE_LIMIT as u64;
        match asker {
            Asker::Lane(lane) => self.lanes.inn(lane).map(|inn| Asks {
                under_way: inn.under_way.is_some(),
                grant: &mut inn.grant,
                asks: &mut inn.asks,
                reads: true,
                overhead: slack,
            }),
            Asker::Stream(id) => {
                let inn = self.stream_of(id).filter(|stream| !stream.over)?.inn.as_mut()?;
                Some(Asks {
                    under_way: inn.is_under_way(),
                    reads: inn.waits && !inn.discards(),
                    grant: &mut inn.grant,
                    asks: &mut inn.asks,
                    overhead: MESSAGE_COST,
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
        let largest = u64::from(self.ours.message_limit);
        if self.turn.is_some_and(|asker| self.has_turn(asker)) {
            return;
        }
        self.turn = None;
        for _ in 0..self.asking.len() {
            let Some(asker) = self.asking.pop_front() else { break };
            let Some(Asks { grant, asks, under_way, reads, overhead }) = self.asker(asker) else { continue };
            if grant.is_wanted() && reads && (grant.held() > 0 || under_way) {
                self.asking.used().push_back(asker);
                continue;
            }
            // Who does not read asks again when it does.
            *asks = false;
            if grant.is_wanted() && reads {
                let grew = grant.lend(largest + overhead);
                self.owe(asker, grew);
                // The others come after it.
                self.turn = Some(asker);
                break;
            }
        }
    }

    /// Whether its turn is not over. It may meanwhile want more: its sender would send nothing before it has that.
    fn has_turn(&mut self, asker: Asker) -> bool {
        let largest = u64::from(self.ours.message_limit);
        let Some(Asks { grant, under_way, reads, overhead, .. }) = self.asker(asker) else { return false };
        if !under_way && grant.unspent() <= grant.window() + overhead {
            return false;
        }
        if !under_way && reads && grant.held() == 0 && grant.is_wanted() {
            let grew = grant.lend(largest + overhead);
            self.owe(asker, grew);
        }
        true
    }

    fn owe(&mut self, asker: Asker, grew: bool) {
        match asker {
            Asker::Lane(lane) => self.owe_lane(lane, grew),
            Asker::Stream(id) => self.owe_stream(id, grew),
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
