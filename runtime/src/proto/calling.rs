//! The calls that this end opened: numbers, answers, the rules of what was not run (wire 8, 13).
//!
//! ```text
//! Idle ─reserve─▶ Reserved ─queue─▶ Queued ─left─▶ Sent ─REPLY, RESET─▶ Done ─taken by its caller─▶ Idle
//!                                     └─withdrawn─▶ Idle   └─given up─▶ Sent, unowned ─REPLY─▶ Idle
//! ```

use bytes::Bytes;

use super::slot::NOT_WHOLE;
pub(crate) use super::slot::{Answer, Kept, Slot, State};
use super::stream::Stream;
use super::table::lengthen;

/// The table of our calls. A call's number is its place here, from 1.
#[derive(Debug)]
pub(crate) struct Calling {
    slots: Vec<Slot>,
    free: Vec<u32>,
    limit: u32,
    opened: u64,
    busy: usize,
    /// Replies that came after their caller had gone.
    pub(crate) late: u64,
}

impl Calling {
    pub(crate) fn new(limit: u32) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), limit, opened: 0, busy: 0, late: 0 }
    }

    pub(crate) fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// Calls that are not idle, reserved ones included.
    pub(crate) fn busy(&self) -> usize {
        self.busy
    }

    /// How many calls have left, ever.
    #[cfg(all(test, protocall_loom))]
    pub(crate) fn left(&self) -> u64 {
        self.opened
    }

    /// Whether a number is free (wire 8.2).
    pub(crate) fn has_room(&self) -> bool {
        !self.free.is_empty() || self.slots.len() < self.limit as usize
    }

    /// Takes a number, for a call that costs so much.
    pub(crate) fn reserve(&mut self, cost: u64) -> Option<u32> {
        let number = match self.free.pop() {
            Some(number) => number,
            None if self.slots.len() < self.limit as usize => {
                let number = self.slots.len() + 1;
                lengthen(&mut self.slots, number, || Slot::IDLE);
                number as u32
            }
            None => return None,
        };
        self.busy += 1;
        let slot = self.slot(number);
        debug_assert!(slot.state == State::Idle && slot.answer.is_none());
        (slot.state, slot.cost, slot.owned) = (State::Reserved, cost, true);
        Some(number)
    }

    pub(crate) fn slot(&mut self, number: u32) -> &mut Slot {
        &mut self.slots[number as usize - 1]
    }

    /// The slot of this number, if it was ever used.
    pub(crate) fn get(&mut self, number: u32) -> Option<&mut Slot> {
        self.slots.get_mut((number as usize).checked_sub(1)?)
    }

    /// Whether the call has left and has no terminal frame yet, or waits to leave.
    pub(crate) fn is_open(&mut self, number: u32) -> bool {
        let state = self.slot(number).state;
        matches!(state, State::Queued | State::QueuedLarge | State::Sent)
    }

    /// Whether nothing more has to be exchanged for any of them, whoever still looks at an answer.
    pub(crate) fn all_done(&self) -> bool {
        self.slots.iter().all(|slot| matches!(slot.state, State::Idle | State::Done))
    }

    /// Those that are streams.
    pub(crate) fn streams(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.slots.iter_mut().filter_map(Slot::stream_mut)
    }

    /// The slot of a call that the peer may say something of: one that has left and has no answer yet.
    pub(crate) fn open(&mut self, number: u32) -> Option<&mut Slot> {
        let slot = self.slots.get_mut((number as usize).checked_sub(1)?)?;
        (slot.state == State::Sent).then_some(slot)
    }

    pub(crate) fn release(&mut self, number: u32) {
        let slot = self.slot(number);
        debug_assert!(slot.state != State::Idle);
        slot.clear();
        self.busy -= 1;
        self.free.push(number);
    }

    /// Gives memory back if there is no call.
    pub(crate) fn shrink(&mut self) {
        if self.busy == 0 {
            (self.slots, self.free) = (Vec::new(), Vec::new());
        }
    }

    /// All of a call has left: its last byte is this many bytes from the start.
    #[inline]
    pub(crate) fn left_whole(&mut self, number: u32, at: u64) {
        let order = self.opened;
        self.opened += 1;
        let slot = self.slot(number);
        // Who sends items ends that side later.
        let ended = slot.side_ended || !slot.sends_items();
        (slot.state, slot.order, slot.at, slot.side_ended) = (State::Sent, order, at, ended);
    }

    /// The first byte of a call has left.
    #[inline]
    pub(crate) fn begun(&mut self, number: u32) {
        let order = self.opened;
        self.opened += 1;
        let slot = self.slot(number);
        (slot.state, slot.order, slot.at) = (State::Sent, order, NOT_WHOLE);
    }

    /// The last byte of a call has left: it is this many bytes from the start.
    #[inline]
    pub(crate) fn ended(&mut self, number: u32, at: u64) {
        let slot = self.slot(number);
        slot.at = at;
        // Who sends items ends that side later.
        slot.side_ended |= !slot.sends_items();
    }

    /// The call is over at the callee. True: its caller is told now, by this.
    pub(crate) fn answered(&mut self, number: u32, answer: Answer) -> bool {
        let slot = self.slot(number);
        slot.state = State::Done;
        slot.reply = None;
        let late = slot.cancelled && matches!(answer, Answer::Message { .. });
        self.late += u64::from(late);
        self.answered_early(number, answer)
    }

    /// As [`answered`](Self::answered), of a call that waits for nothing but one whole message. False: it waits for more, or
    /// for less, and nothing was done.
    #[inline]
    pub(crate) fn answered_plainly(&mut self, number: u32, payload: &mut Bytes) -> bool {
        let Some(slot) = self.open(number) else { return false };
        let waits = slot.owned && slot.side_ended && slot.answer.is_none();
        if !waits || slot.special {
            return false;
        }
        debug_assert!(slot.held == 0 && !slot.cancelled, "no reply is under way, and its caller waits");
        slot.state = State::Done;
        slot.answer = Some(Kept::Message(std::mem::take(payload)));
        true
    }

    /// The caller is told before the callee has ended its side. True: by this.
    pub(crate) fn answered_early(&mut self, number: u32, answer: Answer) -> bool {
        let slot = self.slot(number);
        let told = slot.owned && slot.answer.is_none();
        if told {
            slot.answer = Some(answer.into());
        }
        told
    }

    /// What the caller waits for, once; the caller then has no more to do with the call.
    pub(crate) fn take_answer(&mut self, number: u32) -> Option<Kept> {
        let slot = self.slot(number);
        let answer = slot.answer.take()?;
        slot.owned = false;
        Some(answer)
    }

    /// Nobody waits any more.
    pub(crate) fn disown(&mut self, number: u32) {
        let slot = self.slot(number);
        slot.owned = false;
        slot.answer = None;
    }

    /// The numbers of the calls that have left and have no answer, and whether each certainly was not run: it had not left
    /// whole when `written` bytes were given to the transport, or lies beyond the peer's count (wire 13.2, 13.3).
    pub(crate) fn unanswered(&self, written: u64, count: Option<u64>) -> Vec<(u32, bool)> {
        let mut calls = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let not_run = match slot.state {
                State::Sent => !slot.has_left(written) || count.is_some_and(|c| slot.order >= c),
                _ => continue,
            };
            calls.push((index as u32 + 1, not_run));
        }
        calls
    }

    /// The calls that wait to leave.
    pub(crate) fn queued(&self) -> Vec<u32> {
        let numbered = self.slots.iter().enumerate();
        let queued = numbered.filter(|(_, slot)| matches!(slot.state, State::Queued | State::QueuedLarge));
        queued.map(|(index, _)| index as u32 + 1).collect()
    }

    /// The calls that have left but lie beyond the peer's count (wire 11.3).
    pub(crate) fn beyond(&self, count: u64) -> Vec<u32> {
        let numbered = self.slots.iter().enumerate();
        let beyond = numbered.filter(|(_, slot)| slot.state == State::Sent && slot.order >= count);
        beyond.map(|(index, _)| index as u32 + 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::assembly::Assembly;
    use super::*;
    use crate::Status;

    #[test]
    fn a_call_of_which_a_part_has_left_was_not_run_whatever_became_of_that_part() {
        let mut calling = Calling::new(4);
        let [half, whole] = [calling.reserve(100).unwrap(), calling.reserve(100).unwrap()];
        calling.begun(half);
        calling.begun(whole);
        calling.ended(whole, 500);
        // All that left was written, and the peer says that it took both.
        for count in [None, Some(2)] {
            assert_eq!(calling.unanswered(u64::MAX, count), [(half, true), (whole, false)]);
        }
        assert_eq!(calling.unanswered(499, None), [(half, true), (whole, true)]);
        assert_eq!(calling.unanswered(500, None), [(half, true), (whole, false)]);
    }

    #[test]
    fn a_number_that_is_free_again_is_as_one_that_was_never_used() {
        let mut calling = Calling::new(4);
        let number = calling.reserve(100).unwrap();
        let slot = calling.slot(number);
        slot.limit = Some(std::time::Duration::from_secs(1));
        (slot.side_ended, slot.cancelled, slot.headers) = (true, true, true);
        let piece =
            crate::frame::Piece { missing: 9, fragmented: true, ..crate::frame::Piece::whole(Bytes::new()) };
        slot.begin_reply(Assembly::discard(&piece), Bytes::new(), 7);
        (slot.order, slot.at) = (3, 5);
        slot.answer = Some(Kept::Message(Bytes::new()));
        calling.release(number);
        assert_eq!(format!("{:?}", calling.slot(number)), format!("{:?}", Slot::IDLE));
    }

    #[test]
    fn a_plain_answer_is_taken_for_a_call_that_waits_for_no_more_and_is_left_alone_by_all_others() {
        let others: [fn(&mut Slot); 5] = [
            |slot| slot.owned = false,
            |slot| slot.side_ended = false,
            |slot| slot.state = State::Done,
            |slot| slot.answer = Some(Answer::Local(Status::internal("before")).into()),
            |slot| {
                let under_way = Assembly::discard(&crate::frame::Piece::whole(Bytes::new()));
                slot.begin_reply(under_way, Bytes::new(), 0);
            },
        ];
        for (at, other) in others.into_iter().map(Some).chain([None]).enumerate() {
            let mut calling = Calling::new(4);
            let number = calling.reserve(100).unwrap();
            calling.begun(number);
            calling.ended(number, 1);
            let mut payload = Bytes::from_static(b"back");
            if let Some(other) = other {
                other(calling.slot(number));
                let before = format!("{:?}", calling.slot(number));
                assert!(!calling.answered_plainly(number, &mut payload), "{at}");
                assert_eq!((format!("{:?}", calling.slot(number)), &payload[..]), (before, &b"back"[..]));
            } else {
                assert!(calling.answered_plainly(number, &mut payload));
                assert!(
                    matches!(calling.take_answer(number), Some(Kept::Message(payload)) if payload == "back")
                );
            }
        }
    }
}
