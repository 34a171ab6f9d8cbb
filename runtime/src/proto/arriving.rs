//! Pushes of the peer's, as they arrive (wire 10): in a lane, in order, whole or dropped, each counted when it ends.

use bytes::Bytes;

use super::Connection;
use super::assembly::{Arrived, Assembly, Part};
use super::event::{Event, InboundPush, Messages, Work, cost_of_run};
use super::lanes::{Becomes, LaneIn, PushUnderWay};
use super::receive::{cost_of, detach, overdrawn};
use crate::frame::{EndCode, FrameError, Push, PushRun, RouteRef};

impl Connection {
    /// Many pushes as one. What concerns one of them alone is left to [`on_push`](Self::on_push).
    pub(super) fn on_pushes(&mut self, mut run: PushRun) -> Result<(), FrameError> {
        let route = RouteRef::Number(run.route);
        let cost = cost_of_run(&run.messages);
        let small = run.messages.longest() <= self.ours.message_limit;
        let charged = !self.takes_no_more()
            && self.routes.check(&route).is_ok()
            && small
            && self.lanes.inn(run.lane).is_some_and(|inn| inn.under_way.is_none() && inn.grant.charge(cost));
        if !charged {
            while let Some(push) = run.next_push() {
                self.on_push(push)?;
            }
            return Ok(());
        }
        self.lanes.taken += u64::from(run.messages.count());
        let (lane, block, messages) = (run.lane, Bytes::new(), Messages::Run(run.messages));
        self.work.push(Work::Push(InboundPush { lane, route, block, messages }));
        self.raise_lane(lane);
        Ok(())
    }

    pub(super) fn on_push(&mut self, push: Push) -> Result<(), FrameError> {
        if self.takes_no_more() {
            return Ok(());
        }
        self.routes.check(&push.route)?;
        let total = push.message.total();
        let cost = cost_of(&push.route, &push.block, total);
        let refused = total > self.ours.message_limit as usize
            || push.block.len() > self.ours.metadata_limit as usize
            || push.message.compressed;
        let Push { lane, route, block, message } = push;
        // Not by `peers_lane`, which borrows the pool too.
        let serial = self.lanes.taken;
        let inn = self.lanes.inn(lane).ok_or_else(too_many_lanes)?;
        if inn.under_way.is_some() {
            return Err(FrameError::unexpected("10.3", "PUSH in a lane whose last one is incomplete"));
        }
        if !inn.grant.charge(cost) {
            return Err(overdrawn("lane"));
        }
        if refused {
            let assembly = Assembly::discard(&message);
            if assembly.missing() > 0 {
                inn.under_way = Some(PushUnderWay { assembly, becomes: Becomes::Nothing, serial });
            } else {
                self.push_ends_dropped();
            }
            self.push_handed_on(lane, cost);
            return Ok(());
        }
        match Assembly::begin(message, &mut self.pool) {
            Arrived::Whole(message) => {
                self.lanes.taken += 1;
                let messages = Messages::One(message, cost);
                self.work.push(Work::Push(InboundPush { lane, route, block, messages }));
            }
            Arrived::Begun(assembly) => {
                let (route, block) = detach(&route, &block);
                // Its message is to come.
                let messages = Messages::One(Bytes::new(), cost);
                let becomes = Becomes::Push(InboundPush { lane, route, block, messages });
                inn.under_way = Some(PushUnderWay { assembly, becomes, serial });
                self.work.push(Work::PushBegun(lane, serial));
            }
        }
        self.raise_lane(lane);
        Ok(())
    }

    pub(super) fn on_push_fragment(&mut self, lane: u32, part: Part<'_>) -> Result<(), FrameError> {
        if self.takes_no_more() {
            return Ok(());
        }
        let inn = self.peers_lane(lane)?;
        let Some(under_way) = &mut inn.under_way else {
            return Err(FrameError::unexpected("6.2", "FRAGMENT without a push under way"));
        };
        if !under_way.assembly.add(part)? {
            if matches!(under_way.becomes, Becomes::Passed) {
                self.events.push_back(Event::PushGoesOn);
            }
            return Ok(());
        }
        let Some(PushUnderWay { assembly, becomes, serial }) = inn.under_way.take() else { return Ok(()) };
        match becomes {
            Becomes::Push(push) => {
                self.lanes.taken += 1;
                let message = assembly.finish().unwrap_or_default();
                let messages = Messages::One(message, push.cost());
                self.work.push(Work::Push(InboundPush { messages, ..push }));
            }
            Becomes::Passed => {
                inn.passed.push((serial, assembly.finish()));
                self.lanes.taken += 1;
                self.events.push_back(Event::PushGoesOn);
            }
            Becomes::Nothing => self.push_ends_dropped(),
        }
        self.grant_large();
        Ok(())
    }

    /// RESET in a lane: its sender gives the push up (wire 10.3).
    pub(super) fn on_push_reset(&mut self, lane: u32) -> Result<(), FrameError> {
        if self.takes_no_more() {
            return Ok(());
        }
        let Some(under_way) = self.peers_lane(lane)?.under_way.take() else { return Ok(()) };
        self.push_ends_dropped();
        match under_way.becomes {
            Becomes::Push(push) => self.push_handed_on(lane, push.cost()),
            Becomes::Passed => self.push_broke_off(lane, under_way.serial),
            Becomes::Nothing => self.grant_large(),
        }
        Ok(())
    }

    /// A push that is not run counts as taken when it ends (wire 10.4).
    fn push_ends_dropped(&mut self) {
        self.lanes.taken += 1;
        self.pushes_dropped(1);
    }

    /// After our FINAL no push counts any more: what is under way is let go of (wire 11.3).
    pub(super) fn drop_pushes_under_way(&mut self) {
        for lane in 0..self.lanes.inn.len() {
            let inn = &mut self.lanes.inn[lane];
            let Some(PushUnderWay { becomes, serial, .. }) = inn.under_way.take() else { continue };
            match becomes {
                Becomes::Push(push) => inn.grant.free(push.cost()),
                Becomes::Passed => self.push_broke_off(lane as u32, serial),
                Becomes::Nothing => {}
            }
        }
    }

    // wire 10.1
    fn peers_lane(&mut self, lane: u32) -> Result<&mut LaneIn, FrameError> {
        self.lanes.inn(lane).ok_or_else(too_many_lanes)
    }
}

fn too_many_lanes() -> FrameError {
    FrameError::new(EndCode::LimitExceeded, "10.1", "more lanes than `max_lanes`")
}
