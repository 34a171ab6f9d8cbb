//! A call of ours in the table of them. Kept small, and what is looked at most together: see [`Slot`].

use std::time::Duration;

use bytes::Bytes;

use super::assembly::Assembly;
use super::stream::Stream;
use crate::Status;
use crate::frame::ReplyStatus;

/// How a call was answered; made a typed result outside the lock.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) enum Answer {
    /// By the callee: a message.
    Message { payload: Bytes, block: Bytes },
    /// By the callee: a status.
    Failed { status: ReplyStatus, block: Bytes },
    /// By this end.
    Local(Status),
}

/// An answer as its slot keeps it, small: most are a message alone.
#[derive(Debug)]
pub(crate) enum Kept {
    Message(Bytes),
    Other(Box<Answer>),
}

impl From<Answer> for Kept {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Message { payload, block } if block.is_empty() => Self::Message(payload),
            other => Self::Other(Box::new(other)),
        }
    }
}

impl From<Kept> for Answer {
    #[inline]
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Message(payload) => Self::Message { payload, block: Bytes::new() },
            Kept::Other(answer) => *answer,
        }
    }
}

/// One of our calls: two lines of the processor's cache. What most calls are looked at for, again and again, is in the first;
/// with 1,024 in flight it has left the cache each time.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Slot {
    pub(super) answer: Option<Kept>,
    /// While it is [queued](State::Queued) where its CALL begins in the write buffer; once it was sent where its last byte lies
    /// in all that was sent, [`NOT_WHOLE`] while that has not left.
    pub(crate) at: u64,
    /// How many calls left before this one (wire 11.3).
    pub(super) order: u64,
    pub(crate) state: State,
    /// A caller waits for it.
    pub(crate) owned: bool,
    /// END was sent, or CANCEL.
    pub(crate) side_ended: bool,
    /// CANCEL was sent.
    pub(crate) cancelled: bool,
    /// HEADERS were read, or an ITEM, after which they may not come (wire 9.5).
    pub(crate) headers: bool,
    /// There is, or was, something in one of the last three.
    pub(super) special: bool,
    /// What it was charged, to give back if it never leaves.
    pub(crate) cost: u64,
    /// Its whole time limit, for the text of the error.
    pub(crate) limit: Option<Duration>,
    /// Its items, unless it is unary.
    stream: Option<Box<Stream>>,
    /// A fragmented reply under way, and its block.
    pub(super) reply: Option<Box<(Assembly, Bytes)>>,
    /// What the reply under way is charged in the replies account.
    pub(crate) held: u64,
}

/// The end of a call whose last byte has not left.
pub(super) const NOT_WHOLE: u64 = u64::MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Idle,
    /// A caller may open it.
    Reserved,
    /// Its CALL lies in the write buffer.
    Queued,
    /// Its large CALL waits for its turn.
    QueuedLarge,
    /// A byte of it has left.
    Sent,
    /// It has its answer.
    Done,
}

impl Slot {
    pub(super) const IDLE: Self = Self {
        answer: None,
        at: 0,
        order: 0,
        state: State::Idle,
        owned: false,
        side_ended: false,
        cancelled: false,
        headers: false,
        special: false,
        cost: 0,
        limit: None,
        stream: None,
        reply: None,
        held: 0,
    };

    /// Makes it [`IDLE`](Self::IDLE): field by field, as most of those that would have to be dropped are empty.
    pub(super) fn clear(&mut self) {
        if self.answer.is_some() {
            self.answer = None;
        }
        (self.at, self.order, self.cost, self.limit) = (0, 0, 0, None);
        (self.state, self.owned, self.side_ended) = (State::Idle, false, false);
        (self.cancelled, self.headers) = (false, false);
        if self.special {
            (self.special, self.stream, self.reply, self.held) = (false, None, None, 0);
        }
    }

    /// Whether its last byte is among the first so many of all that was sent.
    pub(super) fn has_left(&self, written: u64) -> bool {
        self.at != NOT_WHOLE && self.at <= written
    }

    pub(crate) fn stream(&self) -> Option<&Stream> {
        self.stream.as_deref()
    }

    pub(crate) fn stream_mut(&mut self) -> Option<&mut Stream> {
        self.stream.as_deref_mut()
    }

    pub(crate) fn set_stream(&mut self, stream: Option<Box<Stream>>) {
        self.special |= stream.is_some();
        self.stream = stream;
    }

    pub(crate) fn reply(&self) -> Option<&(Assembly, Bytes)> {
        self.reply.as_deref()
    }

    pub(crate) fn reply_mut(&mut self) -> Option<&mut (Assembly, Bytes)> {
        self.reply.as_deref_mut()
    }

    pub(crate) fn take_reply(&mut self) -> Option<(Assembly, Bytes)> {
        self.reply.take().map(|reply| *reply)
    }

    pub(crate) fn begin_reply(&mut self, assembly: Assembly, block: Bytes, held: u64) {
        self.special = true;
        self.reply = Some(Box::new((assembly, block)));
        self.held = held;
    }

    /// Whether its caller was told.
    pub(crate) fn has_answer(&self) -> bool {
        self.answer.is_some()
    }

    /// What its caller was told and has not taken.
    #[cfg(test)]
    pub(crate) fn answer(&self) -> Option<Answer> {
        Some(match self.answer.as_ref()? {
            Kept::Message(payload) => Answer::Message { payload: payload.clone(), block: Bytes::new() },
            Kept::Other(answer) => answer.as_ref().clone(),
        })
    }

    /// The answer of a stream, once; whoever has a half of it lets go by itself.
    pub(crate) fn take_answer(&mut self) -> Option<Answer> {
        self.answer.take().map(Answer::from)
    }

    /// Whether its caller sends items.
    pub(crate) fn sends_items(&self) -> bool {
        self.special && self.stream().is_some_and(|stream| stream.out.is_some())
    }
}
