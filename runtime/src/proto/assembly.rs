//! A message that arrives in fragments (wire 6). One for each message under way, in calls, replies and lanes.

use bytes::{Bytes, BytesMut};

use crate::frame::{EndCode, FrameError, Piece};

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
    pub(crate) fn begin(piece: Piece) -> Result<Arrived, FrameError> {
        let Some(total) = piece.total else { return Ok(Arrived::Whole(piece.bytes)) };
        let missing = rest(total as usize, piece.bytes.len())?;
        if missing == 0 {
            return Ok(Arrived::Whole(piece.bytes));
        }
        // The total is prepaid (wire 7.2), so reserving it at once is within what we granted.
        let mut buffer = BytesMut::with_capacity(total as usize);
        buffer.extend_from_slice(&piece.bytes);
        Ok(Arrived::Begun(Self { missing, buffer: Some(buffer) }))
    }

    /// Starts to read past a message that nobody wants. `None`: it is over already.
    pub(crate) fn discard(piece: &Piece) -> Result<Option<Self>, FrameError> {
        let Some(total) = piece.total else { return Ok(None) };
        let missing = rest(total as usize, piece.bytes.len())?;
        Ok((missing > 0).then_some(Self { missing, buffer: None }))
    }

    /// Takes a FRAGMENT. True: it was the last.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> Result<bool, FrameError> {
        self.missing = rest(self.missing, bytes.len())?;
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

fn rest(expected: usize, got: usize) -> Result<usize, FrameError> {
    expected
        .checked_sub(got)
        .ok_or_else(|| FrameError::new(EndCode::Malformed, "6.2", "a message has more bytes than its total"))
}
