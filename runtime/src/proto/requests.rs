//! What the peer says of the calls that it opens: CALL, its fragments and items, and what ends its side (wire 8, 9).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Connection;
use super::assembly::{Arrived, Assembly, Part, take_from};
use super::calling::Answer;
use super::event::{Inbound, Shape, Stop, Work};
use super::items::ItemsIn;
use super::receive::{cost_of, detach, overdrawn};
use super::replying::stop_status;
use super::serving::{Request, ServedState};
use crate::frame::{Call, CallId, Cancel, EndCode, FrameError, Item, Piece, ReplyStatus, Reset};
use crate::{Code, Error, Status};

/// So many times `send_buffer` may wait to be written before the peer's calls are held back.
const HOLD: usize = 8;

impl Connection {
    pub(super) fn on_call(&mut self, now: Instant, call: Call) -> Result<(), FrameError> {
        let number = self.peers_call(call.id)?;
        if self.takes_no_more() {
            return Ok(());
        }
        if !self.serving.within_limit(number) {
            return Err(FrameError::new(EndCode::LimitExceeded, "8.2", "more calls than `max_in_flight`"));
        }
        if !self.serving.is_idle(number, self.outbox.batches()) {
            return Err(FrameError::unexpected("8.2", "CALL with a number that is not idle"));
        }
        self.routes.check(&call.route)?;
        let total = call.message.as_ref().map_or(0, Piece::total);
        let cost = cost_of(&call.route, &call.block, total);
        if !self.calls_grant.charge(cost) {
            return Err(overdrawn("calls"));
        }
        self.raise_calls();
        if let Some(why) = self.call_refusal(&call, total) {
            self.refuse_call(&call, cost, why);
            return Ok(());
        }
        let shape = shape_of(&call);
        let stream = self.callee_stream(shape);
        let deadline = self.served_deadline(now, call.deadline);
        if let Some(at) = deadline {
            self.deadlines.set(number * 2 + 1, at);
        }
        let Call { id, mut route, mut block, message, .. } = call;
        // A stream may be open for long, and would keep a whole read buffer alive by what opened it.
        if stream.is_some() {
            (route, block) = detach(&route, &block);
        }
        let message = match message.map(|piece| Assembly::begin(piece, &mut self.pool)) {
            None => {
                self.serving.begin(number, ServedState::Running, false).stream = stream;
                Bytes::new()
            }
            Some(Arrived::Whole(bytes)) => {
                self.serving.begin(number, ServedState::Running, true).stream = stream;
                bytes
            }
            Some(Arrived::Begun(assembly)) => {
                let (route, block) = detach(&route, &block);
                let serial = self.serving.taken;
                let request = Request { assembly, route, block, deadline, shape, cost, serial };
                self.serving.begin(number, ServedState::Receiving(Box::new(request)), false).stream = stream;
                if !self.answers_wait() {
                    self.work.push(Work::Begun(number));
                }
                return Ok(());
            }
        };
        let stream = self.stream_key(id);
        self.dispatch(Inbound { id, route, deadline, block, shape, message, stream, cost });
        Ok(())
    }

    /// Takes all that is to be run.
    #[inline]
    pub(crate) fn take_work(&mut self, work: &mut Vec<Work>) {
        match work.is_empty() {
            true => std::mem::swap(work, &mut self.work),
            false => work.append(&mut self.work),
        }
    }

    /// Hands a call to the session, or holds it while our replies do not leave (wire 7.11).
    fn dispatch(&mut self, call: Inbound) {
        if !self.answers_wait() {
            return self.work.push(Work::Call(call));
        }
        let number = call.id.number();
        if let Some(served) = self.serving.open(number) {
            served.state = ServedState::Held(Box::new(call));
            self.held.used().push_back(number);
        }
    }

    /// Whether too much waits to be written for more calls to be answered. Large messages, which the peer has prepaid, count
    /// when they are more than it could have paid for if it were as we are: it may have said that it takes without end.
    fn answers_wait(&self) -> bool {
        let most = self.send_buffer.saturating_mul(HOLD);
        let large = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(self.replies_grant.window());
        self.outbox.encoded() >= most || self.outbox.large() as u64 >= large
    }

    /// Something has left: calls that were held may go on.
    pub(super) fn release_held(&mut self) {
        while !self.held.is_empty() && !self.answers_wait() {
            let Some(served) = self.held.pop_front().and_then(|number| self.serving.open(number)) else {
                continue;
            };
            match std::mem::replace(&mut served.state, ServedState::Running) {
                ServedState::Held(call) => self.work.push(Work::Call(*call)),
                other => served.state = other,
            }
        }
    }

