//! The message part of CALL, REPLY, ITEM and PUSH (wire 3.3, 6): how it is read and how it is announced.

use bytes::{BufMut, Bytes, BytesMut};

use super::error::FrameError;
use super::fields::Body;
use super::header::{Header, flag};

/// The message part as it was read: what this frame holds of it.
///
/// It states what is missing, not the total: packed so, a [`Frame`](super::Frame) is small enough to be moved in
/// registers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Piece {
    /// The bytes that are still to come; none without FRAGMENTED.
    // wire 6.2: a FRAGMENTED message whose first piece is already the total is complete.
    pub(crate) missing: u32,
    pub(crate) fragmented: bool,
    pub(crate) compressed: bool,
    pub(crate) bytes: Bytes,
}

impl Piece {
    /// All of a message.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self { missing: 0, fragmented: false, compressed: false, bytes }
    }

    #[inline]
    pub(super) fn decode(header: Header, mut body: Body<'_>) -> Result<Self, FrameError> {
        // wire 3.3: with FRAGMENTED u32 total and the first piece, else the whole message.
        let fragmented = header.has(flag::FRAGMENTED);
        let missing = if fragmented { take_missing(&mut body)? } else { 0 };
        Ok(Self { missing, fragmented, compressed: header.has(flag::COMPRESSED), bytes: body.rest() })
    }

    // wire 3.4: FRAGMENTED or COMPRESSED where no message follows is MALFORMED.
    #[inline]
    pub(super) fn check_absent(header: Header) -> Result<(), FrameError> {
        if header.has(flag::FRAGMENTED | flag::COMPRESSED) {
            return Err(FrameError::malformed("3.4", "FRAGMENTED or COMPRESSED without a message"));
        }
        Ok(())
    }

    /// The bytes of the whole message.
    #[inline]
    pub(crate) fn total(&self) -> usize {
        self.bytes.len().saturating_add(self.missing as usize)
    }

    /// As it would be written.
    pub(crate) fn outline(&self) -> Outline {
        // A total that was read came in 32 bits.
        let total = self.fragmented.then(|| u32::try_from(self.total()).unwrap_or(u32::MAX));
        Outline { len: self.bytes.len(), total, compressed: self.compressed }
    }
}

/// What is still to come of a message whose first piece is the rest of this body.
fn take_missing(body: &mut Body<'_>) -> Result<u32, FrameError> {
    let total = body.u32()?;
    let here = body.left().len();
    // wire 6.2: pieces beyond the total are MALFORMED.
    let missing = u32::try_from(here).ok().and_then(|here| total.checked_sub(here));
    missing.ok_or_else(|| FrameError::malformed("6.2", format!("a first piece of {here} bytes, of {total}")))
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
pub(super) fn decode_block(header: Header, fields: &mut Body<'_>) -> Result<Bytes, FrameError> {
    if header.has(flag::BLOCK) { take_block(fields) } else { Ok(Bytes::new()) }
}

pub(super) fn take_block(fields: &mut Body<'_>) -> Result<Bytes, FrameError> {
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
