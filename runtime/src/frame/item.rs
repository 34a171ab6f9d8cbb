//! ITEM and HEADERS: what flows in a stream, and the metadata ahead of it (wire 9).

use bytes::{Bytes, BytesMut};

use super::error::FrameError;
use super::fields::Body;
use super::header::{FIXED, HEADER, Header, flag, kind};
use super::id::CallId;
use super::message::{Outline, Piece, put_block, take_block};
use super::run::Run;

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

/// Items of one stream that came one after the other, none of them said to be the last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ItemRun {
    pub(crate) id: CallId,
    pub(crate) messages: Run,
}

impl ItemRun {
    /// Takes the items off the front of `buf` that make up a run: `None` if there are not two. `end` is where its first
    /// frame ends, which is an ITEM of this id without flags; frames are at most `limit` long.
    #[inline]
    pub(super) fn take(buf: &mut BytesMut, id: CallId, end: usize, limit: u32) -> Option<Self> {
        Some(Self { id, messages: Run::take::<HEADER>(buf, end, limit)? })
    }

    /// The next item by itself.
    pub(crate) fn next_item(&mut self) -> Option<Item> {
        Some(Item { id: self.id, end: false, message: Piece::whole(self.messages.next()?) })
    }
}

/// The head of an item that is whole in its frame, and not said to be the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainItem(CallId);

impl PlainItem {
    pub(crate) fn new(id: CallId) -> Self {
        Self(id)
    }

    /// As [`ItemHead::encode`], of a whole message. Makes room for that too.
    #[inline]
    pub(crate) fn encode(self, message: usize, out: &mut BytesMut) {
        let length = FIXED.saturating_add(message);
        debug_assert!(u32::try_from(length).is_ok(), "a frame of {length} bytes");
        out.reserve(HEADER.saturating_add(message));
        let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        let [e, f, g, h] = self.0.to_wire().to_be_bytes();
        out.extend_from_slice(&[a, b, c, d, kind::ITEM, 0, e, f, g, h]);
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

#[cfg(test)]
mod tests {
    use super::super::Role;
    use super::*;

    #[test]
    fn a_plain_item_has_the_head_of_any_item() {
        for (number, role, len) in
            [(1, Role::Dialler, 0), (4_096, Role::Acceptor, 110), (7, Role::Dialler, 70_000)]
        {
            let (mut plain, mut any) = (BytesMut::new(), BytesMut::new());
            let id = CallId::new(role, number);
            PlainItem::new(id).encode(len, &mut plain);
            ItemHead { id, end: false }.encode(Outline::whole(len), &mut any);
            assert_eq!(plain, any);
        }
    }
}
