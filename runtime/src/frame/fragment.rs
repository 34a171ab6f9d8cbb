//! FRAGMENT: a further piece of a message (wire 6.1, 6.2).

use bytes::{Bytes, BytesMut};

use super::error::FrameError;
use super::fields::Body;
use super::header::{Header, flag, kind};
use super::id::CallId;

/// Whose message: a call's, or that of the push under way in a lane.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum FragmentOf {
    Call(CallId),
    Lane(u32),
}

impl FragmentOf {
    #[inline]
    pub(super) fn decode(header: Header) -> Result<Self, FrameError> {
        if header.has(flag::LANE) {
            return Ok(Self::Lane(header.id));
        }
        CallId::decode(header.id).map(Self::Call)
    }

    #[inline]
    pub(super) const fn header(self, kind: u8) -> Header {
        match self {
            Self::Call(id) => Header { kind, flags: 0, id: id.to_wire() },
            Self::Lane(lane) => Header { kind, flags: flag::LANE, id: lane },
        }
    }
}

/// A further piece of a message, or a part of one that is large.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fragment {
    pub(crate) of: FragmentOf,
    /// At least one, but where `rest` is not 0.
    pub(crate) bytes: Bytes,
    /// How many bytes of the frame are still to come; 0: all of it was here, or this is its last part.
    pub(crate) rest: u32,
}

impl Fragment {
    #[inline]
    pub(super) fn decode(header: Header, body: Body<'_>) -> Result<Self, FrameError> {
        let of = FragmentOf::decode(header)?;
        let bytes = body.rest();
        // wire 6.2: a FRAGMENT may not be empty (MALFORMED).
        if bytes.is_empty() {
            return Err(FrameError::malformed("6.2", "an empty FRAGMENT"));
        }
        Ok(Self { of, bytes, rest: 0 })
    }
}

/// A further piece as it will be written, but for its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FragmentHead {
    pub(crate) of: FragmentOf,
}

impl FragmentHead {
    /// Writes the header of a piece of `len` bytes, at least one, which the caller appends.
    #[inline]
    pub(crate) fn encode(&self, len: usize, out: &mut BytesMut) {
        debug_assert_ne!(len, 0, "an empty fragment");
        self.of.header(kind::FRAGMENT).put(0, len, out);
    }
}
