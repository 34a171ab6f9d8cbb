//! Large messages that are passed on: taken in pieces as they come, and sent in pieces as they come. What is charged for them,
//! and when that is free again, is as if they were whole: so who sends slowly holds what he was granted, and nothing more.

use std::time::Instant;

use bytes::Bytes;

use super::Connection;
use super::event::{ComingPush, Event, Inbound, InboundPush, Messages};
use super::lanes::{Becomes, PushUnderWay};
use super::outbox::LargeKind;
use super::replying::Terminal;
use super::serving::{Passing, Request, ServedState};
use super::stream::StreamKey;
use crate::frame::{CallId, FragmentOf, Outline, PushHead, Reset, RouteRef, Text};
use crate::message::Payload;
use crate::{Code, Status};

/// What came of a request or push that is passed on.
#[derive(Debug)]
pub(crate) enum Came {
    Part(Bytes),
    Last(Bytes),
    /// It will never be whole.
    Broken(Status),
    /// Nothing yet: [`Event::Readable`] follows, or [`Event::PushGoesOn`].
    Wait,
}

/// What is known of a call while its request comes.
#[derive(Debug)]
pub(crate) struct BegunRequest {
    pub(crate) route: RouteRef,
    pub(crate) block: Bytes,
    pub(crate) deadline: Option<Instant>,
    pub(crate) serial: u64,
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
        let (assembly, block) = slot.reply_mut()?;
        assembly.go_in_pieces();
        Some((assembly.total(), block.clone()))
    }

    /// What has come of the answer that is under way.
    pub(crate) fn reply_piece(&mut self, number: u32) -> Option<Bytes> {
        self.calling.open(number)?.reply_mut()?.0.take_piece()
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
        self.outbox.feed((FragmentOf::Call(self.peers_id(key)), key.serial), bytes)
    }

    /// The call that a reply is of.
    pub(crate) fn peers_id(&self, key: ReplyKey) -> CallId {
        CallId::new(self.role.other(), key.number)
    }

    /// Whether more of the reply is to come, and is wanted. If it is not any more, [`Event::Readable`] follows.
    pub(crate) fn reply_goes_on(&mut self, key: ReplyKey) -> bool {
        let of = FragmentOf::Call(self.peers_id(key));
        self.waiting_body(key).is_some() || self.outbox.awaits((of, key.serial))
    }

    /// The rest of the reply will never come: why.
    pub(crate) fn break_reply(&mut self, key: ReplyKey, why: &Status) {
        if self.reply_goes_on(key) {
            self.cut_reply(key.number, why);
        }
    }
}

/// Of the one request of a call of the peer's.
impl Connection {
    /// A call whose request is under way.
    pub(crate) fn request_begun(&mut self, number: u32) -> Option<BegunRequest> {
        match &self.serving.open(number)?.state {
            ServedState::Receiving(request) => {
                let Request { route, block, deadline, serial, .. } = &**request;
                let (route, block) = (route.clone(), block.clone());
                Some(BegunRequest { route, block, deadline: *deadline, serial: *serial })
            }
            _ => None,
        }
    }

    /// Hands a call on whose request is under way, so many bytes: they are taken in [pieces](Self::request_piece). `None`: it is
    /// not the one of this serial any more.
    pub(crate) fn take_begun(&mut self, number: u32, serial: u64) -> Option<(Inbound, usize)> {
        let served = self.serving.open(number)?;
        if !matches!(&served.state, ServedState::Receiving(request) if request.serial == serial) {
            return None;
        }
        let state = std::mem::replace(&mut served.state, ServedState::Running);
        let ServedState::Receiving(request) = state else { return None };
        let Request { mut assembly, route, block, deadline, shape, cost, .. } = *request;
        assembly.go_in_pieces();
        let total = assembly.total();
        served.state = ServedState::Passing(Box::new(Passing { assembly, broken: None }));
        let id = CallId::new(self.role.other(), number);
        let stream = self.stream_key(id);
        let message = Bytes::new();
        Some((Inbound { id, route, deadline, block, shape, message, stream, cost }, total))
    }

