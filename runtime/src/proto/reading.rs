//! Items that come (wire 9): ITEM and its fragments, END, HEADERS, and what their readers do. Called by the session for
//! [`RecvStream`](crate::RecvStream), for both ends of a call.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Connection;
use super::calling::{Answer, Calling};
use super::crediting::Asker;
use super::event::{Event, Messages};
use super::items::ItemsIn;
use super::leaving::GivenUp;
use super::serving::Serving;
use super::stream::{Half, StreamKey};
use crate::Status;
use crate::frame::{CallId, FrameError, ItemRun, Stop as StopFrame};

/// What a reader finds.
#[derive(Debug)]
pub(crate) enum Read {
    /// Items; and so much of their stream may be unread, by which their cost is given back.
    Items(u64),
    /// No more come: why.
    End(Answer),
    /// Nothing yet: [`Event::Readable`] or [`Event::Answered`] follows.
    Wait,
}

impl Connection {
    /// Moves what has come into `items`, which is empty. The end follows when all items were read.
    pub(crate) fn read_items(&mut self, key: StreamKey, items: &mut VecDeque<Messages>) -> Read {
        let Some(stream) = self.stream(key) else { return Read::End(Answer::Local(self.stream_gone())) };
        if let Some(inn) = &mut stream.inn {
            if inn.has_items() {
                inn.read_into(items);
                return Read::Items(inn.grant.window());
            }
            if let Some(end) = inn.end.take() {
                return Read::End(*end);
            }
            inn.waits = true;
        }
        if self.is_ours(key.id) {
            if let Some(answer) = self.calling.slot(key.id.number()).take_answer() {
                return Read::End(answer);
            }
        }
        // What is large is granted only to who reads (wire 7.8).
        self.stream_asks(key.id);
        self.grow_stream(key);
        Read::Wait
    }

    /// The reader that was told to wait does not any more: until it comes again, nothing is lent to it.
    pub(crate) fn reader_left(&mut self, key: StreamKey) {
        if let Some(inn) = self.stream(key).and_then(|stream| stream.inn.as_mut()) {
            inn.waits = false;
        }
    }

    /// Items of so much cost were handed on: their credit is free again (wire 7.5).
    pub(crate) fn items_read(&mut self, key: StreamKey, cost: u64) {
        let Some(inn) = self.stream(key).and_then(|stream| stream.inn.as_mut()) else { return };
        inn.read(cost);
        self.raise_stream(key.id);
    }

    /// The callee's HEADERS, once.
    pub(crate) fn take_headers(&mut self, key: StreamKey) -> Option<Bytes> {
        self.stream(key)?.headers.take().map(|block| *block)
    }

    /// Whether HEADERS can still come: neither they nor an item nor the answer are here.
    pub(crate) fn awaits_headers(&mut self, key: StreamKey) -> bool {
        if !self.is_ours(key.id) {
            return false;
        }
        let Some(stream) = self.stream(key) else { return false };
        if let Some(inn) = &mut stream.inn {
            inn.waits = true;
        }
        let slot = self.calling.slot(key.id.number());
        !slot.headers && !slot.has_answer()
    }

    /// The credit of a stream that is free again goes to the peer, when it is time.
    pub(super) fn raise_stream(&mut self, id: CallId) {
        let Some(inn) = self.stream_of(id).and_then(|stream| stream.inn.as_mut()) else { return };
        let grew = inn.grant.raise_if_due();
        self.owe_stream(id, grew);
        self.grant_large();
    }

    pub(super) fn owe_stream(&mut self, id: CallId, grew: bool) {
        // After its terminal frame nothing is said of a call (wire 8.14).
        if !grew || !self.takes_credit(id) {
            return;
        }
        let inn = self.stream_of(id).and_then(|stream| stream.inn.as_mut());
        if let Some(inn) = inn.filter(|inn| !inn.owed) {
            inn.owed = true;
            self.owed.streams.push(id);
        }
    }

    /// Whether the peer may still send items in this call, and be told of credit for them (wire 7.9, 8.14).
    pub(super) fn takes_credit(&mut self, id: CallId) -> bool {
        match self.is_ours(id) {
            true => self.calling.open(id.number()).is_some(),
            false => {
                let served = self.serving.open(id.number()).filter(|served| !served.caller_ended);
                served.and_then(|served| served.stream.as_ref()).is_some_and(|stream| !stream.over)
            }
        }
    }

    /// Something came for the reader of this stream.
    pub(super) fn readable(&mut self, id: CallId) {
        let Some(inn) = self.stream_of(id).and_then(|stream| stream.inn.as_mut()) else { return };
        let (waits, grew) = (std::mem::take(&mut inn.waits), inn.grant.raise_if_due());
        if waits {
            self.events.push_back(Event::Readable(id));
        }
        self.owe_stream(id, grew);
    }

