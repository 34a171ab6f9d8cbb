//! The message part of CALL, REPLY, ITEM and PUSH (wire 3.3, 6): how it is read and how it is announced.

use bytes::{BufMut, Bytes, BytesMut};

use super::error::FrameError;
use super::fields::Fields;
use super::header::{Header, flag};

/// The message part as it was read: what this frame holds of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Piece {
    /// `Some`: FRAGMENTED, and so many bytes in all, at least as many as there are here.
    pub(crate) total: Option<u32>,
    pub(crate) compressed: bool,
    pub(crate) bytes: Bytes,
}

impl Piece {
    #[inline]
    pub(super) fn decode(header: Header, mut fields: Fields<Bytes>) -> Result<Self, FrameError> {
        // wire 3.3: with FRAGMENTED u32 total and the first piece, else the whole message.
        let total = if header.has(flag::FRAGMENTED) { Some(fields.u32()?) } else { None };
        let bytes = fields.rest();
        // wire 6.2: pieces beyond the total are MALFORMED.
        if let Some(total) = total.filter(|total| bytes.len() > *total as usize) {
            let text = format!("a first piece of {} bytes, of {total}", bytes.len());
            return Err(FrameError::malformed("6.2", text));
        }
        Ok(Self { total, compressed: header.has(flag::COMPRESSED), bytes })
    }

    // wire 3.4: FRAGMENTED or COMPRESSED where no message follows is MALFORMED.
    #[inline]
    pub(super) fn check_absent(header: Header) -> Result<(), FrameError> {
        if header.has(flag::FRAGMENTED | flag::COMPRESSED) {
            return Err(FrameError::malformed("3.4", "FRAGMENTED or COMPRESSED without a message"));
        }
        Ok(())
    }

    /// The bytes that are still to come.
    // wire 6.2: a FRAGMENTED message whose first piece is already the total is complete.
    #[inline]
    pub(crate) fn missing(&self) -> usize {
        // Not negative: `decode` checked it.
        self.total.map_or(0, |total| (total as usize).saturating_sub(self.bytes.len()))
    }

    /// As it would be written.
    pub(crate) fn outline(&self) -> Outline {
        Outline { len: self.bytes.len(), total: self.total, compressed: self.compressed }
    }
}

/// The message part as it will be written after the head.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Outline {
    /// The bytes of this frame that the caller appends right after `encode`.
    pub(crate) len: usize,
    /// `Some`: FRAGMENTED, and so many bytes in all.
    pub(crate) total: Option<u32>,
    pub(crate) compressed: bool,
}

impl Outline {
    /// A whole message of `len` bytes, neither fragmented nor compressed.
    #[inline]
    pub(crate) const fn whole(len: usize) -> Self {
        Self { len, total: None, compressed: false }
    }

    #[inline]
    pub(super) const fn flags(self) -> u8 {
        let fragmented = if self.total.is_some() { flag::FRAGMENTED } else { 0 };
        let compressed = if self.compressed { flag::COMPRESSED } else { 0 };
        fragmented | compressed
    }

    /// The bytes that [`put`](Self::put) writes.
    #[inline]
    pub(super) const fn fields(self) -> usize {
        if self.total.is_some() { 4 } else { 0 }
    }

    #[inline]
    pub(super) fn put(self, out: &mut BytesMut) {
        if let Some(total) = self.total {
            debug_assert!(self.len <= total as usize, "a piece of {} bytes, of {total}", self.len);
            out.put_u32(total);
        }
    }
}

/// The block of a frame that has BLOCK; empty for one that has not.
// wire 3.2: u32 length, then so many bytes of items.
#[inline]
pub(super) fn decode_block(header: Header, fields: &mut Fields<Bytes>) -> Result<Bytes, FrameError> {
    if header.has(flag::BLOCK) { take_block(fields) } else { Ok(Bytes::new()) }
}

pub(super) fn take_block(fields: &mut Fields<Bytes>) -> Result<Bytes, FrameError> {
    let len = fields.u32()?;
    fields.bytes(len as usize)
}

/// A block as it will be written: nothing at all if it is empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockOut<'a>(pub(super) &'a [u8]);

impl BlockOut<'_> {
    #[inline]
    pub(super) const fn flags(self) -> u8 {
        if self.0.is_empty() { 0 } else { flag::BLOCK }
    }

    #[inline]
    pub(super) const fn fields(self) -> usize {
        if self.0.is_empty() { 0 } else { self.0.len().saturating_add(4) }
    }

    #[inline]
    pub(super) fn put(self, out: &mut BytesMut) {
        if !self.0.is_empty() {
            put_block(self.0, out);
        }
    }
}

/// A block that is there even if it is empty.
pub(super) fn put_block(block: &[u8], out: &mut BytesMut) {
    // Over u32 the frame's own length is over it too, and refused.
    out.put_u32(u32::try_from(block.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(block);
}
