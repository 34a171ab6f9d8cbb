//! Reads a frame's fields one after the other. Called by every decoder here; over `Bytes` what it hands out
//! shares the receive buffer, over `&[u8]` nothing is counted.

use bytes::{Buf, Bytes};

use super::error::FrameError;
use super::text::Text;

/// The rest of a body.
#[derive(Debug)]
pub(super) struct Fields<B>(B);

// wire 2.4: a body that ends before its fields do, or goes on after them, is MALFORMED.
#[cold]
fn ends_early() -> FrameError {
    FrameError::malformed("2.4", "the frame ends before its fields do")
}

impl<B: Buf> Fields<B> {
    #[inline]
    pub(super) fn new(body: B) -> Self {
        Self(body)
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, FrameError> {
        self.0.try_get_u8().map_err(|_| ends_early())
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Result<u16, FrameError> {
        self.0.try_get_u16().map_err(|_| ends_early())
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Result<u32, FrameError> {
        self.0.try_get_u32().map_err(|_| ends_early())
    }

    #[inline]
    pub(super) fn u64(&mut self) -> Result<u64, FrameError> {
        self.0.try_get_u64().map_err(|_| ends_early())
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        !self.0.has_remaining()
    }

    /// Nothing may be left.
    #[inline]
    pub(super) fn finish(self) -> Result<(), FrameError> {
        match self.0.remaining() {
            0 => Ok(()),
            more => Err(FrameError::malformed("2.4", format!("{more} bytes after the last field"))),
        }
    }
}

impl Fields<Bytes> {
    /// The next `len` bytes. Empty ones keep no buffer alive.
    #[inline]
    pub(super) fn bytes(&mut self, len: usize) -> Result<Bytes, FrameError> {
        match len {
            0 => Ok(Bytes::new()),
            len if len > self.0.len() => Err(ends_early()),
            len => Ok(self.0.split_to(len)),
        }
    }

    #[inline]
    pub(super) fn text(&mut self, len: usize) -> Result<Text, FrameError> {
        Text::decode(self.bytes(len)?)
    }

    /// All that is left. Empty bytes keep no buffer alive.
    #[inline]
    pub(super) fn rest(self) -> Bytes {
        if self.0.is_empty() { Bytes::new() } else { self.0 }
    }

    pub(super) fn rest_text(self) -> Result<Text, FrameError> {
        Text::decode(self.rest())
    }
}

impl<'a> Fields<&'a [u8]> {
    /// The next `len` bytes.
    pub(super) fn slice(&mut self, len: usize) -> Result<&'a [u8], FrameError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(ends_early)?;
        self.0 = rest;
        Ok(taken)
    }

    /// All that is left.
    pub(super) fn slice_rest(self) -> &'a [u8] {
        self.0
    }
}
