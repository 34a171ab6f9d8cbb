//! What the peer says of the calls that we opened: REPLY and its fragments, RESET, HEADERS, items (wire 8, 9).

use bytes::Bytes;

use super::assembly::{Arrived, Assembly, Part};
use super::calling::{Answer, Slot};
use super::event::Event;
use super::items::ItemsIn;
use super::leaving::GivenUp;
use super::receive::{detach, overdrawn};
use super::stream::Closed;
use super::{Connection, MESSAGE_COST};
use crate::frame::{CallId, FrameError, Headers, Item, Piece, Reply, ReplyStatus, Reset};
use crate::{Code, Error, Status};

impl Connection {
    pub(super) fn on_reply(&mut self, mut reply: Reply) -> Result<(), FrameError> {
        let number = self.our_call(reply.id)?;
        if self.take_plain_reply(number, &mut reply) {
            return Ok(());
        }
        let total = match (&reply.message, &reply.status) {
            (Some(piece), _) => piece.total(),
            (None, Some(status)) => status.text.as_bytes().len(),
            (None, None) => 0,
        };
        let cost = MESSAGE_COST + (reply.block.len() + total) as u64;
        let Some(slot) = self.calling.open(number) else { return Err(not_open("REPLY")) };
        check_free(slot, "REPLY")?;
        let wanted = slot.owned && !slot.has_answer();
        let is_stream = slot.stream().is_some_and(|stream| stream.inn.is_some());
        if !self.replies_grant.charge(cost) {
            return Err(overdrawn("replies"));
        }
        self.raise_replies();
        let refused = self.reply_refusal(&reply, total, is_stream);
        let Reply { status, block, message, .. } = reply;
        let message = match (message, status) {
            (Some(message), _) => message,
            (None, status) => {
                self.free_replies(cost);
                let failed = status.map(|status| Answer::Failed { status, block });
                let answer = refused.map(Answer::Local).or(failed);
                self.call_answered(
                    number,
                    answer.unwrap_or_else(|| Answer::Local(Status::internal("no answer"))),
                );
                return Ok(());
            }
        };
        match refused {
            Some(why) => self.refuse_reply(number, &message, cost, why),
            None if wanted => self.take_reply(number, message, block, cost),
            None => self.discard_reply(number, &message, cost),
        }
        Ok(())
    }

    /// Takes what most replies are: a small whole message with nothing beside it, to a call that waits for no more, within its
    /// credit. What it costs is free at once. False: it is another one, and nothing was done.
    #[inline]
    fn take_plain_reply(&mut self, number: u32, reply: &mut Reply) -> bool {
        let Some(piece) = &mut reply.message else { return false };
        let len = piece.bytes.len();
        let plain = piece.missing == 0 && !piece.compressed && reply.block.is_empty();
        let cost = MESSAGE_COST + len as u64;
        if !plain || len > self.ours.message_limit as usize || cost > self.replies_grant.unspent() {
            return false;
        }
        if !self.calling.answered_plainly(number, &mut piece.bytes) {
            return false;
        }
        let charged = self.replies_grant.charge(cost);
        debug_assert!(charged, "it was looked at above");
        self.free_replies(cost);
        self.deadlines.clear(number * 2);
        self.answered.push_back(number);
        true
    }

    #[inline(always)]
    fn take_reply(&mut self, number: u32, message: Piece, block: Bytes, cost: u64) {
        match Assembly::begin(message, &mut self.pool) {
            Arrived::Whole(payload) => {
                self.free_replies(cost);
                self.call_answered(number, Answer::Message { payload, block });
            }
            Arrived::Begun(assembly) => {
                let (_, block) = detach(&crate::frame::RouteRef::Number(0), &block);
                let slot = self.calling.slot(number);
                slot.begin_reply(assembly, block, cost);
                self.events.push_back(Event::ReplyBegun(number));
            }
        }
    }

    /// A reply that nobody wants is counted, and its cost is free at once (wire 7.5).
    fn discard_reply(&mut self, number: u32, message: &Piece, cost: u64) {
        self.free_replies(cost);
        let assembly = Assembly::discard(message);
        if assembly.missing() == 0 {
            let answer = Answer::Message { payload: Bytes::new(), block: Bytes::new() };
            return self.call_answered(number, answer);
        }
        self.calling.slot(number).begin_reply(assembly, Bytes::new(), 0);
    }

