//! Reads a frame's fields one after the other. Called by every decoder here; over `BytesMut` and `Bytes` what it
//! hands out shares the receive buffer, over `&[u8]` nothing is counted.

use bytes::{Buf, Bytes, BytesMut};

use super::error::FrameError;
use super::text::Text;

/// A body, and how far it was read.
///
/// Numbers are read in place; a shared body is cut only where bytes of it are handed out.
#[derive(Debug)]
pub(super) struct Fields<B> {
    body: B,
    at: usize,  // At most `end`.
    end: usize, // At most the body's length.
}

/// The body of a frame that still lies at the front of the receive buffer.
pub(super) type Body<'a> = Fields<&'a mut BytesMut>;

/// What bytes can be cut from that share its memory.
pub(super) trait Shared: AsRef<[u8]> {
    /// Drops `from` bytes and takes the next `len`.
    fn cut(&mut self, from: usize, len: usize) -> Bytes;
}

impl Shared for Bytes {
    #[inline]
    fn cut(&mut self, from: usize, len: usize) -> Bytes {
        self.advance(from);
        self.split_to(len)
    }
}

impl Shared for &mut BytesMut {
    #[inline]
    fn cut(&mut self, from: usize, len: usize) -> Bytes {
        self.advance(from);
        self.split_to(len).freeze()
    }
}

// wire 2.4: a body that ends before its fields do, or goes on after them, is MALFORMED.
#[cold]
fn ends_early() -> FrameError {
    FrameError::malformed("2.4", "the frame ends before its fields do")
}

impl<B: AsRef<[u8]>> Fields<B> {
    #[inline]
    pub(super) fn new(body: B) -> Self {
        let end = body.as_ref().len();
        Self { body, at: 0, end }
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, FrameError> {
        self.array().map(u8::from_be_bytes)
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Result<u16, FrameError> {
        self.array().map(u16::from_be_bytes)
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Result<u32, FrameError> {
        self.array().map(u32::from_be_bytes)
    }

    #[inline]
    pub(super) fn u64(&mut self) -> Result<u64, FrameError> {
        self.array().map(u64::from_be_bytes)
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.left().is_empty()
    }

    /// Nothing may be left.
    #[inline]
    pub(super) fn finish(self) -> Result<(), FrameError> {
        match self.left().len() {
            0 => Ok(()),
            more => Err(FrameError::malformed("2.4", format!("{more} bytes after the last field"))),
        }
    }

    /// What is not read yet.
    #[inline]
    pub(super) fn left(&self) -> &[u8] {
        // Never empty for want of a body: the invariants of `at` and `end`.
        self.body.as_ref().get(self.at..self.end).unwrap_or_default()
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let Some(array) = self.left().first_chunk().copied() else { return Err(ends_early()) };
        self.at += N;
        Ok(array)
    }

    /// Steps over the next `len` bytes and says where they begin.
    #[inline]
    fn step(&mut self, len: usize) -> Result<usize, FrameError> {
        if len > self.left().len() {
            return Err(ends_early());
        }
        let from = self.at;
        self.at += len;
        Ok(from)
    }
}

impl<'a> Body<'a> {
    /// The body that goes from `at` to `end` of `buf`. What is handed out leaves the buffer, with all before it.
    #[inline]
    pub(super) fn within(buf: &'a mut BytesMut, at: usize, end: usize) -> Self {
        debug_assert!(at <= end && end <= buf.len(), "a body from {at} to {end} of {}", buf.len());
        Self { body: buf, at, end }
    }
}

impl<B: Shared> Fields<B> {
    /// The next `len` bytes. Empty ones keep no buffer alive.
    #[inline]
    pub(super) fn bytes(&mut self, len: usize) -> Result<Bytes, FrameError> {
        let from = self.step(len)?;
        if len == 0 {
            return Ok(Bytes::new());
        }
        // Neither underflows: `step` went from `from` to `from + len`, which is at most `end`.
        self.end -= self.at;
        self.at = 0;
        Ok(self.body.cut(from, len))
    }

    #[inline]
    pub(super) fn text(&mut self, len: usize) -> Result<Text, FrameError> {
        Text::decode(self.bytes(len)?)
    }

    /// All that is left. Empty bytes keep no buffer alive.
    #[inline]
    pub(super) fn rest(mut self) -> Bytes {
        match self.left().len() {
            0 => Bytes::new(),
            len => self.body.cut(self.at, len),
        }
    }

    pub(super) fn rest_text(self) -> Result<Text, FrameError> {
        Text::decode(self.rest())
    }
}

impl<'a> Fields<&'a [u8]> {
    /// The next `len` bytes.
    pub(super) fn slice(&mut self, len: usize) -> Result<&'a [u8], FrameError> {
        let from = self.step(len)?;
        // In bounds: `step`.
        Ok(&self.body[from..self.at])
    }

    /// All that is left.
    pub(super) fn slice_rest(self) -> &'a [u8] {
        self.body.get(self.at..).unwrap_or_default()
    }
}
