//! GOAWAY, drain and the end of the connection (wire 11.3 to 11.7): who takes no more, and what every open call is
//! told.

use std::time::{Duration, Instant};

use super::calling::Answer;
use super::event::Event;
use super::{Connection, Stop};
use crate::error::EndedBy;
use crate::frame::{CallId, EndCode, GoAway, Taken, Text};
use crate::{Error, Reason, Status};

/// How long a drain waits for the PONG after its intent.
const INTENT_WAIT: Duration = Duration::from_secs(1);

/// What was said of the end, by whom.
#[derive(Debug, Default)]
pub(super) struct Farewell {
    ours: Stage,
    theirs: Stage,
    /// The PING whose PONG ends the intent, and until when to wait for it.
    intent: Option<(u64, Instant)>,
    /// What the peer said with its FINAL.
    their_text: String,
    ended: Option<Reason>,
    /// A drain waits with its end: something is still to be passed on to the peer.
    held: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    None,
    Intent,
    Final,
}

impl Connection {
    /// Whether nothing more is taken in; what is written may still have to leave.
    pub(crate) fn is_over(&self) -> bool {
        self.farewell.ended.is_some()
    }

    /// We have said how much we took: what comes beyond is ignored (wire 11.3).
    pub(super) fn takes_no_more(&self) -> bool {
        self.farewell.ours == Stage::Final
    }

    /// Why nothing can be opened now.
    #[inline]
    pub(super) fn refusal(&self) -> Option<Status> {
        self.takes_none().map(|why| Status::from(why).not_run())
    }

    /// Why the peer takes no call or push any more, if so: the connection is over, or it said GOAWAY (wire 11.4).
    #[inline]
    pub(super) fn takes_none(&self) -> Option<Error> {
        if self.takes_some() { None } else { Some(self.why_none()) }
    }

    /// Whether the peer takes calls and pushes.
    #[inline]
    pub(super) fn takes_some(&self) -> bool {
        self.farewell.ended.is_none() && self.farewell.theirs == Stage::None && !self.only_drains()
    }

    #[cold]
    fn why_none(&self) -> Error {
        self.farewell.ended.as_ref().map_or(Error::Draining, |reason| Error::Closed(reason.clone()))
    }

    /// Whether what was queued before can still be sent, though we may drain.
    pub(crate) fn takes_queued(&self) -> bool {
        self.farewell.ended.is_none() && self.farewell.theirs == Stage::None
    }

    /// We drain and nothing of the peer's runs here any more: what ran could still call back to finish, anybody else
    /// would keep the drain from its end.
    fn only_drains(&self) -> bool {
        self.farewell.ours == Stage::Final && self.serving.busy() == 0 && !self.farewell.held
    }

    /// From now on a drain does not come to its end before [`let_end`](Self::let_end): something is still to be passed on to
    /// the peer.
    #[cfg(feature = "client")]
    pub(crate) fn hold_end(&mut self) {
        self.farewell.held = true;
    }

    /// What was to be passed on was.
    #[cfg(feature = "client")]
    pub(crate) fn let_end(&mut self) {
        self.farewell.held = false;
        self.check_drained();
    }

    /// Begins to drain: intent, then the count, then what was taken is finished (wire 11.4).
    pub(crate) fn drain(&mut self, now: Instant) {
        if self.is_over() || self.farewell.ours != Stage::None {
            return;
        }
        self.farewell.ours = Stage::Intent;
        GoAway { code: EndCode::None, last: None, reason: Text::from("draining") }
            .encode(self.outbox.control());
        let ping = self.ping();
        self.farewell.intent = Some((ping, now + INTENT_WAIT));
    }

    pub(super) fn drain_timeout(&self) -> Option<Instant> {
        self.farewell.intent.map(|(_, at)| at)
    }

    pub(super) fn pong_arrived(&mut self, number: u64) {
        if self.farewell.intent.is_some_and(|(ping, _)| number >= ping) {
            self.say_final();
        }
    }

    pub(super) fn check_drain(&mut self, now: Instant) {
        if self.farewell.intent.is_some_and(|(_, at)| now >= at) {
            self.say_final();
        }
    }

    fn say_final(&mut self) {
        self.farewell.intent = None;
        self.farewell.ours = Stage::Final;
        self.write_final(EndCode::None, "drained");
        self.drop_pushes_under_way();
        self.check_drained();
    }

    fn write_final(&mut self, code: EndCode, text: &str) {
        let last = Some(Taken { calls: self.serving.taken, pushes: self.lanes.taken });
        let reason = Text::from(super::replying::clip(text, 1_024).to_owned());
        GoAway { code, last, reason }.encode(self.outbox.small());
    }

