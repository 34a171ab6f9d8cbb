//! END, RESET, STOP and CANCEL: how the sides of a call end (wire 8, 9).

use bytes::{BufMut, BytesMut};

use super::error::FrameError;
use super::fields::{Body, Fields};
use super::fragment::FragmentOf;
use super::header::{Header, flag, kind};
use super::id::CallId;
use super::reply::{check_status, cut_status_text};
use super::text::Text;

/// Writes END: the caller's items are complete.
pub(crate) fn encode_end(id: CallId, out: &mut BytesMut) {
    Header { kind: kind::END, flags: 0, id: id.to_wire() }.put(0, 0, out);
}

/// RESET: its sender's items, or the message under way in a lane, stop with an error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Reset {
    pub(crate) of: FragmentOf,
    /// Never 0.
    pub(crate) code: u32,
    pub(crate) text: Text,
}

impl Reset {
    pub(super) fn decode(header: Header, mut fields: Body<'_>) -> Result<Self, FrameError> {
        let of = FragmentOf::decode(header)?;
        let code = fields.u32()?;
        let text = fields.rest_text()?;
        check_status(code, text.as_bytes().len())?;
        Ok(Self { of, code, text })
    }

    /// Writes the frame. A text over [`STATUS_TEXT_LIMIT`](super::STATUS_TEXT_LIMIT) is cut.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        debug_assert_ne!(self.code, 0, "a reset is a failure");
        let text = cut_status_text(&self.text);
        self.of.header(kind::RESET).put(4 + text.len(), 0, out);
        out.put_u32(self.code);
        out.extend_from_slice(text.as_bytes());
    }
}

/// STOP: its sender wants no more items.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stop {
    pub(crate) id: CallId,
    pub(crate) code: u32,
}

impl Stop {
    pub(super) fn decode(header: Header, body: &[u8]) -> Result<Self, FrameError> {
        let id = CallId::decode(header.id)?;
        let mut fields = Fields::new(body);
        let code = fields.u32()?;
        fields.finish()?;
        Ok(Self { id, code })
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        Header { kind: kind::STOP, flags: 0, id: self.id.to_wire() }.put(4, 0, out);
        out.put_u32(self.code);
    }
}

/// CANCEL: the caller no longer wants the call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Cancel {
    pub(crate) id: CallId,
    /// Its deadline is past.
    pub(crate) expired: bool,
}

impl Cancel {
    pub(super) fn decode(header: Header, body: &[u8]) -> Result<Self, FrameError> {
        let id = CallId::decode(header.id)?;
        Fields::new(body).finish()?;
        Ok(Self { id, expired: header.has(flag::EXPIRED) })
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let flags = if self.expired { flag::EXPIRED } else { 0 };
        Header { kind: kind::CANCEL, flags, id: self.id.to_wire() }.put(0, 0, out);
    }
}

pub(super) fn decode_end(header: Header, body: &[u8]) -> Result<CallId, FrameError> {
    let id = CallId::decode(header.id)?;
    Fields::new(body).finish()?;
    Ok(id)
}