    /// Many items as one. What concerns one of them alone is left to those who take each.
    pub(super) fn on_items(&mut self, run: ItemRun) -> Result<(), FrameError> {
        let ItemRun { id, messages } = run;
        let limit = self.ours.message_limit;
        let ours = self.is_ours(id);
        let taken = match plain_items(ours, &mut self.calling, &mut self.serving, id) {
            Some(inn) => inn.take_run(messages, &mut self.pool, limit),
            None => Some(messages),
        };
        let Some(messages) = taken else {
            self.item_arrived(id);
            return Ok(());
        };
        let mut run = ItemRun { id, messages };
        while let Some(item) = run.next_item() {
            match self.is_ours(id) {
                true => self.on_answer_item(item)?,
                false => self.on_request_item(item)?,
            }
        }
        Ok(())
    }

    /// An item is whole, or is not to become so: it may be another's turn to be lent credit.
    pub(super) fn item_arrived(&mut self, id: CallId) {
        self.readable(id);
        if self.turn == Some(Asker::Stream(id)) {
            self.grant_large();
        }
    }

    /// What costs the stream of the peer's items, and only that (wire 6.5).
    pub(super) fn refuse_items(&mut self, id: CallId, why: Status) {
        if self.is_ours(id) {
            self.answer_early(id.number(), Answer::Local(why));
            return self.cancel_call(id.number(), GivenUp::Dropped);
        }
        if let Some(inn) = self.stream_of(id).and_then(|stream| stream.inn.as_mut()) {
            inn.discard();
            let code = why.code().number();
            inn.end.get_or_insert_with(|| Box::new(Answer::Local(why)));
            self.say_stop(id, code);
            self.asks_no_more(id);
            self.readable(id);
        }
    }

    /// Asks the peer for no more items (wire 9.4).
    fn say_stop(&mut self, id: CallId, code: u32) {
        // Behind the CALL, if that is still here.
        StopFrame { id, code }.encode(self.outbox.small());
    }

    /// A reader wants no more items; the code tells why, 0 for no reason.
    pub(crate) fn stop_reading(&mut self, key: StreamKey, code: u32) {
        let id = key.id;
        let Some(stream) = self.stream(key) else { return };
        stream.reader = false;
        let mut told = stream.discards();
        if let Some(inn) = &mut stream.inn {
            inn.unread();
            told |= inn.end.is_some() || inn.has_ended();
        }
        self.asks_no_more(id);
        let Some(stream) = self.stream(key) else { return };
        let sender = stream.sender;
        if !self.is_ours(id) {
            if !told && self.takes_items(id) {
                self.say_stop(id, code);
            }
            return self.raise_stream(id);
        }
        let number = id.number();
        let is_bidi = self.stream(key).is_some_and(|stream| stream.inn.is_some());
        if !sender {
            return self.give_up(number);
        }
        // Who waits for the one answer and goes gives the call up; who reads items leaves the other way as it is.
        if !is_bidi {
            self.cancel_call(number, GivenUp::Dropped);
        } else if !told && self.calling.is_open(number) {
            self.say_stop(id, code);
            self.raise_stream(id);
        }
    }

    /// The reader of our call's items wants no more of them, but the end of the call.
    pub(crate) fn stop_items(&mut self, key: StreamKey, code: u32) {
        let id = key.id;
        let Some(inn) = self.stream(key).and_then(|stream| stream.inn.as_mut()) else { return };
        let told = inn.discards();
        inn.unread();
        if !told && self.is_ours(id) && self.calling.is_open(id.number()) {
            self.say_stop(id, code);
        }
        self.raise_stream(id);
    }

    /// Whether the caller of the peer's call may still send items.
    fn takes_items(&mut self, id: CallId) -> bool {
        self.serving.running(id.number()).is_some_and(|served| !served.caller_ended)
    }

    /// Whoever has a half lets go of it.
    pub(crate) fn let_go(&mut self, key: StreamKey, half: Half) {
        match half {
            Half::Reader => self.stop_reading(key, 0),
            Half::Sender => self.drop_sender(key),
        }
    }
}

/// The items of a call, if more of them may come.
fn plain_items<'a>(
    is_ours: bool,
    calling: &'a mut Calling,
    serving: &'a mut Serving,
    id: CallId,
) -> Option<&'a mut ItemsIn> {
    let stream = if is_ours {
        let slot = calling.open(id.number()).filter(|slot| slot.reply().is_none())?;
        // No HEADERS after them.
        slot.headers = true;
        slot.stream_mut()
    } else {
        let served = serving.open(id.number())?;
        served.stream.as_deref_mut().filter(|_| !served.caller_ended)
    };
    stream?.inn.as_mut()
}
