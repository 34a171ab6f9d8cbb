//! How a call of the peer's ends: exactly one terminal frame each (wire 8.4), whatever its handler did. Called by
//! the session's runner.

use bytes::{Bytes, BytesMut};

use super::assembly::Assembly;
use super::event::Stop;
use super::opening::{exact, write_guarded};
use super::outbox::{Large, LargeKind};
use super::serving::ServedState;
use super::{Connection, Event, MESSAGE_COST};
use crate::frame::{
    CallId, Credit, FragmentOf, Outline, ReplyHead, ReplyStatus, Reset, STATUS_TEXT_LIMIT, Scope, StatusHead,
    Text,
};
use crate::{Code, Error, Status};

/// How a reply can be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyRoom {
    /// Encode it in place with [`Connection::reply_in_place`].
    InPlace,
    /// Encode it outside the lock and hand it to [`Connection::reply`].
    Outside,
    /// Nobody wants it: the connection is over.
    Nobody,
}

/// The end of a call, encoded: its parts as they will travel.
#[derive(Debug)]
pub(crate) enum Terminal {
    Message { block: Bytes, message: Bytes },
    Status { status: ReplyStatus, block: Bytes },
}

impl Terminal {
    /// A status with what travels of it; `block` holds its details and metadata.
    pub(crate) fn status(status: &Status, block: Bytes) -> Self {
        let code = status.code().number().max(1);
        let text = Text::from(clip(status.message(), STATUS_TEXT_LIMIT).to_owned());
        let status = ReplyStatus { code, text, not_run: !status.may_have_run() };
        Self::Status { status, block }
    }

    fn cost(&self) -> u64 {
        let bytes = match self {
            Self::Message { block, message } => block.len() + message.len(),
            Self::Status { status, block } => block.len() + status.text.as_bytes().len(),
        };
        MESSAGE_COST + bytes as u64
    }
}

/// A terminal that waits for credit of the replies account.
#[derive(Debug)]
pub(super) struct WaitingReply {
    number: u32,
    terminal: Terminal,
}

impl Connection {
    /// How a reply of `len` bytes can be sent.
    pub(crate) fn reply_room(&self, len: usize, block: usize) -> ReplyRoom {
        let cost = MESSAGE_COST + (len + block) as u64;
        let in_place = self.replies_waiting.is_empty()
            && len <= self.max_fragment
            && 32 + block + len <= self.peer.settings.frame_limit as usize
            && cost <= self.replies_account.available();
        match (self.is_over(), in_place) {
            (true, _) => ReplyRoom::Nobody,
            (false, true) => ReplyRoom::InPlace,
            (false, false) => ReplyRoom::Outside,
        }
    }

    /// Ends a call with a small message that `write` appends. There must be [`ReplyRoom::InPlace`].
    pub(crate) fn reply_in_place(
        &mut self,
        number: u32,
        len: usize,
        block: &[u8],
        write: impl FnOnce(&mut BytesMut),
    ) -> Result<(), Error> {
        let id = CallId::new(self.role.other(), number);
        let buffer = self.outbox.small();
        let start = buffer.len();
        let head = ReplyHead { id, block };
        let written = write_guarded(buffer, |out| head.encode(Outline::whole(len), out), write);
        if let Err(error) = exact(written, len) {
            self.outbox.small().truncate(start);
            return Err(error);
        }
        self.replies_account.spend(MESSAGE_COST + (len + block.len()) as u64);
        self.end_served(number, None);
        Ok(())
    }

    /// Ends a call. It may have to wait for credit, in order.
    pub(crate) fn reply(&mut self, number: u32, terminal: Terminal) {
        if self.is_over() {
            return;
        }
        if let Some(served) = self.serving.open(number) {
            served.state = ServedState::Replying;
            self.wheel.clear(number * 2 + 1);
        }
        self.replies_waiting.push_back(WaitingReply { number, terminal });
        self.pump_replies();
    }

    /// Checks a reply's size against the limits; the error tells the knob.
    pub(crate) fn check_reply(&self, by_spec: Option<usize>, len: usize, block: usize) -> Result<(), Status> {
        self.check_size(by_spec, len).and_then(|()| self.check_block(block))
    }

    /// Sends the replies that wait, as far as the credit goes.
    pub(super) fn pump_replies(&mut self) {
        while let Some(front) = self.replies_waiting.front() {
            let cost = front.terminal.cost();
            let too_early = !self.peer.ready && cost > self.replies_account.window();
            if too_early || !self.replies_account.spend(cost) {
                if let Some(total) = self.replies_account.ask(cost) {
                    Credit { scope: Scope::Replies, total }.encode_blocked(self.outbox.control());
                }
                return;
            }
            let Some(WaitingReply { number, terminal }) = self.replies_waiting.pop_front() else { return };
            self.send_terminal(number, terminal);
        }
    }