    /// The id of a call that the peer opens or goes on with (wire 2.6).
    fn peers_call(&self, id: CallId) -> Result<u32, FrameError> {
        match id.opener() == self.role {
            true => Err(FrameError::unexpected("2.6", format!("a call opened with our id {id:?}"))),
            false => Ok(id.number()),
        }
    }

    /// What costs the call, before it is dispatched.
    fn call_refusal(&self, call: &Call, total: usize) -> Option<Status> {
        let limit = self.ours.message_limit as usize;
        if total > limit {
            let knob = "`max_message` of the callee";
            return Some(Error::MessageTooLarge { size: total, limit, knob }.into());
        }
        let limit = self.ours.metadata_limit as usize;
        if call.block.len() > limit {
            let (size, knob) = (call.block.len(), "`max_metadata` of the callee");
            return Some(Error::MessageTooLarge { size, limit, knob }.into());
        }
        if call.message.as_ref().is_some_and(|piece| piece.compressed) {
            return Some(Status::unimplemented("compressed messages are not accepted here"));
        }
        if call.deadline == Some(0) {
            return Some(Status::deadline_exceeded("the deadline had passed when the call arrived"));
        }
        None
    }

    fn refuse_call(&mut self, call: &Call, cost: u64, why: Status) {
        let rest = call.message.as_ref().map_or(0, |piece| piece.missing as usize);
        let ended = call.message.is_some() && rest == 0;
        let stream = self.callee_stream(shape_of(call));
        let served = self.serving.begin(call.id.number(), ServedState::Running, ended);
        (served.rest, served.stream) = (rest, stream);
        self.refuse(call.id.number(), cost, why);
    }

    fn served_deadline(&self, now: Instant, millis: Option<u32>) -> Option<Instant> {
        let asked = millis.map(|ms| Duration::from_millis(u64::from(ms)));
        let limit = match (asked, self.config.max_timeout) {
            (Some(asked), Some(most)) => Some(asked.min(most)),
            (asked, most) => asked.or(most),
        };
        limit.and_then(|limit| now.checked_add(limit))
    }

    pub(super) fn on_request_fragment(&mut self, number: u32, part: Part<'_>) -> Result<(), FrameError> {
        let Some(served) = self.serving.open(number) else { return self.not_open("FRAGMENT") };
        let ended = match &mut served.state {
            ServedState::Receiving(request) => {
                if request.assembly.add(part)? {
                    self.request_is_whole(number);
                }
                return Ok(());
            }
            ServedState::Passing(passing) if !served.caller_ended && passing.assembly.missing() > 0 => {
                served.caller_ended = passing.assembly.add(part)?;
                self.request_goes_on(number);
                return Ok(());
            }
            _ if served.rest > 0 => take_from(&mut served.rest, part)?,
            _ => match served.stream.as_mut().and_then(|stream| stream.inn.as_mut()) {
                Some(inn) if !served.caller_ended => {
                    inn.fragment(part)?;
                    match inn.is_under_way() {
                        true => self.item_goes_on(CallId::new(self.role.other(), number)),
                        false => self.request_item_arrived(number),
                    }
                    return Ok(());
                }
                _ => return Err(FrameError::unexpected("6.2", "FRAGMENT without a message under way")),
            },
        };
        if ended {
            served.caller_ended = true;
            self.settle_served(number);
        }
        Ok(())
    }

    fn request_is_whole(&mut self, number: u32) {
        let Some(served) = self.serving.open(number) else { return };
        served.caller_ended = true;
        let state = std::mem::replace(&mut served.state, ServedState::Running);
        if let ServedState::Receiving(request) = state {
            let Request { assembly, route, block, deadline, shape, cost, .. } = *request;
            let message = assembly.finish().unwrap_or_default();
            let id = CallId::new(self.role.other(), number);
            let stream = self.stream_key(id);
            self.dispatch(Inbound { id, route, deadline, block, shape, message, stream, cost });
        }
    }

    pub(super) fn on_cancel(&mut self, cancel: Cancel) -> Result<(), FrameError> {
        let number = self.peers_call(cancel.id)?;
        let Some(served) = self.serving.open(number) else { return Ok(()) };
        served.caller_ended = true;
        served.rest = 0;
        let why = if cancel.expired { Stop::Expired } else { Stop::Cancelled };
        self.end_request_items(number, Answer::Local(stop_status(why)));
        self.stop_served(number, why);
        self.settle_served(number);
        Ok(())
    }