    /// A reply that costs the call: its caller is told at once, the rest of it is read past.
    fn refuse_reply(&mut self, number: u32, message: &Piece, cost: u64, why: Status) {
        self.answer_early(number, Answer::Local(why));
        self.discard_reply(number, message, cost);
    }

    /// Why a reply costs the call (wire 6.4, 6.5, 8.5, 14.1).
    fn reply_refusal(&self, reply: &Reply, size: usize, is_stream: bool) -> Option<Status> {
        let limit = self.ours.message_limit as usize;
        if reply.message.is_some() && size > limit {
            let knob = "`max_message` of this end";
            return Some(Error::MessageTooLarge { size, limit, knob }.into());
        }
        if let Some(why) = self.answer_block_refusal(&reply.block) {
            return Some(why);
        }
        let message = reply.message.as_ref()?;
        if is_stream && size > 0 {
            return Some(Status::internal("the reply of a stream brings a message (wire 8.5)"));
        }
        message
            .compressed
            .then(|| Status::internal("the reply is compressed, which this end did not announce"))
    }

    fn answer_block_refusal(&self, block: &Bytes) -> Option<Status> {
        let limit = self.ours.metadata_limit as usize;
        let (size, knob) = (block.len(), "`max_metadata` of this end");
        (size > limit).then(|| Error::MessageTooLarge { size, limit, knob }.into())
    }

    /// The number of a call that we opened (wire 2.6).
    fn our_call(&self, id: CallId) -> Result<u32, FrameError> {
        match id.opener() == self.role {
            true => Ok(id.number()),
            false => Err(FrameError::unexpected("2.6", format!("an answer with the sender's own id {id:?}"))),
        }
    }

    pub(super) fn on_reply_fragment(&mut self, number: u32, part: Part<'_>) -> Result<(), FrameError> {
        let Some(slot) = self.calling.open(number) else { return Err(not_open("FRAGMENT")) };
        let Some(reply) = slot.reply_mut() else {
            let Some(inn) = slot.stream_mut().and_then(|stream| stream.inn.as_mut()) else {
                return Err(FrameError::unexpected("6.2", "FRAGMENT without a message under way"));
            };
            inn.fragment(part)?;
            let whole = !inn.is_under_way();
            let id = CallId::new(self.role, number);
            match whole {
                true => self.item_arrived(id),
                false => self.item_goes_on(id),
            }
            return Ok(());
        };
        if !reply.0.add(part)? {
            if reply.0.is_in_pieces() {
                self.events.push_back(Event::Readable(CallId::new(self.role, number)));
            }
            return Ok(());
        }
        if let Some((assembly, block)) = slot.take_reply() {
            let payload = assembly.finish().unwrap_or_default();
            self.call_answered(number, Answer::Message { payload, block });
        }
        Ok(())
    }

    /// RESET from the callee is its terminal frame (wire 8.7, 9.3).
    pub(super) fn on_answer_reset(&mut self, number: u32, reset: Reset) -> Result<(), FrameError> {
        if self.calling.open(number).is_none() {
            return Err(not_open("RESET"));
        }
        let status = ReplyStatus { code: reset.code, text: reset.text, not_run: false };
        self.call_answered(number, Answer::Failed { status, block: Bytes::new() });
        Ok(())
    }

    // wire 9.5: at most once, ahead of the first ITEM or REPLY.
    pub(super) fn on_headers(&mut self, headers: &Headers) -> Result<(), FrameError> {
        let number = self.our_call(headers.id)?;
        let Some(slot) = self.calling.open(number) else { return Err(not_open("HEADERS")) };
        if slot.reply().is_some() || std::mem::replace(&mut slot.headers, true) {
            return Err(FrameError::unexpected("9.5", "HEADERS twice, or after an ITEM or REPLY"));
        }
        if let Some(why) = self.answer_block_refusal(&headers.block) {
            let streams = self.calling.slot(number).stream().is_some();
            self.answer_early(number, Answer::Local(why));
            if streams {
                self.cancel_call(number, GivenUp::Dropped);
            }
        } else if let Some(stream) = self.calling.slot(number).stream_mut() {
            // A block of its own, as what is kept for long has.
            stream.headers = Some(Box::new(Bytes::copy_from_slice(&headers.block)));
            self.readable(headers.id);
        }
        Ok(())
    }