    /// A drain is done when nothing is open either way, and our own pushes have left.
    pub(super) fn check_drained(&mut self) {
        let done = self.farewell.ours == Stage::Final
            && self.calling.all_done()
            && self.serving.busy() == 0
            && !self.farewell.held
            && !self.outbox.is_sending()
            && self.lanes.queued == 0
            && !self.is_over();
        if done {
            self.end(Reason::new(EndedBy::Us, EndCode::None, "drained"), Written::All);
        } else if self.only_drains() && !self.is_over() {
            // Those who wait to call are told.
            self.events.push_back(Event::PeerDrains);
        }
    }

    /// The peer broke a rule, or is dead: says so and ends (wire 11.5).
    pub(crate) fn fail(&mut self, code: EndCode, text: &str) {
        if self.is_over() {
            return;
        }
        self.write_final(code, text);
        self.farewell.ours = Stage::Final;
        self.end(Reason::new(EndedBy::Us, code, text), Written::All);
    }

    /// Closed by its user at this end.
    pub(crate) fn close(&mut self, text: &str) {
        self.fail(EndCode::None, text);
    }

    /// The transport ended or failed; `written` bytes were ever given to it.
    pub(crate) fn handle_transport_end(&mut self, written: u64, what: &str) {
        if self.is_over() {
            return;
        }
        let reason = match self.farewell.theirs {
            Stage::Final => {
                let text = std::mem::take(&mut self.farewell.their_text);
                Reason::new(EndedBy::Peer, EndCode::None, text)
            }
            _ => Reason::new(EndedBy::Transport, EndCode::None, what),
        };
        self.end(reason, Written::Only(written));
    }

    pub(super) fn on_go_away(&mut self, go_away: &GoAway) {
        let Some(taken) = go_away.last else { return self.on_intent() };
        if go_away.code != EndCode::None {
            let reason = Reason::new(EndedBy::Peer, go_away.code, go_away.reason.to_string());
            self.pushes_taken(taken.pushes);
            return self.end(reason, Written::Taken(taken.calls));
        }
        // Ignored but for its text, if it is not the first (wire 11.6).
        self.farewell.their_text = go_away.reason.to_string();
        if self.farewell.theirs == Stage::Final {
            return;
        }
        self.on_intent();
        self.farewell.theirs = Stage::Final;
        self.pushes_taken(taken.pushes);
        for number in self.calling.beyond(taken.calls) {
            // The peer discards all of it without an answer: no CANCEL (wire 11.3).
            self.calling.slot(number).side_ended = true;
            self.outbox.withdraw_large_call(CallId::new(self.role, number));
            self.call_answered(number, Answer::Local(Status::from(Error::Draining).not_run()));
        }
        for lane in self.outbox.drop_pushes() {
            self.large_push_ended(lane);
        }
        self.check_drained();
    }

    /// The peer takes no new calls: those that have not left are withdrawn, those that wait are told (wire 11.4).
    fn on_intent(&mut self) {
        if self.farewell.theirs != Stage::None {
            return;
        }
        self.farewell.theirs = Stage::Intent;
        self.events.push_back(Event::PeerDrains);
        for number in self.calling.queued() {
            self.withdraw_call(number, Error::Draining);
        }
    }

    /// The end: every open call is told, once (wire 11.7, 13).
    fn end(&mut self, reason: Reason, written: Written) {
        let (bytes, count) = match written {
            Written::All => (u64::MAX, None),
            Written::Only(bytes) => (bytes, None),
            Written::Taken(count) => (u64::MAX, Some(count)),
        };
        self.farewell.ended = Some(reason.clone());
        for number in self.calling.queued() {
            self.withdraw_call(number, Error::Closed(reason.clone()));
        }
        self.outbox.close();
        // Callers with a permit find the connection over when they come to open their call.
        for (number, not_run) in self.calling.unanswered(bytes, count) {
            let status = Status::from(Error::Closed(reason.clone()));
            let status = if not_run { status.not_run() } else { status };
            self.call_answered(number, Answer::Local(status));
        }
        let (running, cost) = self.serving.end();
        self.free_calls(cost);
        for number in running {
            let id = CallId::new(self.role.other(), number);
            self.events.push_back(Event::Stopped(id, Stop::Cancelled));
        }
        self.forget_peer();
        self.events.push_back(Event::Ended(reason));
    }

    /// Nothing is owed to the peer any more, nor waited for.
    fn forget_peer(&mut self) {
        self.replies_waiting.clear();
        self.held.clear();
        self.lanes.inn.iter_mut().for_each(|inn| inn.under_way = None);
        self.asking.clear();
        self.turn = None;
        self.senders_in_line.clear();
        self.pong_owed = None;
        self.owed = super::Owed::default();
        self.farewell.intent = None;
        self.deadlines.clear_all();
    }

    /// Why it ended, if it has.
    pub(crate) fn ended(&self) -> Option<&Reason> {
        self.farewell.ended.as_ref()
    }
}

/// What is known of how much of our bytes counts.
#[derive(Clone, Copy)]
enum Written {
    /// All that has left the outbox.
    All,
    /// So many bytes were given to the transport (wire 13.2).
    Only(u64),
    /// The peer says how many calls it took (wire 13.3).
    Taken(u64),
}
