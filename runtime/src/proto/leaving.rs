//! How our calls end at this end: given up, expired, withdrawn before they left; and when their numbers are free again
//! (wire 8.8, 8.9, 13). What the callee says of them is in `answers`.

use super::Connection;
use super::calling::{Answer, State};
use super::opening::Permit;
use super::stream::Closed;
use crate::frame::{CallId, Cancel};
use crate::{Error, Status};

/// Why a caller lets go of a call that has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivenUp {
    Dropped,
    Expired,
}

impl Connection {
    /// The caller lets go of a call, whatever its state.
    pub(crate) fn give_up(&mut self, number: u32) {
        match self.calling.slot(number).state {
            State::Idle => debug_assert!(false, "a call is let go of once"),
            State::Reserved => self.drop_permit(Permit { number }),
            State::Queued | State::QueuedLarge | State::Sent | State::Done => {
                self.calling.disown(number);
                self.stop_call(number, GivenUp::Dropped);
                self.settle_call(number);
            }
        }
    }

    /// The deadline of one of our calls has passed.
    pub(super) fn expire_call(&mut self, number: u32) {
        let limit = self.calling.slot(number).limit.unwrap_or_default();
        let status = Status::from(Error::Deadline { limit });
        if self.stop_call(number, GivenUp::Expired) {
            self.call_answered(number, Answer::Local(status.not_run()));
        } else {
            self.answer_early(number, Answer::Local(status));
        }
    }

    /// A call that has not left is not to leave any more: it was not run.
    pub(super) fn withdraw_call(&mut self, number: u32, why: Error) {
        if self.stop_call(number, GivenUp::Dropped) {
            self.call_answered(number, Answer::Local(Status::from(why).not_run()));
        }
    }

    /// Withdraws a call that has not left, or tells the callee to stop. True: withdrawn, so it was not run.
    fn stop_call(&mut self, number: u32, why: GivenUp) -> bool {
        self.clear_deadline(number);
        let id = CallId::new(self.role, number);
        let slot = self.calling.slot(number);
        let limit = slot.limit.unwrap_or_default();
        if slot.sends_items() {
            self.close_out(
                id,
                Closed::Failed(match why {
                    GivenUp::Dropped => Status::cancelled("the call was given up"),
                    GivenUp::Expired => Error::Deadline { limit }.into(),
                }),
            );
        }
        let slot = self.calling.slot(number);
        match slot.state {
            State::Queued if slot.stream().is_some() => self.outbox.withdraw_stream(id, slot.at as usize),
            State::Queued => self.outbox.withdraw(id, slot.at as usize),
            State::QueuedLarge => {
                self.outbox.withdraw_large_call(id);
            }
            State::Sent if !slot.cancelled => {
                slot.cancelled = true;
                self.say_cancel(number, why);
                self.discard_rest(number);
                return false;
            }
            State::Sent | State::Idle | State::Reserved | State::Done => return false,
        }
        // Nothing of it was sent: nothing was spent, and nobody owes an answer (wire 13).
        slot.side_ended = true;
        slot.state = State::Done;
        let cost = std::mem::take(&mut slot.cost);
        self.calls_account.refund(cost);
        true
    }

    /// Our call is to end, though somebody still holds on to it.
    pub(super) fn cancel_call(&mut self, number: u32, why: GivenUp) {
        if self.calling.is_open(number) && self.stop_call(number, why) {
            let status = Status::cancelled("the call was given up").not_run();
            self.call_answered(number, Answer::Local(status));
        }
    }

    /// The callee has ended its side: ours ends too, if it has not (wire 8.9).
    pub(super) fn end_our_side(&mut self, number: u32) {
        if !self.calling.slot(number).side_ended {
            self.say_cancel(number, GivenUp::Dropped);
        }
    }

    fn say_cancel(&mut self, number: u32, why: GivenUp) {
        let id = CallId::new(self.role, number);
        // A request that is half sent is not finished: CANCEL ends our side (wire 8.8).
        self.outbox.withdraw_large_call(id);
        let slot = self.calling.slot(number);
        slot.side_ended = true;
        // It must not overtake items (wire 8.12).
        let out = if slot.sends_items() { self.outbox.small() } else { self.outbox.control() };
        Cancel { id, expired: why == GivenUp::Expired }.encode(out);
    }

    /// Frees the number once the answer is taken, or nobody wants it, and both sides have ended (wire 8).
    pub(super) fn settle_call(&mut self, number: u32) {
        let slot = self.calling.slot(number);
        if slot.state == State::Done && !slot.owned {
            self.release_call(number);
        }
    }

    pub(super) fn release_call(&mut self, number: u32) {
        self.calling.release(number);
        if !self.is_over() {
            self.call_room = true;
            self.check_drained();
        }
    }
}
