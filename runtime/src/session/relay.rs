//! A call that is only passed on, and answered with what comes back: no task waits for it. It is opened at the upstream by
//! the runner that took it; whoever finds the upstream's answer there hands it to the responder, as many as there are for
//! a connection under one lock. Begun by fallbacks; what is large or has to wait goes the way of all calls.

use std::sync::Arc;
use std::task::Waker;

use bytes::{BufMut, Bytes};

use super::pieces::answer_with;
use super::responder::Responder;
use super::state::State;
use super::{Outgoing, Shared, clock};
use crate::context::{CallCore, Context};
use crate::frame::Block;
use crate::proto::{Answer, OpenRoute, ReplyRoom, Shape};
use crate::request::go_on_beside;
use crate::{Caller, Raw};

/// Who waits for the answer of a call of ours.
#[derive(Debug)]
pub(crate) enum Asker {
    Task(Waker),
    Relay(Relay),
}

/// A call of somebody else's that was passed on.
#[derive(Debug)]
pub(crate) struct Relay {
    responder: Responder,
    /// The upstream stays connected while it is asked.
    via: Caller,
}

impl Asker {
    fn is_of(&self, core: &Arc<CallCore>) -> bool {
        match self {
            Self::Relay(relay) => relay.responder.is_of(core),
            Self::Task(_) => false,
        }
    }
}

/// Passes a call on, if it can leave at once. Otherwise nothing was done.
pub(crate) fn pass_on(
    ctx: &Context,
    payload: &Raw,
    via: Caller,
    responder: Responder,
) -> Result<(), Responder> {
    let core = ctx.core();
    let Some(upstream) = via.session_now() else { return Err(responder) };
    let left = core.deadline().map(|at| at.saturating_duration_since(clock::now()));
    let in_line = core.session().shared().runs.has_line();
    if in_line || left.is_some_and(|left| left.is_zero()) || core.is_touched() {
        return Err(responder);
    }
    if core.session().shared().state.lock().set_handler(responder.number(), core).is_some() {
        return Err(responder);
    }
    let block = beside(ctx);
    let out = Outgoing {
        route: OpenRoute::PassedOn(core.route()),
        shape: Shape::Unary,
        left,
        limit: left,
        block: &block,
        message: payload,
        len: payload.0.len(),
    };
    let mut state = upstream.state.lock();
    let opened = state.open_relay(&out, Relay { responder, via });
    upstream.unlock(state);
    match opened {
        Ok(number) => {
            core.passed_on(&upstream, number);
            Ok(())
        }
        Err(relay) => Err(relay.responder),
    }
}

/// What travels beside a call that is passed on. What came with nothing has the same beside it as all others from there.
fn beside(ctx: &Context) -> Bytes {
    let (shared, from) = (ctx.core().session().shared(), || ctx.peer_addr().to_string());
    let (came, metadata) = (ctx.block(), ctx.metadata());
    if came.is_none() && metadata.is_empty() {
        let alone = || {
            let mut block = Block::default();
            go_on_beside(&mut block, None, from());
            Box::new(block.encode())
        };
        return (**shared.passed_on_beside.get_or_init(alone)).clone();
    }
    let (trace, state) = ctx.trace();
    let mut block = Block {
        metadata: metadata.clone(),
        trace_context: trace.cloned(),
        trace_state: state.cloned(),
        ..Block::default()
    };
    go_on_beside(&mut block, came, from());
    block.encode()
}

impl State {
    fn open_relay(&mut self, out: &Outgoing<'_, Raw>, relay: Relay) -> Result<u32, Relay> {
        let (len, block) = (out.len, out.block.len());
        let fits = self.conn.check_open(out.route, len, block).is_ok()
            && self.conn.fits_in_place(out.route, len, block);
        if !fits {
            return Err(relay);
        }
        let cost = self.conn.call_cost(out.route, len, block);
        let Ok(permit) = self.find_room(cost) else { return Err(relay) };
        let number = permit.number;
        match self.conn.open_call(permit, out.opening(), |buffer| buffer.put_slice(&out.message.0)) {
            Ok(()) => {
                self.set_asker(number, Asker::Relay(relay));
                Ok(number)
            }
            Err(_) => Err(relay),
        }
    }

    /// Takes a call of this core's back, if it still waits for its answer.
    fn take_relay(&mut self, number: u32, core: &Arc<CallCore>) -> Option<Relay> {
        let relay = self.take_asker_if(number, |asker| asker.is_of(core))?;
        self.conn.give_up(number);
        match relay {
            Asker::Relay(relay) => Some(relay),
            Asker::Task(_) => None,
        }
    }

    /// The answer is under way: from here on a task waits for it.
    pub(super) fn take_begun_relay(
        &mut self,
        number: u32,
        core: &Arc<CallCore>,
    ) -> Option<(Responder, Caller)> {
        match self.take_asker_if(number, |asker| asker.is_of(core))? {
            Asker::Relay(Relay { responder, via }) => Some((responder, via)),
            Asker::Task(_) => None,
        }
    }

    /// Answers at once what fits. False: it is left to be done with the lock released.
    fn hand_over(&mut self, relay: &mut Relay, answer: &Answer) -> bool {
        let Answer::Message { payload, block } = answer else { return false };
        let (len, number) = (payload.len(), relay.responder.number());
        if !block.is_empty() || self.conn.check_reply(None, len, 0).is_err() {
            return false;
        }
        let placed = match self.conn.reply_room(len, 0) {
            ReplyRoom::Nobody => true,
            ReplyRoom::Outside => false,
            ReplyRoom::InPlace => {
                let written = self.conn.reply_in_place(number, len, &[], |out| out.put_slice(payload));
                self.take_handler(number);
                written.is_ok()
            }
        };
        if placed {
            relay.responder.mark_done();
        }
        placed
    }
}

impl Shared {
    /// A call that was passed on is stopped where it came from.
    pub(crate) fn stop_relay(&self, number: u32, core: &Arc<CallCore>) {
        let relay = self.with(|state| state.take_relay(number, core));
        // It answers as it was stopped, with the lock released.
        drop(relay);
    }
}

/// Answers what was passed on. Called with no lock held.
pub(super) fn hand_over(relayed: &mut Vec<(Relay, Answer)>) {
    let mut rest = &mut relayed[..];
    while let Some((first, _)) = rest.first() {
        let shared = Arc::clone(first.responder.shared());
        let others = rest.iter().position(|(relay, _)| !Arc::ptr_eq(relay.responder.shared(), &shared));
        let (same, others) = rest.split_at_mut(others.unwrap_or(rest.len()));
        rest = others;
        let mut state = shared.state.lock();
        for (relay, answer) in same {
            state.hand_over(relay, answer);
        }
        // All that came together are there.
        state.has_gathered = true;
        shared.unlock(state);
    }
    for (relay, answer) in relayed.drain(..) {
        relay.finish(answer);
    }
}

impl Relay {
    /// Whose answer it waits for.
    pub(super) fn core(&self) -> &Arc<CallCore> {
        self.responder.core()
    }

    /// Whatever has not been answered yet.
    fn finish(self, answer: Answer) {
        if self.responder.is_done() {
            return;
        }
        answer_with(self.responder, answer);
    }
}
