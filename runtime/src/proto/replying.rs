//! How a call of the peer's ends: exactly one terminal frame each (wire 8.4), whatever its handler did. Called by
//! the session's runner.

use bytes::{Bytes, BytesMut};

use super::answers::read_status;
use super::event::{Event, Stop};
use super::opening::{exact, write_guarded};
use super::outbox::{Large, LargeKind};
use super::pieces::ReplyKey;
use super::serving::ServedState;
use super::stream::Closed;
use super::{Connection, MESSAGE_COST};
use crate::frame::{
    CallId, Credit, FragmentOf, Outline, ReplyHead, ReplyStatus, Reset, STATUS_TEXT_LIMIT, Scope, StatusHead,
    Text,
};
use crate::message::Payload;
use crate::{Error, Status};

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
    Message { block: Bytes, message: Payload },
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
        let in_place = (self.replies_waiting.is_empty() || self.passes_replies(cost))
            && len <= self.max_fragment.min(self.peer.settings.message_limit as usize)
            && block <= self.peer.settings.metadata_limit as usize
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
        // A call has one terminal frame (wire 8.4), whoever asks for a second.
        let Some(served) = self.serving.running(number) else { return Ok(()) };
        if matches!(served.state, ServedState::Passing(_)) {
            self.leave_request(number);
        }
        let id = CallId::new(self.role.other(), number);
        let buffer = self.outbox.small();
        let start = buffer.len();
        let head = ReplyHead { id, block };
        let written = write_guarded(buffer, |out| head.encode(Outline::whole(len), out), write);
        if let Err(error) = exact(written, len) {
            self.outbox.small().truncate(start);
            return Err(error);
        }
        let cost = MESSAGE_COST + (len + block.len()) as u64;
        self.replies_account.spend(cost);
        if !self.replies_waiting.is_empty() {
            self.replies_passed += cost;
        }
        self.cut_off(number);
        self.end_served(number, Some(self.outbox.batches()));
        Ok(())
    }

    /// Ends a call. It may have to wait for credit, in order.
    pub(crate) fn reply(&mut self, number: u32, mut terminal: Terminal) {
        // A call has one terminal frame (wire 8.4), whoever asks for a second.
        if self.serving.running(number).is_none() {
            return;
        }
        if let (true, Terminal::Status { status, .. }) = (self.leave_request(number), &mut terminal) {
            status.not_run = true;
        }
        let Some(served) = self.serving.running(number) else { return };
        served.state = ServedState::Replying;
        let stopped = served.stopped;
        self.deadlines.clear(number * 2 + 1);
        self.cut_off(number);
        let id = CallId::new(self.role.other(), number);
        if let Some(stream) = self.stream_of(id).filter(|stream| stream.has_large_item()) {
            stream.terminal = Some(Box::new(terminal));
            if let Some(why) = stopped {
                self.cut_item(number, &stop_status(why));
            } else if self.outbox.awaits((FragmentOf::Call(id), 0)) {
                self.cut_item(number, &Status::internal("the last item broke off"));
            }
            return;
        }
        self.go_on_with_reply(number, terminal);
    }

    /// Nothing of the call stands before its terminal frame any more, but for credit.
    pub(super) fn go_on_with_reply(&mut self, number: u32, terminal: Terminal) {
        let cost = terminal.cost();
        if !self.replies_waiting.is_empty() && self.passes_replies(cost) {
            self.replies_passed += cost;
            self.replies_waiting.used().push_front(WaitingReply { number, terminal });
        } else {
            self.replies_waiting.used().push_back(WaitingReply { number, terminal });
        }
        self.pump_replies();
    }

    /// Whether a small reply may pass those that wait for credit. Of all the credit there is, as much is left as the first of
    /// them costs: so it is not kept waiting by those that pass it.
    fn passes_replies(&self, cost: u64) -> bool {
        let Some(first) = self.replies_waiting.front() else { return false };
        let spare = self.replies_account.first_total().saturating_sub(first.terminal.cost());
        cost <= self.max_fragment as u64
            && cost <= self.replies_account.available()
            && self.replies_passed.saturating_add(cost) <= spare
    }

    /// The call is answered: whoever still holds on to its streams is cut off, and what the caller still sends is
    /// discarded (wire 8.9).
    fn cut_off(&mut self, number: u32) {
        let id = CallId::new(self.role.other(), number);
        let Some(stream) = self.stream_of(id) else { return };
        stream.over = true;
        if let Some(inn) = &mut stream.inn {
            inn.unread();
        }
        let mut senders = false;
        if let Some(out) = &mut stream.out {
            // One that is on its way goes first.
            out.pending = None;
            senders = std::mem::take(&mut out.waits);
            if std::mem::take(&mut out.in_line) {
                self.senders_in_line.retain(|other| *other != id);
            }
        }
        self.events.push_back(Event::Readable(id));
        if senders {
            self.events.push_back(Event::Writable(id));
        }
        self.grants_no_more(id);
    }

    /// The call was stopped while its last large item was on its way: the terminal frame does not wait for the rest of it,
    /// and does not say that all is well.
    fn cut_item(&mut self, number: u32, why: &Status) {
        let id = CallId::new(self.role.other(), number);
        let terminal = self.stream_of(id).and_then(|stream| stream.terminal.take());
        let failed =
            terminal.map(|terminal| *terminal).filter(|terminal| matches!(terminal, Terminal::Status { .. }));
        match (self.close_out(id, Closed::Failed(why.clone())), failed) {
            // wire 8.7: RESET is the terminal frame of who cannot finish an item.
            (true, Some(Terminal::Status { status, .. })) => self.reset_served(id, &read_status(&status)),
            (true, _) => self.reset_served(id, why),
            (false, Some(failed)) => self.go_on_with_reply(number, failed),
            (false, None) => self.go_on_with_reply(number, Terminal::status(why, Bytes::new())),
        }
    }

    fn reset_served(&mut self, id: CallId, why: &Status) {
        let text = Text::from(why.message().to_owned());
        let reset = Reset { of: FragmentOf::Call(id), code: why.code().number(), text };
        reset.encode(self.outbox.small());
        self.end_served(id.number(), Some(self.outbox.batches()));
    }

    /// Checks a reply's size against the limits; the error tells the knob.
    pub(crate) fn check_reply(&self, by_spec: Option<usize>, len: usize, block: usize) -> Result<(), Status> {
        self.check_size(by_spec, len).and_then(|()| self.check_block(block))
    }

    /// Sends the replies that wait, as far as the credit goes.
    pub(super) fn pump_replies(&mut self) {
        while !self.replies_waiting.is_empty() && self.fit_first_reply() {
            let Some(front) = self.replies_waiting.front() else { return };
            let cost = front.terminal.cost();
            if !self.replies_account.spend(cost) {
                if let Some(total) = self.replies_account.ask(cost) {
                    Credit { scope: Scope::Replies, total }.encode_blocked(self.outbox.control());
                }
                return;
            }
            let Some(WaitingReply { number, terminal }) = self.replies_waiting.pop_front() else { return };
            if terminal.cost() > self.max_fragment as u64 {
                self.replies_passed = 0;
            }
            self.send_terminal(number, terminal);
        }
    }

    /// Makes the first reply that waits one that the peer accepts: its limits may not have been known, or not been
    /// looked at. False: it must wait until the peer is ready.
    fn fit_first_reply(&mut self) -> bool {
        let Some(front) = self.replies_waiting.front() else { return false };
        let fits = match &front.terminal {
            Terminal::Message { block, message } => {
                self.check_reply(None, message.len(), block.len()).and_then(|()| {
                    // Not known while the peer is not ready: then the initial limit holds (wire 4.3).
                    self.check_size(Some(self.peer.settings.message_limit as usize), message.len())
                })
            }
            Terminal::Status { block, .. } => self.check_block(block.len()),
        };
        let Err(why) = fits else { return true };
        if !self.peer.ready {
            return false;
        }
        let Some(front) = self.replies_waiting.front_mut() else { return false };
        match &mut front.terminal {
            // Not by the handler's will, but it has run.
            terminal @ Terminal::Message { .. } => {
                *terminal = Terminal::status(&why.by_handler(), Bytes::new())
            }
            // The details do not fit; code and text do.
            Terminal::Status { block, .. } => *block = Bytes::new(),
        }
        true
    }

    fn send_terminal(&mut self, number: u32, terminal: Terminal) {
        let id = CallId::new(self.role.other(), number);
        match terminal {
            Terminal::Status { status, block } => {
                StatusHead { id, status: &status, block: &block }.encode(self.outbox.small());
            }
            Terminal::Message { block, message } => {
                let frame = self.peer.settings.frame_limit as usize;
                let one_frame = message.len() <= self.piece() && 32 + block.len() + message.len() <= frame;
                if !one_frame || message.is_coming() {
                    let what = LargeKind::Reply { id };
                    return self.outbox.push_large(Large { what, block, message, begun: false });
                }
                let out = self.outbox.small();
                ReplyHead { id, block: &block }.encode(Outline::whole(message.len()), out);
                message.put_to(out);
            }
        }
        self.end_served(number, Some(self.outbox.batches()));
    }

    /// Our terminal frame is encoded, for the batch after `batch`, or has left with its last fragment (`None`): the
    /// callee's side has ended.
    pub(super) fn end_served(&mut self, number: u32, batch: Option<u64>) {
        self.deadlines.clear(number * 2 + 1);
        self.serving.callee_ended(number, batch);
        self.settle_served(number);
    }

    /// Answers a call that is not dispatched (wire 13.4): its cost is free again.
    pub(super) fn refuse(&mut self, number: u32, cost: u64, why: Status) {
        self.free_calls(cost);
        self.deadlines.clear(number * 2 + 1);
        if let Some(served) = self.serving.open(number) {
            served.state = ServedState::Replying;
        }
        self.cut_off(number);
        self.go_on_with_reply(number, Terminal::status(&why.not_run(), Bytes::new()));
    }

    /// CANCEL, or the deadline has passed: the handler must go, or its reply need not travel.
    pub(super) fn stop_served(&mut self, number: u32, why: Stop) {
        let Some(served) = self.serving.open(number) else { return };
        match &served.state {
            ServedState::Running | ServedState::Passing(_) if served.stopped.is_none() => {
                served.stopped = Some(why);
                self.deadlines.clear(number * 2 + 1);
                let id = CallId::new(self.role.other(), number);
                self.events.push_back(Event::Stopped(id, why));
            }
            ServedState::Receiving(request) => {
                let cost = request.cost;
                served.rest = if served.caller_ended { 0 } else { request.assembly.missing() };
                self.refuse(number, cost, stop_status(why));
            }
            ServedState::Held(call) => {
                let cost = call.cost;
                self.held.retain(|held| *held != number);
                self.refuse(number, cost, stop_status(why));
            }
            ServedState::Replying => self.cut_reply(number, &stop_status(why)),
            ServedState::Running | ServedState::Passing(_) | ServedState::Idle | ServedState::Ended => {}
        }
    }

    /// The body of a reply that waits for credit.
    pub(super) fn waiting_body(&mut self, key: ReplyKey) -> Option<&mut Payload> {
        let waiting = self.replies_waiting.iter_mut().find(|waiting| waiting.number == key.number)?;
        match &mut waiting.terminal {
            Terminal::Message { message, .. } => Some(message).filter(|body| body.serial() == key.serial),
            Terminal::Status { .. } => None,
        }
    }

    /// The caller left while a reply waits or travels, or it cannot be finished: the rest of it is saved.
    pub(super) fn cut_reply(&mut self, number: u32, status: &Status) {
        let id = CallId::new(self.role.other(), number);
        if self.stream_of(id).is_some_and(|stream| stream.terminal.is_some()) {
            return self.cut_item(number, status);
        }
        if let Some(waiting) = self.replies_waiting.iter_mut().find(|waiting| waiting.number == number) {
            if matches!(waiting.terminal, Terminal::Message { .. }) {
                waiting.terminal = Terminal::status(status, Bytes::new());
                // Who passes it on is told.
                self.events.push_back(Event::Readable(id));
            }
            return self.pump_replies();
        }
        // Who passes it on is told.
        self.events.push_back(Event::Readable(id));
        let Some(large) = self.outbox.cut_reply(id) else { return };
        if large.begun {
            return self.reset_served(id, status);
        }
        let terminal = Terminal::Message { block: large.block, message: large.message };
        self.replies_account.refund(terminal.cost());
        let terminal = Terminal::status(status, Bytes::new());
        self.replies_waiting.used().push_front(WaitingReply { number, terminal });
        self.pump_replies();
    }

    pub(super) fn expire_served(&mut self, number: u32) {
        self.stop_served(number, Stop::Expired);
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
