//! The streams of one call: its items, one way or both (wire 9). Each end of a call has one of these; which of its halves are
//! there follows from the call's shape and from who opened it.

use bytes::Bytes;

use super::account::Account;
use super::items::ItemsIn;
use super::replying::Terminal;
use super::{Connection, MESSAGE_COST, Shape};
use crate::Status;
use crate::frame::CallId;
use crate::message::Payload;

/// Which stream: ids are used again, and whoever still has an old one must not meet the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamKey {
    pub(crate) id: CallId,
    serial: u64,
}

/// Who holds on to a stream, at this end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    /// Whoever reads items, or waits for the one answer.
    Reader,
    Sender,
}

/// Both halves. Thousands may be open and idle: what few of them have is boxed.
#[derive(Debug)]
pub(crate) struct Stream {
    serial: u64,
    /// The items that come, if any do.
    pub(super) inn: Option<ItemsIn>,
    /// The items that go, if any do.
    pub(super) out: Option<ItemsOut>,
    /// Who still holds on to it.
    pub(super) reader: bool,
    pub(super) sender: bool,
    /// The block of the callee's HEADERS, until its caller takes it.
    pub(super) headers: Option<Box<Bytes>>,
    /// HEADERS were sent, or cannot be any more.
    pub(super) headers_said: bool,
    /// The callee's terminal frame, which waits until its last large item has left.
    pub(super) terminal: Option<Box<Terminal>>,
    /// The callee has ended the call: what its handler left behind is cut off.
    pub(super) over: bool,
}

/// The items that go.
#[derive(Debug)]
pub(crate) struct ItemsOut {
    /// The longest item that every limit lets through and one frame holds; 0 until it is known.
    pub(super) longest: u32,
    pub(super) account: Account,
    /// A large item that waits for credit. It was promised (wire 7.8).
    pub(super) pending: Option<Box<Payload>>,
    /// A large item is on its way: nothing else may follow before it is whole (wire 6.3).
    pub(super) busy: bool,
    /// END is to follow it.
    pub(super) finishing: bool,
    /// Why no more items can be sent.
    pub(super) closed: Option<Box<Closed>>,
    /// The sender found no room and is to be told when there may be some.
    pub(super) waits: bool,
    /// It is among those who wait for the write buffer.
    pub(super) in_line: bool,
}

/// Why no more items can be sent.
#[derive(Debug, Clone)]
pub(super) enum Closed {
    /// Nobody wants more: the peer said so, or the call was answered well.
    Unwanted(Status),
    Failed(Status),
}

impl Closed {
    pub(super) fn status(&self) -> &Status {
        match self {
            Self::Unwanted(why) | Self::Failed(why) => why,
        }
    }
}

impl ItemsOut {
    fn new(credit: u64) -> Self {
        let account = Account::new(credit);
        Self {
            longest: 0,
            account,
            pending: None,
            busy: false,
            finishing: false,
            closed: None,
            waits: false,
            in_line: false,
        }
    }

    /// Whether a large item waits, or is on its way.
    pub(super) fn is_busy(&self) -> bool {
        self.busy || self.pending.is_some()
    }
}

impl Stream {
    /// Its key, in the call of this number.
    pub(super) fn key(&self, id: CallId) -> StreamKey {
        StreamKey { id, serial: self.serial }
    }

    /// Whether this is the one of this key, and goes on.
    pub(super) fn is(&self, key: StreamKey) -> bool {
        self.serial == key.serial && !self.over
    }

    /// Whether a large item of ours is on its way.
    pub(super) fn has_large_item(&self) -> bool {
        self.out.as_ref().is_some_and(|out| out.busy)
    }

    pub(super) fn discards(&self) -> bool {
        self.inn.as_ref().is_none_or(ItemsIn::discards)
    }

    /// The cost of the items that are here: those that came, and one that waits to go.
    pub(super) fn held(&self) -> u64 {
        let came = self.inn.as_ref().map_or(0, |inn| inn.grant.held());
        let goes = self.out.as_ref().and_then(|out| out.pending.as_deref());
        let goes = goes.map_or(0, |item| MESSAGE_COST + item.len() as u64);
        came + goes
    }
}

impl Connection {
    /// The streams of a call that we open; none for a unary one.
    pub(super) fn caller_stream(&mut self, shape: Shape) -> Option<Box<Stream>> {
        self.new_stream((shape.answers_with_items(), !shape.has_request()))
    }

    /// The streams of a call that the peer opens.
    pub(super) fn callee_stream(&mut self, shape: Shape) -> Option<Box<Stream>> {
        self.new_stream((!shape.has_request(), shape.answers_with_items()))
    }

    /// With items that come, items that go, or both.
    fn new_stream(&mut self, (inn, out): (bool, bool)) -> Option<Box<Stream>> {
        if !inn && !out {
            return None;
        }
        self.streams_begun += 1;
        Some(Box::new(Stream {
            serial: self.streams_begun,
            inn: inn.then(|| ItemsIn::new(self.ours.stream_credit)),
            out: out.then(|| ItemsOut::new(self.peer.settings.stream_credit)),
            reader: true,
            sender: out,
            headers: None,
            headers_said: false,
            terminal: None,
            over: false,
        }))
    }

    /// The key of the stream that has this id now.
    pub(super) fn stream_key(&mut self, id: CallId) -> Option<StreamKey> {
        let serial = self.stream_of(id)?.serial;
        Some(StreamKey { id, serial })
    }

    /// The key of our call's stream.
    pub(crate) fn our_stream(&mut self, number: u32) -> Option<StreamKey> {
        self.stream_key(CallId::new(self.role, number))
    }

    /// The stream that has this id now.
    pub(super) fn stream_of(&mut self, id: CallId) -> Option<&mut Stream> {
        match id.opener() == self.role {
            true => self.calling.get(id.number())?.stream_mut(),
            false => self.serving.get(id.number())?.stream.as_deref_mut(),
        }
    }

    /// The stream of this key, unless its call is over.
    pub(super) fn stream(&mut self, key: StreamKey) -> Option<&mut Stream> {
        self.stream_of(key.id).filter(|stream| stream.is(key))
    }

    pub(crate) fn is_ours(&self, id: CallId) -> bool {
        id.opener() == self.role
    }

    /// What is told to who holds on to a stream whose call is over.
    pub(super) fn stream_gone(&self) -> Status {
        match self.ended() {
            Some(reason) => crate::Error::Closed(reason.clone()).into(),
            None => Status::cancelled("the call is over"),
        }
    }
}
