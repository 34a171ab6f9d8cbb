//! What a session between two connections does for a call that it passes on.

use super::super::pair::Pair;
use super::super::*;
use super::*;
use crate::Code;
use crate::frame::{CallId, FragmentOf};
use crate::message::Payload;

/// A client, the two ends of a proxy, and an upstream.
pub(super) struct Line {
    pub(super) near: Pair,
    pub(super) far: Pair,
    /// The call that came, and what it is there.
    came: Option<Inbound>,
    there: Option<u32>,
    /// The request is whole, or never will be.
    request_over: bool,
    pub(super) reply: Option<ReplyKey>,
    answered: bool,
    whole: bool,
}

impl Line {
    pub(super) fn new() -> Self {
        let (near, mut far) = (Pair::new(&config()), Pair::new(&config()));
        far.b.handler = Handler::Echo;
        let (came, there, reply) = (None, None, None);
        Self { near, far, came, there, request_over: false, reply, answered: false, whole: false }
    }

    /// What of the message has come to the upstream, if any has.
    pub(super) fn arrived(&mut self) -> Option<usize> {
        let number = self.there?;
        let of = FragmentOf::Call(CallId::new(Role::Dialler, number));
        self.far.b.conn.under_way(of).map(|assembly| LEN - assembly.missing())
    }

    fn number(&self) -> u32 {
        self.came.as_ref().map_or(0, |call| call.id.number())
    }

    /// Does what the session between does, as often as it has something to do.
    pub(super) fn pass(&mut self) {
        self.begin();
        if self.came.is_none() || self.answered {
            return;
        }
        self.pass_request();
        self.pass_reply();
        if self.answered && !self.request_over {
            self.free();
        }
    }

    fn begin(&mut self) {
        let Some(number) = self.near.b.begun.pop() else { return };
        let Some(begun) = self.near.b.conn.request_begun(number) else { return };
        assert!(self.near.b.conn.take_begun(number, begun.serial + 1).is_none());
        let Some((call, len)) = self.near.b.conn.take_begun(number, begun.serial) else { return };
        assert!(call.message.is_empty());
        self.there = Some(self.far.a.open_coming(len));
        self.came = Some(call);
    }

    fn pass_request(&mut self) {
        let (number, Some(there)) = (self.number(), self.there) else { return };
        while !self.request_over {
            match self.near.b.conn.request_piece(number) {
                Came::Part(bytes) => {
                    assert!(!bytes.is_empty());
                    self.far.a.conn.request_came(there, bytes);
                }
                Came::Last(bytes) => {
                    self.far.a.conn.request_came(there, bytes);
                    self.whole = true;
                    self.free();
                }
                Came::Broken(why) => {
                    self.far.a.give_up(there);
                    self.there = None;
                    self.free();
                    self.fail(&why.not_run());
                }
                Came::Wait => return,
            }
        }
    }

    fn free(&mut self) {
        self.request_over = true;
        if let (Some(call), false) = (&self.came, self.near.b.conn.is_over()) {
            self.near.b.conn.free_calls(call.cost);
        }
        self.near.b.settle();
    }

    fn fail(&mut self, why: &Status) {
        self.answered = true;
        // For the ledger, that is what "not run" depends on.
        if self.whole && why.may_have_run() {
            self.near.b.ledger.dispatched(self.number());
        }
        self.near.b.conn.reply(self.number(), Terminal::status(why, Bytes::new()));
        self.near.b.settle();
    }

    fn pass_reply(&mut self) {
        let Some(there) = self.there else { return };
        let near = &mut self.near.b;
        let number = self.came.as_ref().map_or(0, |call| call.id.number());
        if self.reply.is_none() {
            self.reply = self.far.a.conn.reply_begun(there).map(|(len, block)| {
                let key = near.conn.begin_reply(number, block, len);
                near.settle();
                key
            });
        }
        if let Some(key) = self.reply {
            while let Some(bytes) = self.far.a.conn.reply_piece(there) {
                near.conn.reply_came(key, bytes);
            }
        }
        let Some(at) = self.far.a.answers.iter().position(|(number, _)| *number == there) else { return };
        let (_, answer) = self.far.a.answers.remove(at);
        self.there = None;
        match (answer, self.reply) {
            (Answer::Message { payload, .. }, Some(key)) => {
                near.conn.reply_came(key, payload);
                self.answered = true;
            }
            // It came at once.
            (Answer::Message { payload, block }, None) => {
                near.ledger.dispatched(number);
                near.conn.reply(number, Terminal::Message { block, message: payload.into() });
                self.answered = true;
            }
            (_, Some(key)) => {
                near.conn.break_reply(key, &Status::data_loss("upstream"));
                near.settle();
                self.answered = true;
            }
            (Answer::Local(why), None) => self.fail(&why),
            (Answer::Failed { status, .. }, None) => {
                let why = Status::new(Code::from_wire(status.code), status.text.to_string());
                self.fail(&if status.not_run { why.not_run() } else { why });
            }
        }
    }

    /// The handler of a call that was stopped is gone: so is what it had asked.
    pub(super) fn leave(&mut self) {
        let stopped = self.near.b.stopped.iter().any(|(number, _)| *number == self.number());
        if self.came.is_none() || self.answered || !(stopped || self.near.b.conn.is_over()) {
            return;
        }
        if let Some(there) = self.there.take() {
            if let Some(at) = self.far.a.answers.iter().position(|(number, _)| *number == there) {
                self.far.a.answers.remove(at);
            } else {
                self.far.a.give_up(there);
            }
        }
        if !self.request_over {
            self.free();
        }
        let why = stop_status(Stop::Cancelled);
        match self.reply {
            Some(key) => self.near.b.conn.break_reply(key, &why),
            None => self.fail(&why),
        }
        self.answered = true;
        self.near.b.settle();
    }

    /// Until nothing moves any more.
    pub(super) fn drive(&mut self) {
        for _ in 0..20 {
            self.near.drive();
            self.pass();
            self.leave();
            self.far.drive();
        }
    }
}

impl End {
    /// Opens a call whose request is to come.
    pub(super) fn open_coming(&mut self, len: usize) -> u32 {
        let route = OpenRoute::Spec(&ECHO);
        let cost = self.conn.call_cost(route, len, 0);
        let permit = self.conn.reserve_call(cost, 0).expect("there is room");
        self.ledger.opened(permit.number);
        let opening = Opening { route, shape: Shape::Unary, left: None, limit: None, block: &[], len };
        self.conn.open_large_call(self.now, permit, opening, Payload::coming(len, 0));
        self.settle();
        permit.number
    }
}
