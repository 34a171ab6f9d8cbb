//! The calls that this end opened: numbers, answers, the rules of what was not run (wire 8, 13).
//!
//! ```text
//! Idle ─reserve─▶ Reserved ─queue─▶ Queued ─left─▶ Sent ─REPLY, RESET─▶ Done ─taken by its caller─▶ Idle
//!                                     └─withdrawn─▶ Idle   └─given up─▶ Sent, unowned ─REPLY─▶ Idle
//! ```

use std::time::Duration;

use bytes::Bytes;

use super::assembly::{Arrived, Assembly};
use crate::Status;
use crate::frame::{FrameError, Piece, Reply, ReplyStatus};

/// How a call was answered; made a typed result outside the lock.
#[derive(Debug)]
pub(crate) enum Answer {
    /// By the callee: a message.
    Message { payload: Bytes, block: Bytes },
    /// By the callee: a status.
    Failed { status: ReplyStatus, block: Bytes },
    /// By this end.
    Local(Status),
}

/// One of our calls.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) state: State,
    /// What it was charged, to give back if it never leaves.
    pub(crate) cost: u64,
    /// Its whole time limit, for the text of the error.
    pub(crate) limit: Option<Duration>,
    /// A caller waits for it.
    pub(crate) owned: bool,
    /// END was sent, or CANCEL.
    pub(crate) side_ended: bool,
    /// How many calls left before this one (wire 11.3).
    order: u64,
    /// Where the CALL's last byte lies in all that was sent; `None` while it has not left.
    end: Option<u64>,
    /// A fragmented reply under way.
    reply: Option<(Assembly, Bytes)>,
    /// What the reply under way is charged in the replies account.
    held: u64,
    answer: Option<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Idle,
    /// A caller may open it.
    Reserved,
    /// Its CALL lies in the write buffer, from this byte on.
    Queued(usize),
    /// Its large CALL waits for its turn.
    QueuedLarge,
    /// A byte of it has left.
    Sent,
    /// It has its answer.
    Done,
}

