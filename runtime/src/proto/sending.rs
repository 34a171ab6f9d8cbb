//! Items that go (wire 9): what their senders do, and what the peer says of it: STOP, CREDIT. Called by the session for
//! [`SendStream`](crate::SendStream), for both ends of a call.

use bytes::{Bytes, BytesMut};

use super::event::Event;
use super::opening::{exact, write_guarded};
use super::outbox::{Large, LargeKind};
use super::stream::{Closed, ItemsOut, StreamKey};
use super::{Connection, MESSAGE_COST};
use crate::frame::{
    CallId, Credit, FragmentOf, Headers, PlainItem, Reset, STATUS_TEXT_LIMIT, Scope, Stop as StopFrame, Text,
    encode_end,
};
use crate::message::Payload;
use crate::{Code, Error, Status};

/// Whether an item can go now.
#[derive(Debug)]
pub(crate) enum ItemRoom {
    /// In place, with [`Connection::send_item`].
    InPlace,
    /// Encoded outside the lock, with [`Connection::offer_item`].
    Outside,
    /// Not now: [`Event::Writable`] follows.
    Wait,
    /// Never again: why.
    Closed(Status),
}

impl Connection {
    /// Sends a small item that can go now, when one has gone before: most can. `None`: it must be looked at more closely, by
    /// [`item_room`](Self::item_room).
    #[inline]
    pub(crate) fn send_at_once(
        &mut self,
        key: StreamKey,
        len: usize,
        write: impl FnOnce(&mut BytesMut),
    ) -> Option<Result<(), Error>> {
        if self.outbox.encoded() >= self.send_buffer {
            return None;
        }
        // Not by `stream`, which borrows the outbox too.
        let stream = match key.id.opener() == self.role {
            true => self.calling.get(key.id.number())?.stream_mut(),
            false => self.serving.get(key.id.number())?.stream.as_deref_mut(),
        };
        let out = stream.filter(|stream| stream.is(key))?.out.as_mut()?;
        let cost = MESSAGE_COST + len as u64;
        if len > out.longest as usize
            || out.closed.is_some()
            || out.is_busy()
            || out.account.available() < cost
        {
            return None;
        }
        let written = write_item(self.outbox.small(), (key.id, len), write);
        if written.is_ok() {
            out.account.spend(cost);
            self.items_begun += 1;
        }
        Some(written)
    }