    fn send_terminal(&mut self, number: u32, terminal: Terminal) {
        let id = CallId::new(self.role.other(), number);
        match terminal {
            Terminal::Status { status, block } => {
                StatusHead { id, status: &status, block: &block }.encode(self.outbox.small());
                self.end_served(number, None);
            }
            Terminal::Message { block, message } => {
                let whole = message.len() <= self.piece()
                    && 32 + block.len() + message.len() <= self.peer.settings.frame_limit as usize;
                if whole {
                    let out = self.outbox.small();
                    ReplyHead { id, block: &block }.encode(Outline::whole(message.len()), out);
                    out.extend_from_slice(&message);
                    self.end_served(number, None);
                } else {
                    let what = LargeKind::Reply { id };
                    self.outbox.push_large(Large { what, block, message, begun: false });
                }
            }
        }
    }

    /// Our terminal frame is encoded: the callee's side has ended.
    pub(super) fn end_served(&mut self, number: u32, rest: Option<Assembly>) {
        self.wheel.clear(number * 2 + 1);
        self.serving.callee_ended(number, rest);
        self.check_drained();
    }

    /// Answers a call that is not dispatched (wire 13.4): its cost is free again.
    pub(super) fn refuse(&mut self, number: u32, cost: u64, rest: Option<Assembly>, why: Status) {
        self.free_calls(cost);
        self.wheel.clear(number * 2 + 1);
        self.serving.callee_ended(number, rest);
        let terminal = Terminal::status(&why.not_run(), Bytes::new());
        self.replies_waiting.push_back(WaitingReply { number, terminal });
        self.pump_replies();
    }

    /// CANCEL, or the deadline has passed: the handler must go, or its reply need not travel.
    pub(super) fn stop_served(&mut self, number: u32, why: Stop) {
        let Some(served) = self.serving.open(number) else { return };
        if served.stopped.is_some() {
            return;
        }
        served.stopped = Some(why);
        match &mut served.state {
            ServedState::Running => {
                self.wheel.clear(number * 2 + 1);
                let id = CallId::new(self.role.other(), number);
                self.events.push_back(Event::Stopped(id, why));
            }
            ServedState::Receiving(request) => {
                let cost = request.cost;
                let mut state = ServedState::Running;
                std::mem::swap(&mut served.state, &mut state);
                let rest = match state {
                    ServedState::Receiving(request) if !served.caller_ended => {
                        let mut rest = request.assembly;
                        rest.drop_bytes();
                        Some(rest)
                    }
                    _ => None,
                };
                self.refuse(number, cost, rest, stop_status(why));
            }
            ServedState::Replying => self.cut_reply(number, why),
            ServedState::Idle | ServedState::Ended(_) => {}
        }
    }

    /// The caller left while a reply waits or travels: the rest of it is saved.
    fn cut_reply(&mut self, number: u32, why: Stop) {
        if why == Stop::Expired {
            return;
        }
        let id = CallId::new(self.role.other(), number);
        let status = stop_status(why);
        if let Some(waiting) = self.replies_waiting.iter_mut().find(|waiting| waiting.number == number) {
            waiting.terminal = Terminal::status(&status, Bytes::new());
            return self.pump_replies();
        }
        let Some(large) = self.outbox.cut_reply(id) else { return };
        if large.begun {
            let text = Text::from(status.message().to_owned());
            let reset = Reset { of: FragmentOf::Call(id), code: Code::CANCELLED.number(), text };
            reset.encode(self.outbox.control());
            return self.end_served(number, None);
        }
        let terminal = Terminal::Message { block: large.block, message: large.message };
        self.replies_account.refund(terminal.cost());
        let terminal = Terminal::status(&status, Bytes::new());
        self.replies_waiting.push_front(WaitingReply { number, terminal });
        self.pump_replies();
    }

    pub(super) fn expire_served(&mut self, number: u32) {
        self.stop_served(number, Stop::Expired);
    }

    /// A call's request was handed on (wire 7.5).
    pub(crate) fn free_calls(&mut self, cost: u64) {
        self.calls_grant.free(cost);
        if let Some(total) = self.calls_grant.due() {
            Credit { scope: Scope::Calls, total }.encode(self.outbox.control());
        }
    }

    /// A reply was handed on, or dropped.
    pub(super) fn free_replies(&mut self, cost: u64) {
        if cost == 0 {
            return;
        }
        self.replies_grant.free(cost);
        if let Some(total) = self.replies_grant.due() {
            Credit { scope: Scope::Replies, total }.encode(self.outbox.control());
        }
    }
}

/// What a call that was stopped is answered.
pub(crate) fn stop_status(why: Stop) -> Status {
    match why {
        Stop::Cancelled => Status::cancelled("the caller gave up"),
        Stop::Expired => Status::deadline_exceeded("the deadline passed before the handler was done"),
    }
}

/// At most `limit` bytes of a text, cut between characters.
pub(super) fn clip(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
