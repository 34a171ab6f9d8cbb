//! Reads a frame's fields one after the other. Called by every decoder here; over `Bytes` what it hands out
//! shares the receive buffer, over `&[u8]` nothing is counted.

use bytes::{Buf, Bytes};

use super::error::FrameError;
use super::text::Text;

/// A body, and how far it was read.
///
/// Numbers are read in place; a shared body is cut only where bytes of it are handed out.
#[derive(Debug)]
pub(super) struct Fields<B> {
    body: B,
    at: usize, // At most the body's length.
}

// wire 2.4: a body that ends before its fields do, or goes on after them, is MALFORMED.
#[cold]
fn ends_early() -> FrameError {
    FrameError::malformed("2.4", "the frame ends before its fields do")
}

impl<B: AsRef<[u8]>> Fields<B> {
    #[inline]
    pub(super) fn new(body: B) -> Self {
        Self { body, at: 0 }
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

    #[inline]
    fn left(&self) -> &[u8] {
        // Never empty for want of a body: the invariant of `at`.
        self.body.as_ref().get(self.at..).unwrap_or_default()
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

impl Fields<Bytes> {
    /// The next `len` bytes. Empty ones keep no buffer alive.
    #[inline]
    pub(super) fn bytes(&mut self, len: usize) -> Result<Bytes, FrameError> {
        let from = self.step(len)?;
        Ok(self.body.slice(from..self.at))
    }

    #[inline]
    pub(super) fn text(&mut self, len: usize) -> Result<Text, FrameError> {
        Text::decode(self.bytes(len)?)
    }

    /// All that is left. Empty bytes keep no buffer alive.
    #[inline]
    pub(super) fn rest(mut self) -> Bytes {
        if self.is_empty() {
            return Bytes::new();
        }
        self.body.advance(self.at);
        self.body
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
