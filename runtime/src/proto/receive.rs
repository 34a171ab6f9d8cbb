//! What each kind of frame does to the machine. A frame that breaks a rule ends the connection by that rule; what
//! only one call broke costs that call (wire 12.1).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::assembly::{Arrived, Assembly};
use super::calling::Answer;
use super::event::{Announced, Event, Inbound, InboundPush, Shape, Stop};
use super::lanes::PushUnderWay;
use super::serving::{Request, ServedState};
use super::{Connection, MESSAGE_COST};
use crate::frame::{
    Call, CallId, Cancel, Credit, EndCode, Fragment, FragmentOf, Frame, FrameError, Hello, Piece, Pong, Push,
    Reply, Reset, RouteRef, Scope,
};
use crate::{Code, Error, Status};

impl Connection {
    /// A frame was read.
    pub(crate) fn handle_frame(&mut self, now: Instant, frame: Frame) {
        if self.is_over() {
            return;
        }
        if let Err(error) = self.receive(now, frame) {
            self.fail(error.code, &error.to_string());
        }
    }

    /// The bytes that were read are no frame.
    pub(crate) fn handle_broken(&mut self, error: &FrameError) {
        let (code, text) = match self.peer.hello {
            // Whoever speaks another protocol does not begin with HELLO (wire 4.1).
            None => (EndCode::BadHello, format!("this is no protocall peer: {error}")),
            Some(_) => (error.code, error.to_string()),
        };
        if !self.is_over() {
            self.fail(code, &text);
        }
    }

    fn receive(&mut self, now: Instant, frame: Frame) -> Result<(), FrameError> {
        if self.peer.hello.is_none() && !matches!(frame, Frame::Hello(_)) {
            let text = format!("the first frame is {}, not HELLO", frame.name());
            return Err(FrameError::new(EndCode::BadHello, "4.1", text));
        }
        match frame {
            Frame::Call(call) => self.on_call(now, call),
            Frame::Reply(reply) => self.on_reply(reply),
            Frame::Push(push) => self.on_push(push),
            Frame::Fragment(fragment) => self.on_fragment(fragment),
            Frame::Credit(credit) => self.on_credit(credit),
            Frame::Blocked(wanted) => self.on_blocked(wanted),
            Frame::Cancel(cancel) => self.on_cancel(cancel),
            Frame::Ping(ping) => {
                self.pong_owed = Some(ping.number.max(self.pong_owed.unwrap_or(0)));
                Ok(())
            }
            Frame::Pong(pong) => self.on_pong(pong),
            Frame::Bind(bind) => {
                self.routes.bind(bind.number, bind.name.clone())?;
                self.events.push_back(Event::Bound(bind.name));
                Ok(())
            }
            Frame::GoAway(go_away) => {
                self.on_go_away(go_away);
                Ok(())
            }
            Frame::Reset(reset) => self.on_reset(reset),
            Frame::Hello(hello) => self.on_hello(*hello),
            Frame::Auth(bytes) => self.on_auth(bytes),
            Frame::Ready => self.on_ready(),
            Frame::Item(item) => self.on_item(item.id),
            Frame::End(id) => self.on_end(id),
            Frame::Headers(headers) => self.on_headers(headers.id),
            // STOP concerns items that we send, and we send none; late ones are ignored anyway (wire 8.10).
            Frame::Stop(_) | Frame::Pad => Ok(()),
        }
    }

    fn on_hello(&mut self, hello: Hello) -> Result<(), FrameError> {
        if self.peer.hello.is_some() {
            return Err(FrameError::unexpected("4.1", "a second HELLO"));
        }
        let announced =
            Announced { serves: hello.settings.serves.clone(), calls: hello.settings.calls.clone() };
        self.peer.wants_auth = hello.wants_auth;
        self.peer.hello = Some(hello.settings);
        self.events.push_back(Event::Hello(Box::new(announced)));
        if !hello.wants_auth {
            self.peer_ready();
        }
        Ok(())
    }

