//! CREDIT and BLOCKED: what may have been spent in an account, and what its sender waits for (wire 7).

use bytes::{BufMut, BytesMut};

use super::error::FrameError;
use super::fields::Fields;
use super::header::{Header, flag, kind};
use super::id::CallId;

/// An account (wire 7.2).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Scope {
    Calls,
    Replies,
    /// The items of a call, one way.
    Stream(CallId),
    Lane(u32),
}

impl Scope {
    fn decode(header: Header) -> Result<Self, FrameError> {
        match (header.has(flag::LANE), header.has(flag::REPLIES)) {
            (false, false) if header.id == 0 => Ok(Self::Calls),
            (false, false) => CallId::decode(header.id).map(Self::Stream),
            (true, false) => Ok(Self::Lane(header.id)),
            (false, true) if header.id == 0 => Ok(Self::Replies),
            // wire 7.9: LANE together with REPLIES, or REPLIES with an id other than 0, is MALFORMED.
            (false, true) => Err(FrameError::malformed("7.9", "REPLIES with an id")),
            (true, true) => Err(FrameError::malformed("7.9", "LANE together with REPLIES")),
        }
    }

    const fn header(self, kind: u8) -> Header {
        match self {
            Self::Calls => Header { kind, flags: 0, id: 0 },
            Self::Replies => Header { kind, flags: flag::REPLIES, id: 0 },
            Self::Stream(id) => Header { kind, flags: 0, id: id.to_wire() },
            Self::Lane(lane) => Header { kind, flags: flag::LANE, id: lane },
        }
    }
}

/// The total of an account: in CREDIT what may have been spent, in BLOCKED what its sender waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Credit {
    pub(crate) scope: Scope,
    pub(crate) total: u64,
}

impl Credit {
    pub(super) fn decode(header: Header, body: &[u8]) -> Result<Self, FrameError> {
        let scope = Scope::decode(header)?;
        let mut fields = Fields::new(body);
        let total = fields.u64()?;
        fields.finish()?;
        Ok(Self { scope, total })
    }

    /// Writes CREDIT.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        self.put(kind::CREDIT, out);
    }

    /// Writes BLOCKED.
    pub(crate) fn encode_blocked(&self, out: &mut BytesMut) {
        self.put(kind::BLOCKED, out);
    }

    fn put(&self, kind: u8, out: &mut BytesMut) {
        self.scope.header(kind).put(8, 0, out);
        out.put_u64(self.total);
    }
}
