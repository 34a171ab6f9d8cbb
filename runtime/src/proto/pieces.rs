//! Large messages that are passed on: taken in pieces as they come, and sent in pieces as they come. What is charged for them,
//! and when that is free again, is as if they were whole: so who sends slowly holds what he was granted, and nothing more.

use std::time::Instant;

use bytes::Bytes;

use super::Connection;
use super::event::{Event, Inbound};
use super::replying::Terminal;
use super::serving::{Passing, Request, ServedState};
use super::stream::StreamKey;
use crate::Status;
use crate::frame::{CallId, FragmentOf, RouteRef};
use crate::message::Payload;

/// What came of a request that is passed on.
#[derive(Debug)]
pub(crate) enum RequestPiece {
    Part(Bytes),
    Last(Bytes),
    /// It will never be whole.
    Broken(Status),
    /// Nothing yet: [`Event::Readable`] follows.
    Wait,
}

/// A reply that was begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyKey {
    pub(super) number: u32,
    pub(super) serial: u64,
}

/// Of an item.
impl Connection {
    /// The length of the next item, if it is under way: its reader takes it in [pieces](Self::item_piece), and is told when
    /// more has come. The last piece is what [`read_items`](Self::read_items) finds.
    pub(crate) fn item_begun(&mut self, key: StreamKey) -> Option<usize> {
        let inn = self.stream(key)?.inn.as_mut()?;
        inn.in_pieces = true;
        if inn.has_items() || inn.discards() {
            return None;
        }
        inn.under_way().map(|item| item.total())
    }

    /// What has come of the item under way.
    pub(crate) fn item_piece(&mut self, key: StreamKey) -> Option<Bytes> {
        let inn = self.stream(key)?.inn.as_mut()?;
        if inn.has_items() {
            return None;
        }
        inn.under_way()?.take_piece()
    }

    /// An item is not whole yet: some readers begin with it.
    pub(super) fn item_goes_on(&mut self, id: CallId) {
        let inn = self.stream_of(id).and_then(|stream| stream.inn.as_ref());
        if inn.is_some_and(|inn| inn.in_pieces) {
            self.readable(id);
        }
    }

    /// More has come of the item that was offered and has its credit. False: it is not to leave any more.
    pub(crate) fn item_came(&mut self, key: StreamKey, bytes: Bytes) -> bool {
        let sends = self.stream(key).is_some_and(|stream| stream.has_large_item());
        sends && self.outbox.feed((FragmentOf::Call(key.id), 0), bytes)
    }
}

/// Of the answer to a call of ours.
impl Connection {
    /// The length of the answer that is under way, and its block. From here on it is taken in [pieces](Self::reply_piece), of
    /// which [`Event::Readable`] tells; the answer itself is the last.
    pub(crate) fn reply_begun(&mut self, number: u32) -> Option<(usize, Bytes)> {
        let slot = self.calling.open(number).filter(|slot| slot.owned && !slot.has_answer())?;
        let (assembly, block) = slot.reply.as_deref_mut()?;
        assembly.go_in_pieces();
        Some((assembly.total(), block.clone()))
    }

    /// What has come of the answer that is under way.
    pub(crate) fn reply_piece(&mut self, number: u32) -> Option<Bytes> {
        self.calling.open(number)?.reply.as_mut()?.0.take_piece()
    }

    /// Ends a call with a message of so many bytes, which are to [come](Self::reply_came).
    pub(crate) fn begin_reply(&mut self, number: u32, block: Bytes, len: usize) -> ReplyKey {
        // Before its number is used again, another call is taken.
        let serial = self.serving.taken;
        let message = Payload::coming(len, serial);
        self.reply(number, Terminal::Message { block, message });
        ReplyKey { number, serial }
    }

    /// More has come of the reply. False: it is not to leave any more.
    pub(crate) fn reply_came(&mut self, key: ReplyKey, bytes: Bytes) -> bool {
        if let Some(body) = self.waiting_body(key) {
            body.add(bytes);
            return true;
        }
        let id = CallId::new(self.role.other(), key.number);
        self.outbox.feed((FragmentOf::Call(id), key.serial), bytes)
    }

    /// The rest of the reply will never come: why.
    pub(crate) fn break_reply(&mut self, key: ReplyKey, why: &Status) {
        let id = CallId::new(self.role.other(), key.number);
        if self.waiting_body(key).is_some() || self.outbox.awaits((FragmentOf::Call(id), key.serial)) {
            self.cut_reply(key.number, why);
        }
    }
}

/// Of the one request of a call of the peer's.
impl Connection {
    /// The route, the block and the deadline of a call whose request is under way.
    pub(crate) fn request_begun(&mut self, number: u32) -> Option<(RouteRef, Bytes, Option<Instant>)> {
        match &self.serving.open(number)?.state {
            ServedState::Receiving(request) => {
                Some((request.route.clone(), request.block.clone(), request.deadline))
            }
            _ => None,
        }
    }

    /// Hands a call on whose request is under way, so many bytes: they are taken in [pieces](Self::request_piece).
    pub(crate) fn take_begun(&mut self, number: u32) -> Option<(Inbound, usize)> {
        let served = self.serving.open(number)?;
        if !matches!(served.state, ServedState::Receiving(_)) {
            return None;
        }
        let state = std::mem::replace(&mut served.state, ServedState::Running);
        let ServedState::Receiving(request) = state else { return None };
        let Request { mut assembly, route, block, deadline, shape, cost } = *request;
        assembly.go_in_pieces();
        let total = assembly.total();
        served.state = ServedState::Passing(Box::new(Passing { assembly, broken: None }));
        let id = CallId::new(self.role.other(), number);
        let stream = self.stream_key(id);
        let message = Bytes::new();
        Some((Inbound { id, route, deadline, block, shape, message, stream, cost }, total))
    }

    /// What has come of the request of a call that is passed on.
    pub(crate) fn request_piece(&mut self, number: u32) -> RequestPiece {
        let Some(served) = self.serving.open(number) else {
            return RequestPiece::Broken(self.stream_gone());
        };
        let ServedState::Passing(passing) = &mut served.state else {
            return RequestPiece::Broken(Status::cancelled("the call is over"));
        };
        if let Some(why) = &passing.broken {
            return RequestPiece::Broken(why.clone());
        }
        let is_whole = passing.assembly.missing() == 0;
        match passing.assembly.take_piece() {
            Some(bytes) if is_whole => RequestPiece::Last(bytes),
            Some(bytes) => RequestPiece::Part(bytes),
            None if is_whole => RequestPiece::Last(Bytes::new()),
            None => RequestPiece::Wait,
        }
    }

    /// More has come of the request of a call of ours that was opened with one that is to come. False: it is not to leave any more.
    pub(crate) fn request_came(&mut self, number: u32, bytes: Bytes) -> bool {
        self.outbox.feed((FragmentOf::Call(CallId::new(self.role, number)), 0), bytes)
    }

    /// A request that is passed on goes on, or never will.
    pub(super) fn request_goes_on(&mut self, number: u32) {
        self.events.push_back(Event::Readable(CallId::new(self.role.other(), number)));
    }

    /// The call is answered: of a request that is passed on, nobody wants what comes. True: it was not whole, so that it was
    /// not run.
    pub(super) fn leave_request(&mut self, number: u32) -> bool {
        let Some(served) = self.serving.open(number) else { return false };
        let ServedState::Passing(passing) = &served.state else { return false };
        let missing = passing.assembly.missing();
        served.rest = if served.caller_ended { 0 } else { missing };
        missing > 0
    }
}