    fn on_auth(&mut self, bytes: Bytes) -> Result<(), FrameError> {
        self.peer.auths += 1;
        if self.peer.auths > 16 {
            return Err(FrameError::new(EndCode::LimitExceeded, "4.4", "more than 16 AUTH frames"));
        }
        self.events.push_back(Event::Auth(bytes));
        Ok(())
    }

    fn on_ready(&mut self) -> Result<(), FrameError> {
        if !self.peer.wants_auth || self.peer.ready {
            return Err(FrameError::unexpected("4.4", "READY that was not announced, or twice"));
        }
        self.peer_ready();
        Ok(())
    }

    fn on_pong(&mut self, pong: Pong) -> Result<(), FrameError> {
        if pong.number > self.pinged {
            return Ok(());
        }
        self.lanes.peer_taken = self.lanes.peer_taken.max(pong.pushes_taken);
        self.events.push_back(Event::PushesTaken);
        self.pong_arrived(pong.number);
        Ok(())
    }

    fn on_call(&mut self, now: Instant, call: Call) -> Result<(), FrameError> {
        let number = self.peers_call(call.id)?;
        if self.takes_no_more() {
            return Ok(());
        }
        if !self.serving.within_limit(number) {
            return Err(FrameError::new(EndCode::LimitExceeded, "8.2", "more calls than `max_in_flight`"));
        }
        if self.serving.open(number).is_some() {
            return Err(FrameError::unexpected("8.2", "CALL with a number that is not idle"));
        }
        self.routes.check(&call.route)?;
        let total = call.message.as_ref().map_or(0, piece_total);
        let cost = cost_of(&call.route, &call.block, total);
        if !self.calls_grant.charge(cost) {
            return Err(overdrawn("calls"));
        }
        let shape = shape_of(&call);
        if let Some(why) = self.call_refusal(&call, total) {
            let rest = call.message.as_ref().map_or(Ok(None), Assembly::discard)?;
            let ended = call.message.is_some() && rest.is_none();
            self.serving.begin(number, ServedState::Running, ended);
            self.refuse(number, cost, rest, why);
            return Ok(());
        }
        let deadline = self.served_deadline(now, call.deadline);
        if let Some(at) = deadline {
            self.wheel.set(number * 2 + 1, at);
        }
        let Call { id, route, block, message, .. } = call;
        let whole = match message.map(Assembly::begin).transpose()? {
            None => Bytes::new(),
            Some(Arrived::Whole(bytes)) => bytes,
            Some(Arrived::Begun(assembly)) => {
                let request = Request { assembly, route, block, deadline, shape, cost };
                self.serving.begin(number, ServedState::Receiving(Box::new(request)), false);
                return Ok(());
            }
        };
        let ended = matches!(shape, Shape::Unary | Shape::ServerStream);
        self.serving.begin(number, ServedState::Running, ended);
        self.events.push_back(Event::Call(Inbound {
            id,
            route,
            deadline,
            block,
            shape,
            message: whole,
            cost,
        }));
        Ok(())
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

    fn served_deadline(&self, now: Instant, millis: Option<u32>) -> Option<Instant> {
        let asked = millis.map(|ms| Duration::from_millis(u64::from(ms)));
        let limit = match (asked, self.max_timeout) {
            (Some(asked), Some(most)) => Some(asked.min(most)),
            (asked, most) => asked.or(most),
        };
        limit.and_then(|limit| now.checked_add(limit))
    }

    fn on_reply(&mut self, reply: Reply) -> Result<(), FrameError> {
        let number = self.our_call(reply.id)?;
        let total = match (&reply.message, &reply.status) {
            (Some(piece), _) => piece_total(piece),
            (None, Some(status)) => status.text.as_bytes().len(),
            (None, None) => 0,
        };
        let cost = MESSAGE_COST + (reply.block.len() + total) as u64;
        if !self.replies_grant.charge(cost) {
            return Err(overdrawn("replies"));
        }
        let refused = reply.message.as_ref().and_then(|piece| self.reply_refusal(piece, total));
        let over = match (refused, &reply.message) {
            (Some(why), Some(piece)) => {
                let over = self.calling.refuse_reply(number, piece, why, cost)?;
                self.events.push_back(Event::Answered(number));
                over
            }
            _ => self.calling.reply(number, reply, cost)?,
        };
        if over {
            self.call_answered(number);
        }
        Ok(())
    }

    fn reply_refusal(&self, piece: &Piece, size: usize) -> Option<Status> {
        let limit = self.ours.message_limit as usize;
        if size > limit {
            let knob = "`max_message` of this end";
            return Some(Error::MessageTooLarge { size, limit, knob }.into());
        }
        piece.compressed.then(|| Status::internal("the reply is compressed, which this end did not announce"))
    }

    /// The id of a call that we opened (wire 2.6, 8.10).
    fn our_call(&self, id: CallId) -> Result<u32, FrameError> {
        match id.opener() == self.role {
            true => Ok(id.number()),
            false => Err(FrameError::unexpected("2.6", format!("an answer with the sender's own id {id:?}"))),
        }
    }

    /// One of our calls is over at the callee.
    pub(super) fn call_answered(&mut self, number: u32) {
        self.wheel.clear(number * 2);
        // Handed on: a caller that does not look holds up nobody else's reply (wire 7.5).
        let held = self.calling.take_held(number);
        self.free_replies(held);
        if self.calling.slot(number).owned {
            self.events.push_back(Event::Answered(number));
        } else {
            self.settle_call(number);
        }
    }

    fn on_fragment(&mut self, fragment: Fragment) -> Result<(), FrameError> {
        let id = match fragment.of {
            FragmentOf::Lane(lane) => return self.on_push_fragment(lane, &fragment.bytes),
            FragmentOf::Call(id) => id,
        };
        let number = id.number();
        if id.opener() == self.role {
            if self.calling.fragment(number, &fragment.bytes)? {
                self.call_answered(number);
            }
            return Ok(());
        }
        self.on_request_fragment(number, &fragment.bytes)
    }

    fn on_request_fragment(&mut self, number: u32, bytes: &[u8]) -> Result<(), FrameError> {
        let ignores = self.takes_no_more();
        let Some(served) = self.serving.open(number) else {
            return match ignores {
                true => Ok(()),
                false => Err(FrameError::unexpected("8.10", "FRAGMENT for a call that is not open")),
            };
        };
        let last = match &mut served.state {
            ServedState::Receiving(request) => request.assembly.add(bytes)?,
            ServedState::Ended(Some(rest)) => {
                if rest.add(bytes)? {
                    served.state = ServedState::Ended(None);
                    served.caller_ended = true;
                    self.serving.settle(number);
                }
                return Ok(());
            }
            _ => return Err(FrameError::unexpected("6.2", "FRAGMENT without a message under way")),
        };
        if !last {
            return Ok(());
        }
        served.caller_ended = true;
        let state = std::mem::replace(&mut served.state, ServedState::Running);
        if let ServedState::Receiving(request) = state {
            let Request { assembly, route, block, deadline, shape, cost } = *request;
            let message = assembly.finish().unwrap_or_default();
            let id = CallId::new(self.role.other(), number);
            self.events.push_back(Event::Call(Inbound { id, route, deadline, block, shape, message, cost }));
        }
        Ok(())
    }

    fn on_cancel(&mut self, cancel: Cancel) -> Result<(), FrameError> {
        let number = self.peers_call(cancel.id)?;
        let Some(served) = self.serving.open(number) else { return Ok(()) };
        served.caller_ended = true;
        if let ServedState::Ended(rest) = &mut served.state {
            *rest = None;
        }
        self.serving.settle(number);
        self.stop_served(number, if cancel.expired { Stop::Expired } else { Stop::Cancelled });
        self.check_drained();
        Ok(())
    }

    fn on_push(&mut self, push: Push) -> Result<(), FrameError> {
        if self.takes_no_more() {
            return Ok(());
        }
        self.routes.check(&push.route)?;
        let total = piece_total(&push.message);
        let cost = cost_of(&push.route, &push.block, total);
        let refused = total > self.ours.message_limit as usize
            || push.block.len() > self.ours.metadata_limit as usize
            || push.message.compressed;
        let Push { lane, route, block, message } = push;
        let Some(inn) = self.lanes.inn(lane) else {
            return Err(FrameError::new(EndCode::LimitExceeded, "10.1", "more lanes than `max_lanes`"));
        };
        if inn.under_way.is_some() {
            return Err(FrameError::unexpected("10.3", "PUSH in a lane whose last one is incomplete"));
        }
        if !inn.grant.charge(cost) {
            return Err(overdrawn("lane"));
        }
        match Assembly::begin(message)? {
            Arrived::Whole(message) if !refused => {
                self.lanes.taken += 1;
                self.events.push_back(Event::Push(InboundPush { lane, route, block, message, cost }));
            }
            Arrived::Whole(_) => self.drop_push(lane, cost),
            Arrived::Begun(mut assembly) => {
                if refused {
                    assembly.drop_bytes();
                }
                inn.under_way = Some(PushUnderWay { assembly, route, block, cost, refused });
            }
        }
        Ok(())
    }

    fn on_push_fragment(&mut self, lane: u32, bytes: &[u8]) -> Result<(), FrameError> {
        let ignores = self.takes_no_more();
        let under_way = self.lanes.inn(lane).map(|inn| &mut inn.under_way);
        let Some(Some(push)) = under_way else {
            return match ignores {
                true => Ok(()),
                false => Err(FrameError::unexpected("6.2", "FRAGMENT without a push under way")),
            };
        };
        if !push.assembly.add(bytes)? {
            return Ok(());
        }
        let Some(inn) = self.lanes.inn(lane) else { return Ok(()) };
        let Some(PushUnderWay { assembly, route, block, cost, refused }) = inn.under_way.take() else {
            return Ok(());
        };
        match assembly.finish() {
            Some(message) if !refused => {
                self.lanes.taken += 1;
                self.events.push_back(Event::Push(InboundPush { lane, route, block, message, cost }));
            }
            _ => self.drop_push(lane, cost),
        }
        Ok(())
    }

    /// A push that is not run counts as taken (wire 10.4).
    fn drop_push(&mut self, lane: u32, cost: u64) {
        self.lanes.taken += 1;
        self.push_dropped();
        self.push_handed_on(lane, cost);
    }

    fn on_reset(&mut self, reset: Reset) -> Result<(), FrameError> {
        let id = match reset.of {
            FragmentOf::Call(id) => id,
            FragmentOf::Lane(lane) => {
                let under_way = self.lanes.inn(lane).and_then(|inn| inn.under_way.take());
                if let Some(push) = under_way {
                    self.drop_push(lane, push.cost);
                }
                return Ok(());
            }
        };
        let number = id.number();
        if id.opener() == self.role {
            if self.calling.open(number).is_none() {
                return Err(FrameError::unexpected("8.10", "RESET of a call that is not open"));
            }
            let status = Status::new(Code::from_wire(reset.code), reset.text.to_string());
            self.calling.answered(number, Answer::Local(status));
            self.call_answered(number);
            return Ok(());
        }
        let ignores = self.takes_no_more();
        match self.serving.open(number) {
            Some(served) if !served.caller_ended => {
                served.caller_ended = true;
                self.stop_served(number, Stop::Cancelled);
                self.serving.settle(number);
                Ok(())
            }
            _ if ignores => Ok(()),
            _ => Err(FrameError::unexpected("8.10", "RESET of a call that is not open")),
        }
    }

    /// Items flow in streams, which we refuse (8.1): what comes for a refused one is discarded (wire 8.9).
    fn on_item(&mut self, id: CallId) -> Result<(), FrameError> {
        self.discarded(id, "ITEM")
    }

    fn on_end(&mut self, id: CallId) -> Result<(), FrameError> {
        self.discarded(id, "END")?;
        if let Some(served) = self.serving.open(id.number()) {
            served.caller_ended = true;
        }
        self.serving.settle(id.number());
        Ok(())
    }

    fn discarded(&mut self, id: CallId, what: &str) -> Result<(), FrameError> {
        let number = self.peers_call(id)?;
        let ignores = self.takes_no_more();
        match self.serving.open(number) {
            Some(served) if !served.caller_ended => Ok(()),
            _ if ignores => Ok(()),
            _ => Err(FrameError::unexpected("8.10", format!("{what} for a call that is not open"))),
        }
    }

    fn on_headers(&mut self, id: CallId) -> Result<(), FrameError> {
        let number = self.our_call(id)?;
        match self.calling.open(number) {
            Some(_) => Ok(()),
            None => Err(FrameError::unexpected("8.10", "HEADERS for a call that is not open")),
        }
    }

    fn on_credit(&mut self, credit: Credit) -> Result<(), FrameError> {
        match credit.scope {
            Scope::Calls => {
                if self.calls_account.grow_to(credit.total) > 0 {
                    self.events.push_back(Event::CallRoom);
                }
            }
            Scope::Replies => {
                self.replies_account.grow_to(credit.total);
                self.pump_replies();
            }
            Scope::Lane(lane) if lane >= self.lanes.peer_lanes.max(4) => {
                return Err(FrameError::new(EndCode::LimitExceeded, "7.9", "CREDIT for a lane that is none"));
            }
            Scope::Lane(lane) => {
                self.lanes.out(lane).account.grow_to(credit.total);
                self.events.push_back(Event::LaneRoom);
            }
            Scope::Stream(_) => {}
        }
        Ok(())
    }

    fn on_blocked(&mut self, wanted: Credit) -> Result<(), FrameError> {
        let total = match wanted.scope {
            Scope::Calls => self.calls_grant.want(wanted.total),
            Scope::Replies => self.replies_grant.want(wanted.total),
            Scope::Stream(_) => None,
            Scope::Lane(lane) => {
                let Some(inn) = self.lanes.inn(lane) else {
                    return Err(FrameError::new(
                        EndCode::LimitExceeded,
                        "7.9",
                        "BLOCKED in a lane over ours",
                    ));
                };
                if inn.wanted.replace(wanted.total).is_none() {
                    self.lanes.asking.push_back(lane);
                }
                self.grant_large_pushes();
                None
            }
        };
        if let Some(total) = total {
            Credit { scope: wanted.scope, total }.encode(self.outbox.control());
        }
        Ok(())
    }
}

fn piece_total(piece: &Piece) -> usize {
    piece.total.map_or(piece.bytes.len(), |total| total as usize)
}

/// What a CALL or PUSH costs (wire 7.1).
fn cost_of(route: &RouteRef, block: &Bytes, total: usize) -> u64 {
    let name = match route {
        RouteRef::Number(_) => 0,
        RouteRef::Name(name) => name.as_bytes().len(),
    };
    MESSAGE_COST + (name + block.len() + total) as u64
}

fn shape_of(call: &Call) -> Shape {
    match (call.message.is_some(), call.stream) {
        (true, false) => Shape::Unary,
        (true, true) => Shape::ServerStream,
        (false, false) => Shape::ClientStream,
        (false, true) => Shape::Bidi,
    }
}

fn overdrawn(account: &str) -> FrameError {
    FrameError::new(EndCode::CreditOverdrawn, "7.4", format!("the {account} account is overdrawn"))
}