    /// What has come of the request of a call that is passed on.
    pub(crate) fn request_piece(&mut self, number: u32) -> Came {
        let Some(served) = self.serving.open(number) else {
            return Came::Broken(self.stream_gone());
        };
        let ServedState::Passing(passing) = &mut served.state else {
            return Came::Broken(Status::cancelled("the call is over"));
        };
        if let Some(why) = &passing.broken {
            return Came::Broken(why.clone());
        }
        let is_whole = passing.assembly.missing() == 0;
        match passing.assembly.take_piece() {
            Some(bytes) if is_whole => Came::Last(bytes),
            Some(bytes) => Came::Part(bytes),
            None if is_whole => Came::Last(Bytes::new()),
            None => Came::Wait,
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

/// Of a push of the peer's.
impl Connection {
    /// The route of the push that is under way in a lane, if it is the one of this serial.
    pub(crate) fn push_begun(&mut self, lane: u32, serial: u64) -> Option<RouteRef> {
        let under_way = self.lanes.inn(lane)?.under_way.as_ref();
        match &under_way.filter(|under_way| under_way.serial == serial)?.becomes {
            Becomes::Push(push) => Some(push.route.clone()),
            Becomes::Passed | Becomes::Nothing => None,
        }
    }

    /// Hands the push on that is under way in a lane: it is taken in [pieces](Self::push_piece).
    pub(crate) fn take_begun_push(&mut self, lane: u32, serial: u64) -> Option<InboundPush> {
        let under_way = self.lanes.inn(lane)?.under_way.as_mut()?;
        if under_way.serial != serial || !matches!(under_way.becomes, Becomes::Push(_)) {
            return None;
        }
        let Becomes::Push(push) = std::mem::replace(&mut under_way.becomes, Becomes::Passed) else {
            return None;
        };
        under_way.assembly.go_in_pieces();
        let coming = ComingPush { serial, len: under_way.assembly.total(), cost: push.cost() };
        Some(InboundPush { messages: Messages::Coming(coming), ..push })
    }

    /// What has come of a push that is passed on.
    pub(crate) fn push_piece(&mut self, lane: u32, serial: u64) -> Came {
        let over = self.is_over();
        let Some(inn) = self.lanes.inn(lane) else { return Came::Broken(broke_off()) };
        if let Some(at) = inn.passed.iter().position(|(other, _)| *other == serial) {
            let (_, rest) = inn.passed.remove(at);
            return rest.map_or_else(|| Came::Broken(broke_off()), Came::Last);
        }
        match &mut inn.under_way {
            Some(PushUnderWay { assembly, becomes: Becomes::Passed, serial: other })
                if *other == serial && !over =>
            {
                assembly.take_piece().map_or(Came::Wait, Came::Part)
            }
            _ => Came::Broken(broke_off()),
        }
    }

    /// Nobody takes any more of a push that is passed on: it is read past.
    pub(crate) fn leave_push(&mut self, lane: u32, coming: ComingPush) {
        let Some(inn) = self.lanes.inn(lane) else { return };
        inn.passed.retain(|(serial, _)| *serial != coming.serial);
        if let Some(PushUnderWay { assembly, becomes, serial }) = &mut inn.under_way {
            if matches!(becomes, Becomes::Passed) && *serial == coming.serial {
                assembly.drop_bytes();
                *becomes = Becomes::Nothing;
            }
        }
        self.push_handed_on(lane, coming.cost);
    }

    pub(super) fn push_broke_off(&mut self, lane: u32, serial: u64) {
        if let Some(inn) = self.lanes.inn(lane) {
            inn.passed.push((serial, None));
            self.events.push_back(Event::PushGoesOn);
        }
    }

    /// The place of the large push of ours that is on its way in a lane.
    pub(crate) fn push_on_its_way(&mut self, lane: u32) -> Option<u64> {
        self.lanes.out(lane)?.busy
    }

    /// More has come of a large push of ours. False: it is not to leave any more.
    pub(crate) fn push_came(&mut self, lane: u32, place: u64, bytes: Bytes) -> bool {
        let goes = self.push_on_its_way(lane) == Some(place);
        goes && self.outbox.feed((FragmentOf::Lane(lane), 0), bytes)
    }

    /// The rest of a large push of ours will never come.
    pub(crate) fn break_push(&mut self, lane: u32, place: u64) {
        let of = FragmentOf::Lane(lane);
        if self.push_on_its_way(lane) != Some(place) || !self.outbox.awaits((of, 0)) {
            return;
        }
        let Some(large) = self.outbox.cut_push(lane) else { return };
        // It was counted, so the peer has to count it too (wire 10.4): begun it is, and then given up.
        if let (LargeKind::Push { route, .. }, false) = (&large.what, large.begun) {
            let outline = Outline { len: 0, total: Some(large.message.len() as u32), compressed: false };
            let head = PushHead { lane, route: route.as_out(), block: &large.block };
            head.encode(outline, self.outbox.small());
        }
        let text = Text::from("broken off");
        Reset { of, code: Code::CANCELLED.number(), text }.encode(self.outbox.small());
        self.large_push_ended(lane);
        self.check_drained();
    }
}

fn broke_off() -> Status {
    Status::cancelled("the push broke off")
}