    /// RESET from the caller: what it sends stops with an error, and it is still answered (wire 9.3).
    pub(super) fn on_request_reset(&mut self, number: u32, reset: &Reset) -> Result<(), FrameError> {
        let Some(served) = self.serving.open(number) else { return self.not_open("RESET") };
        if served.caller_ended {
            return Err(FrameError::unexpected("8.10", "RESET of a side that has ended"));
        }
        served.caller_ended = true;
        served.rest = 0;
        let why = || Status::new(Code::from_wire(reset.code), reset.text.to_string());
        match &mut served.state {
            ServedState::Receiving(request) => {
                let cost = request.cost;
                self.refuse(number, cost, why());
            }
            ServedState::Passing(passing) => {
                passing.broken = Some(why());
                self.request_goes_on(number);
            }
            _ => {}
        }
        let status = ReplyStatus { code: reset.code, text: reset.text.clone(), not_run: false };
        self.end_request_items(number, Answer::Failed { status, block: Bytes::new() });
        self.settle_served(number);
        Ok(())
    }

    pub(super) fn on_request_item(&mut self, item: Item) -> Result<(), FrameError> {
        let id = item.id;
        let Some(served) = self.serving.open(id.number()) else { return self.not_open("ITEM") };
        let inn = served.stream.as_ref().and_then(|stream| stream.inn.as_ref());
        if served.caller_ended || inn.is_none() {
            return Err(FrameError::unexpected("9.1", "ITEM for a call whose caller sends none, or no more"));
        }
        let fragmented = item.message.missing > 0;
        self.take_item(id, item)?;
        if !fragmented {
            self.request_item_arrived(id.number());
        }
        Ok(())
    }

    /// An item of the caller's is whole: it may have been the last.
    fn request_item_arrived(&mut self, number: u32) {
        let id = CallId::new(self.role.other(), number);
        let Some(served) = self.serving.open(number) else { return };
        let inn = served.stream.as_ref().and_then(|stream| stream.inn.as_ref());
        if inn.is_some_and(ItemsIn::has_ended) {
            served.caller_ended = true;
            self.end_request_items(number, complete());
            self.settle_served(number);
        }
        self.item_arrived(id);
    }

    /// How the caller's items ended, for their reader.
    fn end_request_items(&mut self, number: u32, end: Answer) {
        let id = CallId::new(self.role.other(), number);
        let Some(inn) = self.stream_of(id).and_then(|stream| stream.inn.as_mut()) else { return };
        inn.void();
        inn.end.get_or_insert_with(|| Box::new(end));
        self.grants_no_more(id);
        self.item_arrived(id);
    }

    pub(super) fn on_end(&mut self, id: CallId) -> Result<(), FrameError> {
        let number = self.peers_call(id)?;
        let Some(served) = self.serving.open(number) else { return self.not_open("END") };
        let inn = served.stream.as_ref().and_then(|stream| stream.inn.as_ref());
        let may_end = inn.is_some_and(|inn| !inn.is_under_way());
        if served.caller_ended || !may_end {
            return Err(FrameError::unexpected("8.10", "END of a side that has ended, or cannot end so"));
        }
        served.caller_ended = true;
        self.end_request_items(number, complete());
        self.settle_served(number);
        Ok(())
    }

    /// A frame from a caller for a call that is not open, or whose caller's side has ended.
    fn not_open(&self, what: &str) -> Result<(), FrameError> {
        // Such a call may be one that came after our count, and was discarded (wire 11.3).
        match self.takes_no_more() {
            true => Ok(()),
            false => Err(FrameError::unexpected("8.10", format!("{what} for a call that is not open"))),
        }
    }

    /// Makes the call's number idle if both sides have ended.
    pub(super) fn settle_served(&mut self, number: u32) {
        if self.serving.settle(number) {
            self.check_drained();
        }
    }
}

/// The end of items that are complete.
fn complete() -> Answer {
    Answer::Message { payload: Bytes::new(), block: Bytes::new() }
}

fn shape_of(call: &Call) -> Shape {
    match (call.message.is_some(), call.stream) {
        (true, false) => Shape::Unary,
        (true, true) => Shape::ServerStream,
        (false, false) => Shape::ClientStream,
        (false, true) => Shape::Bidi,
    }
}
