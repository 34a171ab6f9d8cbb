//! ITEM and HEADERS: what flows in a stream, and the metadata ahead of it (wire 9).

use bytes::{Bytes, BytesMut};

use super::error::FrameError;
use super::fields::Body;
use super::header::{Header, flag, kind};
use super::id::CallId;
use super::message::{Outline, Piece, put_block, take_block};

/// One message of a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Item {
    pub(crate) id: CallId,
    /// It is the last of its side.
    pub(crate) end: bool,
    pub(crate) message: Piece,
}

impl Item {
    #[inline]
    pub(super) fn decode(header: Header, body: Body<'_>) -> Result<Self, FrameError> {
        let id = CallId::decode(header.id)?;
        Ok(Self { id, end: header.has(flag::END), message: Piece::decode(header, body)? })
    }
}

/// One message of a stream as it will be written, but for the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ItemHead {
    pub(crate) id: CallId,
    pub(crate) end: bool,
}

impl ItemHead {
    /// Writes everything but the message's `len` bytes, which the caller appends.
    #[inline]
    pub(crate) fn encode(&self, message: Outline, out: &mut BytesMut) {
        let end = if self.end { flag::END } else { 0 };
        let header = Header { kind: kind::ITEM, flags: end | message.flags(), id: self.id.to_wire() };
        header.put(message.fields(), message.len, out);
        message.put(out);
    }
}

/// Metadata from the callee ahead of its first item or its reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Headers {
    pub(crate) id: CallId,
    /// The items of its block, not looked into.
    pub(crate) block: Bytes,
}

impl Headers {
    pub(super) fn decode(header: Header, mut fields: Body<'_>) -> Result<Self, FrameError> {
        let id = CallId::decode(header.id)?;
        let block = take_block(&mut fields)?;
        fields.finish()?;
        Ok(Self { id, block })
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let header = Header { kind: kind::HEADERS, flags: 0, id: self.id.to_wire() };
        header.put(self.block.len().saturating_add(4), 0, out);
        put_block(&self.block, out);
    }
}
