//! GOAWAY: open no more, or it is over (wire 11.3 to 11.6, 12).

use bytes::{BufMut, BytesMut};

use super::error::{EndCode, FrameError};
use super::fields::Body;
use super::header::{Header, flag, kind};
use super::text::Text;

/// Stops calls and pushes towards its sender.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct GoAway {
    pub(crate) code: EndCode,
    /// `None`: intent. `Some`: FINAL, nothing beyond it was or will be taken.
    pub(crate) last: Option<Taken>,
    /// In bytes of its own: it may outlive the connection.
    pub(crate) reason: Text,
}

/// How much its sender took.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Taken {
    pub(crate) calls: u64,
    pub(crate) pushes: u64,
}

impl GoAway {
    pub(super) fn decode(header: Header, mut fields: Body<'_>) -> Result<Self, FrameError> {
        let code = EndCode::from_wire(fields.u32()?);
        let taken = Taken { calls: fields.u64()?, pushes: fields.u64()? };
        let reason = fields.rest_text()?.detached();
        // wire 11.3: the counts of an intent mean nothing.
        Ok(Self { code, last: header.has(flag::FINAL).then_some(taken), reason })
    }

    /// Writes the frame. Keep the reason short: at most the peer's frame limit minus 26 bytes.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let flags = if self.last.is_some() { flag::FINAL } else { 0 };
        let taken = self.last.unwrap_or_default();
        let reason = self.reason.as_bytes();
        Header { flags, ..Header::connection(kind::GOAWAY) }.put(reason.len().saturating_add(20), 0, out);
        out.put_u32(self.code.to_wire());
        out.put_u64(taken.calls);
        out.put_u64(taken.pushes);
        out.extend_from_slice(reason);
    }
}
