//! A message that arrives in fragments (wire 6). One for each message under way, in calls, replies and lanes.

use bytes::{Bytes, BytesMut};

use super::pool::Pool;
use crate::frame::{EndCode, FrameError, Piece};

/// Messages of so many bytes use buffers again.
const SHARED: usize = 64 << 10;

/// What is there of a message, and what is still to come.
#[derive(Debug)]
pub(crate) struct Assembly {
    missing: usize,
    /// `None`: nobody wants it, it is read and dropped (wire 6.5, 8.9).
    buffer: Option<BytesMut>,
}

/// A message part as it arrived.
pub(crate) enum Arrived {
    Whole(Bytes),
    Begun(Assembly),
}

impl Assembly {
    /// Starts with the first frame's piece.
    pub(crate) fn begin(piece: Piece, pool: &mut Pool) -> Arrived {
        if piece.missing == 0 {
            return Arrived::Whole(piece.bytes);
        }
        // The total is prepaid (wire 7.2), so reserving it at once is within what we granted. A buffer to be used again has
        // some room more, which a peer that sends a few bytes in fragments has not paid for.
        let mut buffer = match piece.total() {
            small @ ..SHARED => BytesMut::with_capacity(small),
            large => pool.take(large),
        };
        buffer.extend_from_slice(&piece.bytes);
        Arrived::Begun(Self { missing: piece.missing as usize, buffer: Some(buffer) })
    }

    /// Reads past a message that nobody wants: how many bytes of it are still to come.
    pub(crate) fn discard(piece: &Piece) -> Self {
        Self { missing: piece.missing as usize, buffer: None }
    }

    /// Of a message that is no longer wanted: how many bytes of it are still to come.
    pub(crate) fn missing(&self) -> usize {
        self.missing
    }

    /// Takes a FRAGMENT. True: it was the last.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> Result<bool, FrameError> {
        take_from(&mut self.missing, bytes)?;
        if let Some(buffer) = &mut self.buffer {
            buffer.extend_from_slice(bytes);
        }
        Ok(self.missing == 0)
    }

    /// From here on nobody wants it.
    pub(crate) fn drop_bytes(&mut self) {
        self.buffer = None;
    }

    /// The whole message, if somebody wants it.
    pub(crate) fn finish(self) -> Option<Bytes> {
        debug_assert_eq!(self.missing, 0);
        self.buffer.map(BytesMut::freeze)
    }
}

/// Counts a FRAGMENT's bytes towards those that are still to come. True: it was the last.
pub(crate) fn take_from(missing: &mut usize, bytes: &[u8]) -> Result<bool, FrameError> {
    *missing = missing.checked_sub(bytes.len()).ok_or_else(|| {
        FrameError::new(EndCode::Malformed, "6.2", "a message has more bytes than its total")
    })?;
    Ok(*missing == 0)
}