impl Slot {
    const IDLE: Self = Self {
        state: State::Idle,
        cost: 0,
        limit: None,
        owned: false,
        side_ended: false,
        order: 0,
        end: None,
        reply: None,
        held: 0,
        answer: None,
    };
}

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
                self.slots.push(Slot::IDLE);
                self.slots.len() as u32
            }
            None => return None,
        };
        self.busy += 1;
        *self.slot(number) = Slot { state: State::Reserved, cost, owned: true, ..Slot::IDLE };
        Some(number)
    }

    pub(crate) fn slot(&mut self, number: u32) -> &mut Slot {
        &mut self.slots[number as usize - 1]
    }

    /// The slot of a call that the peer may say something of: one that has left and has no answer yet.
    pub(crate) fn open(&mut self, number: u32) -> Option<&mut Slot> {
        let slot = self.slots.get_mut((number as usize).checked_sub(1)?)?;
        (slot.state == State::Sent).then_some(slot)
    }

    pub(crate) fn release(&mut self, number: u32) {
        let slot = self.slot(number);
        debug_assert!(slot.state != State::Idle);
        *slot = Slot::IDLE;
        self.busy -= 1;
        self.free.push(number);
    }

    /// The first byte of a call has left.
    pub(crate) fn begun(&mut self, number: u32) {
        let order = self.opened;
        self.opened += 1;
        let slot = self.slot(number);
        slot.state = State::Sent;
        slot.order = order;
    }

    /// The last byte of a call has left: it is this many bytes from the start.
    pub(crate) fn ended(&mut self, number: u32, at: u64) {
        let slot = self.slot(number);
        slot.end = Some(at);
        slot.side_ended = true;
    }

    /// REPLY (wire 8.5). `Ok(true)`: the call has its answer now.
    pub(crate) fn reply(&mut self, number: u32, reply: Reply, cost: u64) -> Result<bool, FrameError> {
        let Some(slot) = self.open(number) else { return Err(unexpected_reply()) };
        if slot.reply.is_some() {
            return Err(FrameError::unexpected("6.3", "REPLY while one is under way"));
        }
        slot.held += cost;
        if let Some(status) = reply.status {
            return Ok(self.answered(number, Answer::Failed { status, block: reply.block }));
        }
        let Some(piece) = reply.message else { return Err(unexpected_reply()) };
        match Assembly::begin(piece)? {
            Arrived::Whole(payload) => {
                Ok(self.answered(number, Answer::Message { payload, block: reply.block }))
            }
            Arrived::Begun(mut assembly) => {
                if !slot.owned {
                    assembly.drop_bytes();
                }
                slot.reply = Some((assembly, reply.block));
                Ok(false)
            }
        }
    }

    /// A REPLY that costs the call (wire 6.5, 8.5): its caller is told at once, the rest of it is read past.
    /// `Ok(true)`: nothing more will come.
    pub(crate) fn refuse_reply(
        &mut self,
        number: u32,
        piece: &Piece,
        why: Status,
        cost: u64,
    ) -> Result<bool, FrameError> {
        let Some(slot) = self.open(number) else { return Err(unexpected_reply()) };
        if slot.reply.is_some() {
            return Err(FrameError::unexpected("6.3", "REPLY while one is under way"));
        }
        let rest = Assembly::discard(piece)?;
        let over = rest.is_none();
        slot.held += cost;
        slot.reply = rest.map(|assembly| (assembly, Bytes::new()));
        self.answered_early(number, Answer::Local(why));
        if over {
            self.slot(number).state = State::Done;
        }
        Ok(over)
    }

    /// FRAGMENT of a reply. `Ok(true)`: the call has its answer now.
    pub(crate) fn fragment(&mut self, number: u32, bytes: &[u8]) -> Result<bool, FrameError> {
        let Some(slot) = self.open(number) else { return Err(unexpected_reply()) };
        let Some((assembly, _)) = &mut slot.reply else {
            return Err(FrameError::unexpected("6.2", "FRAGMENT without a message under way"));
        };
        if !assembly.add(bytes)? {
            return Ok(false);
        }
        let Some((assembly, block)) = slot.reply.take() else { return Ok(false) };
        let payload = assembly.finish().unwrap_or_default();
        Ok(self.answered(number, Answer::Message { payload, block }))
    }

    /// The call is over at the callee. True: somebody waits for the answer.
    pub(crate) fn answered(&mut self, number: u32, answer: Answer) -> bool {
        let slot = self.slot(number);
        slot.state = State::Done;
        slot.reply = None;
        if slot.owned && slot.answer.is_none() {
            slot.answer = Some(answer);
        } else if !slot.owned {
            self.late += u64::from(matches!(answer, Answer::Message { .. }));
        }
        self.slot(number).owned
    }

    /// The caller is told before the callee has ended its side.
    pub(crate) fn answered_early(&mut self, number: u32, answer: Answer) {
        let slot = self.slot(number);
        if slot.owned && slot.answer.is_none() {
            slot.answer = Some(answer);
        }
    }

    /// What the caller waits for, once; the caller then has no more to do with the call.
    pub(crate) fn take_answer(&mut self, number: u32) -> Option<Answer> {
        let slot = self.slot(number);
        let answer = slot.answer.take()?;
        slot.owned = false;
        if let Some((assembly, _)) = &mut slot.reply {
            assembly.drop_bytes();
        }
        Some(answer)
    }

    /// What a call holds in the replies account, once.
    pub(crate) fn take_held(&mut self, number: u32) -> u64 {
        std::mem::take(&mut self.slot(number).held)
    }

    /// Nobody waits any more.
    pub(crate) fn disown(&mut self, number: u32) {
        let slot = self.slot(number);
        slot.owned = false;
        slot.answer = None;
        if let Some((assembly, _)) = &mut slot.reply {
            assembly.drop_bytes();
        }
    }

    /// The numbers of the calls that have no answer, and whether each certainly was not run: it had not left
    /// whole when `written` bytes were given to the transport, or lies beyond the peer's count (wire 13.2, 13.3).
    pub(crate) fn unanswered(&self, written: u64, count: Option<u64>) -> Vec<(u32, bool)> {
        let mut calls = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let not_run = match slot.state {
                State::Idle | State::Done => continue,
                State::Reserved | State::Queued(_) | State::QueuedLarge => true,
                State::Sent => {
                    slot.end.is_none_or(|end| end > written) || count.is_some_and(|c| slot.order >= c)
                }
            };
            calls.push((index as u32 + 1, not_run));
        }
        calls
    }

    /// The calls that have left but lie beyond the peer's count (wire 11.3).
    pub(crate) fn beyond(&self, count: u64) -> Vec<u32> {
        let numbered = self.slots.iter().enumerate();
        let beyond = numbered.filter(|(_, slot)| slot.state == State::Sent && slot.order >= count);
        beyond.map(|(index, _)| index as u32 + 1).collect()
    }
}

fn unexpected_reply() -> FrameError {
    FrameError::unexpected("8.10", "an answer to a call that is not open")
}
