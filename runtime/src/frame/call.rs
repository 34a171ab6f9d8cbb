//! CALL: opens a call (wire 8.1 to 8.3). Read on the callee's side, written on the caller's.

use bytes::{BufMut, Bytes, BytesMut};

use super::error::FrameError;
use super::fields::Body;
use super::header::{Header, flag, kind};
use super::id::CallId;
use super::message::{BlockOut, Outline, Piece, decode_block};
use super::route::{RouteOut, RouteRef};

/// A call as it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) route: RouteRef,
    /// Milliseconds that were left when it was written.
    pub(crate) deadline: Option<u32>,
    /// The caller expects items.
    pub(crate) stream: bool,
    /// The items of its block, not looked into; empty without BLOCK.
    pub(crate) block: Bytes,
    /// `Some`: END, its one request message. `None`: items follow.
    pub(crate) message: Option<Piece>,
}

impl Call {
    #[inline]
    pub(super) fn decode(header: Header, mut fields: Body<'_>) -> Result<Self, FrameError> {
        let id = CallId::decode(header.id)?;
        let route = RouteRef::decode(header, &mut fields)?;
        let deadline = if header.has(flag::DEADLINE) { Some(fields.u32()?) } else { None };
        let block = decode_block(header, &mut fields)?;
        let message = if header.has(flag::END) {
            Some(Piece::decode(header, fields)?)
        } else {
            Piece::check_absent(header)?;
            fields.finish()?;
            None
        };
        Ok(Self { id, route, deadline, stream: header.has(flag::STREAM), block, message })
    }

    /// As it would be written.
    pub(crate) fn head(&self) -> CallHead<'_> {
        let Self { id, deadline, stream, .. } = *self;
        CallHead { id, route: self.route.as_out(), deadline, stream, block: &self.block }
    }
}

/// A call as it will be written, but for its message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallHead<'a> {
    pub(crate) id: CallId,
    pub(crate) route: RouteOut<'a>,
    pub(crate) deadline: Option<u32>,
    pub(crate) stream: bool,
    /// Encoded items; empty: no BLOCK.
    pub(crate) block: &'a [u8],
}

impl CallHead<'_> {
    /// Writes everything but the message's `len` bytes, which the caller appends. `None`: items will follow.
    #[inline]
    pub(crate) fn encode(&self, message: Option<Outline>, out: &mut BytesMut) {
        if let (RouteOut::Number(route), Some(deadline), Some(outline)) = (self.route, self.deadline, message)
        {
            if !self.stream && self.block.is_empty() && outline.flags() == 0 {
                return self.put_plain(route, deadline, outline.len, out);
            }
        }
        self.put(message, out);
    }

    /// What most calls are, written at once: a bound route, a deadline, the whole message, and nothing beside it.
    #[inline]
    fn put_plain(&self, route: u16, deadline: u32, len: usize, out: &mut BytesMut) {
        let mut fields = [0; 6];
        fields[..2].copy_from_slice(&route.to_be_bytes());
        fields[2..].copy_from_slice(&deadline.to_be_bytes());
        let header = Header { kind: kind::CALL, flags: flag::DEADLINE | flag::END, id: self.id.to_wire() };
        header.put_with(fields, len, out);
    }

    fn put(&self, message: Option<Outline>, out: &mut BytesMut) {
        let block = BlockOut(self.block);
        let mut flags = self.route.flags() | block.flags();
        let mut fields = self.route.fields().saturating_add(block.fields());
        if self.deadline.is_some() {
            flags |= flag::DEADLINE;
            fields = fields.saturating_add(4);
        }
        if self.stream {
            flags |= flag::STREAM;
        }
        if let Some(message) = message {
            flags |= flag::END | message.flags();
            fields = fields.saturating_add(message.fields());
        }
        let len = message.map_or(0, |message| message.len);
        Header { kind: kind::CALL, flags, id: self.id.to_wire() }.put(fields, len, out);
        self.route.put(out);
        if let Some(milliseconds) = self.deadline {
            out.put_u32(milliseconds);
        }
        block.put(out);
        if let Some(message) = message {
            message.put(out);
        }
    }
}
