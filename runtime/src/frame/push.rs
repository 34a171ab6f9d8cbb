//! PUSH: a message without an answer, in a lane (wire 10).

use bytes::{Bytes, BytesMut};

use super::error::FrameError;
use super::fields::Body;
use super::header::{Header, kind};
use super::message::{BlockOut, Outline, Piece, decode_block};
use super::route::{RouteOut, RouteRef};

/// A push as it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Push {
    pub(crate) lane: u32,
    pub(crate) route: RouteRef,
    /// The items of its block, not looked into; empty without BLOCK.
    pub(crate) block: Bytes,
    pub(crate) message: Piece,
}

impl Push {
    #[inline]
    pub(super) fn decode(header: Header, mut fields: Body<'_>) -> Result<Self, FrameError> {
        let route = RouteRef::decode(header, &mut fields)?;
        let block = decode_block(header, &mut fields)?;
        Ok(Self { lane: header.id, route, block, message: Piece::decode(header, fields)? })
    }

    /// As it would be written.
    pub(crate) fn head(&self) -> PushHead<'_> {
        PushHead { lane: self.lane, route: self.route.as_out(), block: &self.block }
    }
}

/// A push as it will be written, but for its message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PushHead<'a> {
    pub(crate) lane: u32,
    pub(crate) route: RouteOut<'a>,
    /// Encoded items; empty: no BLOCK.
    pub(crate) block: &'a [u8],
}

impl PushHead<'_> {
    /// Writes everything but the message's `len` bytes, which the caller appends.
    #[inline]
    pub(crate) fn encode(&self, message: Outline, out: &mut BytesMut) {
        let block = BlockOut(self.block);
        let flags = self.route.flags() | block.flags() | message.flags();
        let fields = self.route.fields().saturating_add(block.fields()).saturating_add(message.fields());
        Header { kind: kind::PUSH, flags, id: self.lane }.put(fields, message.len, out);
        self.route.put(out);
        block.put(out);
        message.put(out);
    }
}