    /// The longest item that goes at once. The peer's settings do not change any more.
    fn longest_item(&self) -> u32 {
        let limits = [
            self.ours.message_limit as usize,
            self.peer.settings.message_limit as usize,
            (self.peer.settings.frame_limit as usize).saturating_sub(32),
            self.max_fragment.saturating_sub(MESSAGE_COST as usize),
        ];
        u32::try_from(limits.into_iter().min().unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// Whether an item of `len` bytes can go now.
    pub(crate) fn item_room(&mut self, key: StreamKey, len: usize) -> ItemRoom {
        let in_place = !self.is_large(len);
        let cost = MESSAGE_COST + len as u64;
        // No item goes towards an end that is not ready (wire 4.4).
        let room = self.peer.ready && self.has_buffer(cost);
        let longest = self.longest_item();
        let Some(out) = self.stream(key).and_then(|stream| stream.out.as_mut()) else {
            return ItemRoom::Closed(self.stream_gone());
        };
        if let Some(closed) = &out.closed {
            return ItemRoom::Closed(closed.status().clone());
        }
        if !room || out.is_busy() {
            out.waits = true;
            if !room && !std::mem::replace(&mut out.in_line, true) {
                self.senders_in_line.push(key.id);
            }
            return ItemRoom::Wait;
        }
        // What may have to be lent to us is promised (wire 7.8): then the machine has it, and not somebody who may go.
        if !in_place || cost > out.account.first_total() {
            return ItemRoom::Outside;
        }
        if out.account.available() < cost {
            out.waits = true;
            self.ask_stream_credit(key.id, cost);
            return ItemRoom::Wait;
        }
        out.longest = longest;
        ItemRoom::InPlace
    }

    /// Refuses an item that can never be sent.
    pub(crate) fn check_item(&self, by_spec: Option<usize>, len: usize) -> Result<(), Status> {
        self.check_size(by_spec, len)
    }

    /// Sends a small item; `write` appends its message. There must be [`ItemRoom::InPlace`].
    pub(crate) fn send_item(
        &mut self,
        key: StreamKey,
        len: usize,
        write: impl FnOnce(&mut BytesMut),
    ) -> Result<(), Error> {
        write_item(self.outbox.small(), (key.id, len), write)?;
        self.items_begun += 1;
        if let Some(stream) = self.stream(key) {
            stream.headers_said = true;
            if let Some(out) = &mut stream.out {
                let fits = out.account.spend(MESSAGE_COST + len as u64);
                debug_assert!(fits && !out.is_busy(), "there was room");
            }
        }
        Ok(())
    }

    /// Takes an item that was encoded outside the lock: it goes when there is credit for it, unless the stream ends
    /// before. There must be [`ItemRoom::Outside`].
    pub(crate) fn offer_item(&mut self, key: StreamKey, message: Payload) {
        if let Some(out) = self.stream(key).and_then(|stream| stream.out.as_mut()) {
            debug_assert!(!out.is_busy());
            if out.closed.is_none() {
                out.pending = Some(Box::new(message));
                self.pump_item(key.id);
            }
        }
    }

    /// Whether the item that was offered has its credit. `None`: not yet, [`Event::Writable`] follows.
    pub(crate) fn item_accepted(&mut self, key: StreamKey) -> Option<Result<(), Status>> {
        let Some(out) = self.stream(key).and_then(|stream| stream.out.as_mut()) else {
            return Some(Err(self.stream_gone()));
        };
        match (out.closed.as_deref(), &out.pending) {
            // It is on its way, whatever came since.
            (_, None) if out.busy => Some(Ok(())),
            (Some(closed), _) => Some(Err(closed.status().clone())),
            (None, None) => Some(Ok(())),
            (None, Some(_)) => {
                out.waits = true;
                None
            }
        }
    }

    /// Why no more items can be sent, if so. `None`: [`Event::Writable`] follows.
    pub(crate) fn sender_closed(&mut self, key: StreamKey) -> Option<Status> {
        let Some(out) = self.stream(key).and_then(|stream| stream.out.as_mut()) else {
            return Some(self.stream_gone());
        };
        out.waits |= out.closed.is_none();
        out.closed.as_ref().map(|closed| closed.status().clone())
    }

    /// Sends the large item that waits, if there is credit for it.
    fn pump_item(&mut self, id: CallId) {
        let Some(stream) = self.stream_of(id) else { return };
        let Some(out) = &mut stream.out else { return };
        let Some(message) = out.pending.take() else { return };
        let cost = MESSAGE_COST + message.len() as u64;
        if !out.account.spend(cost) {
            out.pending = Some(message);
            return self.ask_stream_credit(id, cost);
        }
        out.busy = true;
        stream.headers_said = true;
        let what = LargeKind::Item { id };
        self.outbox.push_large(Large { what, block: Bytes::new(), message: *message, begun: false });
        self.writable(id);
    }

    fn ask_stream_credit(&mut self, id: CallId, cost: u64) {
        let out = self.stream_of(id).and_then(|stream| stream.out.as_mut());
        if let Some(total) = out.and_then(|out| out.account.ask(cost)) {
            // Behind the items before it: else it would be lent room as if nothing of it were held.
            Credit { scope: Scope::Stream(id), total }.encode_blocked(self.outbox.small());
        }
    }

    /// There may be room for the sender of this stream.
    fn writable(&mut self, id: CallId) {
        let out = self.stream_of(id).and_then(|stream| stream.out.as_mut());
        if out.is_some_and(|out| std::mem::take(&mut out.waits)) {
            self.events.push_back(Event::Writable(id));
        }
    }

    /// The write buffer takes items again, or the peer has become ready.
    pub(super) fn buffer_takes_items(&mut self) {
        for id in std::mem::take(&mut self.senders_in_line) {
            if let Some(out) = self.stream_of(id).and_then(|stream| stream.out.as_mut()) {
                out.in_line = false;
                self.writable(id);
            }
        }
    }

    /// CREDIT for a stream of ours.
    pub(super) fn stream_credit(&mut self, id: CallId, total: u64) {
        let out = self.stream_of(id).and_then(|stream| stream.out.as_mut());
        if out.is_some_and(|out| out.account.grow_to(total) > 0) {
            self.pump_item(id);
            self.writable(id);
        }
    }

    /// A large item of ours has left.
    pub(super) fn item_left(&mut self, id: CallId) {
        let Some(stream) = self.stream_of(id) else { return };
        let Some(out) = &mut stream.out else { return };
        out.busy = false;
        let finishing = std::mem::take(&mut out.finishing);
        if let Some(terminal) = stream.terminal.take() {
            return self.go_on_with_reply(id.number(), *terminal);
        }
        if finishing {
            self.say_end(id);
        }
        self.writable(id);
    }

    /// The caller's items are complete (wire 9.2). Once: whether that is now said, or why not.
    pub(crate) fn finish_items(
        &mut self,
        key: StreamKey,
        reply_within: Option<std::time::Duration>,
    ) -> Result<(), Status> {
        let Some(out) = self.stream(key).and_then(|stream| stream.out.as_mut()) else {
            return Err(self.stream_gone());
        };
        match out.closed.as_deref() {
            // The answer tells what became of it.
            Some(Closed::Unwanted(_)) => return Ok(()),
            Some(Closed::Failed(why)) => return Err(why.clone()),
            None => {}
        }
        let why = Status::failed_precondition("the stream was finished");
        out.closed = Some(Box::new(Closed::Failed(why)));
        if !self.is_ours(key.id) {
            return Ok(());
        }
        let number = key.id.number();
        let slot = self.calling.slot(number);
        if let (Some(limit), None) = (reply_within, slot.limit) {
            slot.limit = Some(limit);
            self.deadlines.begin(number * 2, limit);
        }
        match self.stream(key).and_then(|stream| stream.out.as_mut()) {
            Some(out) if out.is_busy() => out.finishing = true,
            _ => self.say_end(key.id),
        }
        Ok(())
    }

    fn say_end(&mut self, id: CallId) {
        let slot = self.calling.slot(id.number());
        if !slot.side_ended {
            slot.side_ended = true;
            encode_end(id, self.outbox.small());
        }
    }

    /// The caller's items stop with an error (wire 9.3).
    pub(crate) fn reset_items(&mut self, key: StreamKey, code: Code, text: &str) {
        let id = key.id;
        let open = self.is_ours(id) && self.stream(key).is_some_and(|stream| stream.out.is_some());
        if open && !self.calling.slot(id.number()).side_ended {
            self.close_out(id, Closed::Failed(Status::new(code, text.to_owned())));
            self.say_reset(id, code, text);
        }
    }

    fn say_reset(&mut self, id: CallId, code: Code, text: &str) {
        self.calling.slot(id.number()).side_ended = true;
        let code = code.number().max(1);
        let text = Text::from(super::replying::clip(text, STATUS_TEXT_LIMIT).to_owned());
        // Behind the items before it, which stay valid.
        Reset { of: FragmentOf::Call(id), code, text }.encode(self.outbox.small());
    }

    /// Whoever sends lets go: what is not finished is not to look whole.
    pub(super) fn drop_sender(&mut self, key: StreamKey) {
        let Some(stream) = self.stream(key) else { return };
        stream.sender = false;
        let reader = stream.reader;
        if !self.is_ours(key.id) {
            return;
        }
        match reader {
            true if self.is_finishing(key.id) => {}
            true => self.reset_items(key, Code::CANCELLED, "the sender was dropped before it had finished"),
            false => self.give_up(key.id.number()),
        }
    }

    fn is_finishing(&mut self, id: CallId) -> bool {
        let out = self.stream_of(id).and_then(|stream| stream.out.as_mut());
        out.is_some_and(|out| out.finishing)
    }

    /// No more items are sent, for this reason; what waits or is half sent is given up. True: an item is half sent.
    pub(super) fn close_out(&mut self, id: CallId, why: Closed) -> bool {
        let Some(out) = self.stream_of(id).and_then(|stream| stream.out.as_mut()) else { return false };
        let ItemsOut { busy, .. } = *out;
        (out.pending, out.busy, out.finishing) = (None, false, false);
        out.account.forget_promise();
        if std::mem::take(&mut out.in_line) {
            self.senders_in_line.retain(|other| *other != id);
        }
        let Some(out) = self.stream_of(id).and_then(|stream| stream.out.as_mut()) else { return false };
        // Why the call failed says more than that its callee had stopped reading before.
        match (out.closed.as_deref(), &why) {
            (None, _) | (Some(Closed::Unwanted(_)), Closed::Failed(_)) => out.closed = Some(Box::new(why)),
            (Some(_), _) => {}
        }
        let cut = if busy { self.outbox.cut_item(id) } else { None };
        if let Some(large) = cut.as_ref().filter(|large| !large.begun) {
            let cost = MESSAGE_COST + large.message.len() as u64;
            if let Some(out) = self.stream_of(id).and_then(|stream| stream.out.as_mut()) {
                out.account.refund(cost);
            }
        }
        self.writable(id);
        cut.is_some_and(|large| large.begun)
    }

    /// STOP: the peer wants no more of the items that we send (wire 9.4).
    pub(super) fn on_stop(&mut self, stop: StopFrame) {
        let id = stop.id;
        let why = match stop.code {
            0 => Status::cancelled("the other end wants no more items"),
            code => Status::new(Code::from_wire(code), "the other end wants no more items"),
        };
        if !self.is_ours(id) {
            // Its handler sees it, now or when it begins, and answers.
            let stream = self.stream_of(id).filter(|stream| !stream.over);
            let out = stream.and_then(|stream| stream.out.as_mut());
            if let Some(out) = out.filter(|out| out.closed.is_none()) {
                out.closed = Some(Box::new(Closed::Unwanted(why)));
                // What is half sent goes on: only the terminal frame could end it.
                out.pending = None;
                self.writable(id);
            }
            return;
        }
        let Some(slot) = self.calling.open(id.number()) else { return };
        if !slot.side_ended && slot.stream().is_some_and(|stream| stream.out.is_some()) {
            let text = "asked for no more items";
            self.close_out(id, Closed::Unwanted(why));
            self.say_reset(id, Code::CANCELLED, text);
        }
    }

    /// Sends metadata ahead of the callee's first item (wire 9.5). False: it is too late for it.
    pub(crate) fn send_headers(&mut self, key: StreamKey, block: Bytes) -> bool {
        let ours = self.is_ours(key.id);
        let Some(stream) = self.stream(key) else { return false };
        if ours || std::mem::replace(&mut stream.headers_said, true) {
            return false;
        }
        Headers { id: key.id, block }.encode(self.outbox.small());
        true
    }
}

/// Appends an item that is whole in its frame, or nothing.
#[inline]
fn write_item(
    buffer: &mut BytesMut,
    (id, len): (CallId, usize),
    write: impl FnOnce(&mut BytesMut),
) -> Result<(), Error> {
    let start = buffer.len();
    let written = write_guarded(buffer, |out| PlainItem::new(id).encode(len, out), write);
    exact(written, len).inspect_err(|_| buffer.truncate(start))
}