    pub(super) fn on_answer_item(&mut self, item: Item) -> Result<(), FrameError> {
        let id = item.id;
        let Some(slot) = self.calling.open(id.number()) else { return Err(not_open("ITEM")) };
        if slot.reply().is_some() {
            return Err(FrameError::unexpected("6.3", "ITEM while a REPLY is under way"));
        }
        // No HEADERS after it.
        slot.headers = true;
        if slot.stream().is_none_or(|stream| stream.inn.is_none()) {
            return Err(FrameError::unexpected("9.1", "ITEM for a call without STREAM"));
        }
        if item.end {
            return Err(FrameError::unexpected("9.2", "ITEM with END from a callee"));
        }
        self.take_item(id, item)
    }

    /// An item where one may be, ours or the peer's.
    pub(super) fn take_item(&mut self, id: CallId, item: Item) -> Result<(), FrameError> {
        let limit = self.ours.message_limit as usize;
        let slot = match id.opener() == self.role {
            true => self.calling.get(id.number()).and_then(Slot::stream_mut),
            false => self.serving.get(id.number()).and_then(|served| served.stream.as_deref_mut()),
        };
        let Some(inn) = slot.and_then(|stream| stream.inn.as_mut()) else { return Ok(()) };
        let refused = inn.take(item, &mut self.pool, limit)?;
        let (discards, whole) = (inn.discards(), !inn.is_under_way());
        match refused {
            Some(why) => self.refuse_items(id, why),
            None if discards => self.raise_stream(id),
            None if whole => self.item_arrived(id),
            // No HEADERS come any more, and some readers begin with it.
            None => self.readable(id),
        }
        Ok(())
    }

    /// One of our calls is over at the callee, or will never begin.
    pub(super) fn call_answered(&mut self, number: u32, answer: Answer) {
        self.clear_deadline(number);
        self.end_items(number, &answer);
        if self.calling.answered(number, answer) {
            self.answered.push_back(number);
        }
        let held = std::mem::take(&mut self.calling.slot(number).held);
        self.free_replies(held);
        self.end_our_side(number);
        self.settle_call(number);
    }

    /// What an answer means to the streams of its call: no more items go, none come.
    fn end_items(&mut self, number: u32, answer: &Answer) {
        let Some(stream) = self.calling.slot(number).stream_mut() else { return };
        if let Some(inn) = &mut stream.inn {
            inn.void();
        }
        let id = CallId::new(self.role, number);
        if stream.out.is_some() {
            self.close_out(
                id,
                match answer {
                    Answer::Message { .. } => {
                        Closed::Unwanted(Status::cancelled("the other end has answered"))
                    }
                    Answer::Failed { status, .. } => Closed::Failed(read_status(status)),
                    Answer::Local(status) => Closed::Failed(status.clone()),
                },
            );
        }
        self.grants_no_more(id);
    }

    /// The caller is told before the callee has ended its side; what still comes is discarded.
    pub(super) fn answer_early(&mut self, number: u32, answer: Answer) {
        self.clear_deadline(number);
        if let Some(inn) = self.calling.slot(number).stream_mut().and_then(|stream| stream.inn.as_mut()) {
            inn.discard();
        }
        self.asks_no_more(CallId::new(self.role, number));
        if self.calling.answered_early(number, answer) {
            self.answered.push_back(number);
        }
        self.discard_rest(number);
    }

    /// Nobody wants the reply under way any more: its cost is free (wire 7.5), the rest of it only counted.
    pub(super) fn discard_rest(&mut self, number: u32) {
        let slot = self.calling.slot(number);
        let held = std::mem::take(&mut slot.held);
        if let Some(reply) = slot.reply_mut() {
            reply.0.drop_bytes();
        }
        self.free_replies(held);
    }
}

// wire 6.3
#[inline]
fn check_free(slot: &Slot, what: &str) -> Result<(), FrameError> {
    let items = slot.stream().and_then(|stream| stream.inn.as_ref()).is_some_and(ItemsIn::is_under_way);
    match slot.reply().is_some() || items {
        true => Err(FrameError::unexpected("6.3", format!("{what} while a message is under way"))),
        false => Ok(()),
    }
}

/// A status as it came, without what is beside it.
pub(super) fn read_status(status: &ReplyStatus) -> Status {
    let read = Status::new(Code::from_wire(status.code), status.text.to_string());
    if status.not_run { read.not_run() } else { read }
}

fn not_open(what: &str) -> FrameError {
    FrameError::unexpected("8.10", format!("{what} for a call that is not open"))
}
