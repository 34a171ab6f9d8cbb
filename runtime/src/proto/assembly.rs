//! A message that arrives in fragments (wire 6). One for each message under way, in calls, replies and lanes.

use bytes::{Bytes, BytesMut};

use super::pool::Pool;
use crate::frame::{EndCode, Fragment, FrameError, Piece};

/// Messages of so many bytes use buffers again.
const SHARED: usize = 64 << 10;

/// Pieces have so many bytes or more, or there are no more than so many of a message.
const PIECE: usize = 4 << 10;
const PIECES: usize = 64;

/// What is there of a message, and what is still to come.
#[derive(Debug)]
pub(crate) struct Assembly {
    total: usize,
    missing: usize,
    bytes: Held,
    in_pieces: bool,
}

/// Where the bytes are.
#[derive(Debug)]
enum Held {
    Here(BytesMut),
    /// The driver has them, and reads further ones behind them.
    Lent,
    /// Nobody wants them, they are read and dropped (wire 6.5, 8.9).
    Nowhere,
}

/// What came of a FRAGMENT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    /// These are to be copied.
    bytes: &'a [u8],
    /// So many are in their place already.
    placed: usize,
    /// So many of the frame are still to come.
    rest: usize,
}

impl<'a> Part<'a> {
    /// Of a frame that was read.
    pub(crate) fn of(fragment: &'a Fragment) -> Self {
        Self { bytes: &fragment.bytes, placed: 0, rest: fragment.rest as usize }
    }

    /// Read to where it belongs.
    pub(crate) fn placed(placed: usize, rest: usize) -> Self {
        Self { bytes: &[], placed, rest }
    }
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
        let total = piece.total();
        let mut buffer = match total {
            small @ ..SHARED => BytesMut::with_capacity(small),
            large => pool.take(large),
        };
        buffer.extend_from_slice(&piece.bytes);
        let (missing, bytes) = (piece.missing as usize, Held::Here(buffer));
        Arrived::Begun(Self { total, missing, bytes, in_pieces: false })
    }

    /// Reads past a message that nobody wants: how many bytes of it are still to come.
    pub(crate) fn discard(piece: &Piece) -> Self {
        let (total, missing) = (piece.total(), piece.missing as usize);
        Self { total, missing, bytes: Held::Nowhere, in_pieces: false }
    }

    /// Of a message that is no longer wanted: how many bytes of it are still to come.
    pub(crate) fn missing(&self) -> usize {
        self.missing
    }

    /// Takes a FRAGMENT, or a part of one. True: it was the last.
    pub(crate) fn add(&mut self, part: Part<'_>) -> Result<bool, FrameError> {
        take_from(&mut self.missing, part)?;
        if let Held::Here(buffer) = &mut self.bytes {
            buffer.extend_from_slice(part.bytes);
        }
        Ok(self.missing == 0)
    }

    /// Lends what is here, with room for so many bytes more, if somebody wants them.
    pub(crate) fn lend(&mut self, more: usize) -> Option<BytesMut> {
        match std::mem::replace(&mut self.bytes, Held::Lent) {
            // What is lent cannot be taken meanwhile.
            Held::Here(buffer) if self.in_pieces && buffer.is_empty() => Some(BytesMut::with_capacity(more)),
            here @ Held::Here(_) if self.in_pieces => {
                self.bytes = here;
                None
            }
            Held::Here(buffer) if buffer.capacity() - buffer.len() >= more => Some(buffer),
            other => {
                self.bytes = other;
                None
            }
        }
    }

    /// What was lent is here again, if it is still wanted.
    pub(crate) fn take_back(&mut self, buffer: BytesMut) {
        if matches!(self.bytes, Held::Lent) {
            self.bytes = Held::Here(buffer);
        }
    }

    /// The length of the whole message.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// From here on it is taken in [pieces](Self::take_piece).
    pub(crate) fn go_in_pieces(&mut self) {
        self.in_pieces = true;
    }

    /// Takes what is here of it, with the buffer. What comes is the next piece, the rest of the message the last.
    pub(crate) fn take_piece(&mut self) -> Option<Bytes> {
        self.in_pieces = true;
        let least = if self.missing == 0 { 0 } else { PIECE.min(self.total / PIECES) };
        match &mut self.bytes {
            // Few bytes are gathered: each piece takes some of its own, which nobody has paid for.
            Held::Here(buffer) if buffer.len() >= least && !buffer.is_empty() => {
                Some(std::mem::take(buffer).freeze())
            }
            Held::Here(_) | Held::Lent | Held::Nowhere => None,
        }
    }

    /// Whether somebody takes it in pieces.
    pub(crate) fn is_in_pieces(&self) -> bool {
        self.in_pieces
    }

    /// From here on nobody wants it.
    pub(crate) fn drop_bytes(&mut self) {
        self.bytes = Held::Nowhere;
    }

    /// The whole message, or what is left of it, if somebody wants it.
    pub(crate) fn finish(self) -> Option<Bytes> {
        debug_assert_eq!(self.missing, 0);
        match self.bytes {
            Held::Here(buffer) => Some(buffer.freeze()),
            Held::Lent | Held::Nowhere => None,
        }
    }
}

/// Counts what came of a FRAGMENT towards the bytes that are still to come. True: it was the last.
pub(crate) fn take_from(missing: &mut usize, part: Part<'_>) -> Result<bool, FrameError> {
    let came = part.bytes.len() + part.placed;
    // The whole frame is looked at when its first part is here.
    if came.saturating_add(part.rest) > *missing {
        return Err(FrameError::new(EndCode::Malformed, "6.2", "a message has more bytes than its total"));
    }
    *missing -= came;
    Ok(*missing == 0)
}
