//! How the runner runs the pushes of a lane: those of one route by one future, which generated code makes.

use std::sync::Arc;

use bytes::Bytes;

use super::super::Session;
use super::super::handler::{Begun, FirstPoll, HandlerTask, OnDone, first_poll};
use super::super::lane::{LaneTurn, Turn};
use super::super::pieces::IncomingPush;
use super::{Runner, accepts};
use crate::context::{CallCore, Context};
use crate::frame::RouteRef;
use crate::proto::{InboundPush, Messages};
use crate::pushes::PushesIn;
use crate::service::{Handling, Incoming};
use crate::{MethodKind, Raw, Status};

impl Runner {
    /// Runs the pushes that wait in a lane, one after the other, until they are done, one is not, or the time is up.
    pub(super) fn run_lane(&mut self, turn: LaneTurn) {
        // Theirs is judged by itself.
        self.tell_pace();
        let first = self.shared.pace.first_poll();
        while let Some(push) = turn.next() {
            let Some((begun, core)) = self.run_pushes(push, &turn.turn, first) else { continue };
            match begun.first {
                FirstPoll::Task => self.begun_tasks = true,
                FirstPoll::Runner => turn.tell_pace(),
            }
            let mut task = HandlerTask::new(begun, core, OnDone::Push(turn));
            task.leave_runner();
            return self.spawn(task);
        }
        self.burst = self.burst.saturating_sub(turn.turn.count() as usize);
        if first == FirstPoll::Runner {
            turn.tell_pace();
        }
    }

    /// Runs pushes of one route. `Some`: the handler of one is not done, or was left to a task.
    fn run_pushes(
        &self,
        push: InboundPush,
        turn: &Arc<Turn>,
        first: FirstPoll,
    ) -> Option<(Begun, Arc<CallCore>)> {
        let InboundPush { lane, route, block, mut messages } = push;
        let coming = match messages {
            // What becomes of it, this gives back.
            Messages::Coming(push) => Some(IncomingPush::new(&self.shared, lane, push)),
            _ => None,
        };
        let number = match &route {
            RouteRef::Number(number) => Some(*number),
            RouteRef::Name(_) => None,
        };
        let (target, name) = self.resolve(route);
        let spec = target.map(|target| target.spec);
        let beside = match self.read_block(&block) {
            Ok(beside) => beside,
            Err(status) => return self.drop_pushes(turn, messages, (name.as_str(), &status)),
        };
        let codec = beside.block().map_or(0, |block| block.codec);
        if spec.is_some() && !accepts(codec) {
            let why = Status::unimplemented(format!("codec {codec} is not accepted here"));
            return self.drop_pushes(turn, messages, (name.as_str(), &why));
        }
        let context = Context::of(CallCore::new(Session(Arc::clone(&self.shared)), spec, name, beside, None));
        if let Some(push) = coming {
            return self.run_coming(&context, turn, push);
        }
        let Some(target) = target else {
            return self.run_unknown(&context, turn, (&mut messages, number), first);
        };
        if target.spec.kind != MethodKind::Push {
            let why = Status::unimplemented("nobody serves this push here");
            return self.drop_pushes(turn, messages, (target.spec.route, &why));
        }
        let habit = target.habit();
        let first = first.of(habit);
        let pending = first_poll(&context, first, || {
            let (turn, context) = (Arc::clone(turn), context.clone());
            let core = Arc::clone(context.core());
            let pushes = PushesIn { context, messages, route: number, turn, holders: 0 };
            let push =
                Incoming { core, payload: Bytes::new(), responder: None, stream: None, pushes: Some(pushes) };
            target.service.dispatch(target.method, push)
        });
        Some((Begun { future: pending?, first, habit }, context.into_core()))
    }

    /// Runs the next push of a route that nobody serves. What comes behind it in the run has its turn later.
    fn run_unknown(
        &self,
        context: &Context,
        turn: &Arc<Turn>,
        (messages, number): (&mut Messages, Option<u16>),
        first: FirstPoll,
    ) -> Option<(Begun, Arc<CallCore>)> {
        let (message, cost) = messages.next()?;
        turn.handed_on(cost);
        turn.put_back(std::mem::replace(messages, Messages::None), number);
        let mut served = true;
        let habit = self.shared.router.fallback_habit();
        let first = first.of(habit);
        let pending = first_poll(context, first, || {
            let handling = self.shared.router.unknown_push(context.core(), Raw(message));
            served = handling.is_some();
            handling.unwrap_or_else(Handling::done)
        });
        if !served {
            self.dropped(1, context.route(), &Status::unimplemented("nobody serves this push here"));
        }
        Some((Begun { future: pending?, first, habit }, Arc::clone(context.core())))
    }

    /// Passes a push on that is under way, or has it gathered for a fallback that wants it whole.
    fn run_coming(
        &self,
        context: &Context,
        turn: &Turn,
        push: IncomingPush,
    ) -> Option<(Begun, Arc<CallCore>)> {
        // What it was charged goes back when it has been taken.
        turn.handed_on(0);
        let habit = self.shared.router.fallback_habit();
        let handling = self.shared.router.unknown_coming(context.core(), push)?;
        let begun = Begun { future: handling.into_future()?, first: FirstPoll::Task, habit };
        Some((begun, Arc::clone(context.core())))
    }

    fn drop_pushes<T>(
        &self,
        turn: &Turn,
        mut messages: Messages,
        (route, why): (&str, &Status),
    ) -> Option<T> {
        let mut count = 0;
        while let Some((_, cost)) = messages.next() {
            turn.handed_on(cost);
            count += 1;
        }
        self.dropped(count, route, why);
        None
    }

    fn dropped(&self, count: u64, route: &str, why: &Status) {
        self.shared.with(|state| state.conn.pushes_dropped(count));
        tracing::debug!(route, peer = %self.shared.peer, %why, count, "pushes were dropped");
    }
}
