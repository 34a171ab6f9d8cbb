//! REPLY: a call's answer, a message or a status (wire 8.4 to 8.6). Read on the caller's side, written on the
//! callee's.

use bytes::{BufMut, Bytes, BytesMut};

use super::error::FrameError;
use super::fields::Body;
use super::header::{Header, flag, kind};
use super::id::CallId;
use super::message::{BlockOut, Outline, Piece, decode_block};
use super::text::Text;

/// The longest text of a status, in bytes (wire 8.5).
pub(crate) const STATUS_TEXT_LIMIT: usize = 1_024;

/// An answer as it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Reply {
    pub(crate) id: CallId,
    /// The failure.
    pub(crate) status: Option<ReplyStatus>,
    /// The items of its block, not looked into; empty without BLOCK.
    pub(crate) block: Bytes,
    /// The message; `None` if and only if there is a status.
    pub(crate) message: Option<Piece>,
}

/// How a call failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ReplyStatus {
    /// Never 0.
    pub(crate) code: u32,
    pub(crate) text: Text,
    pub(crate) not_run: bool,
}

impl Reply {
    #[inline]
    pub(super) fn decode(header: Header, mut fields: Body<'_>) -> Result<Self, FrameError> {
        let id = CallId::decode(header.id)?;
        if header.has(flag::STATUS) {
            Piece::check_absent(header)?;
            let status = ReplyStatus::decode(header, &mut fields)?;
            let block = decode_block(header, &mut fields)?;
            fields.finish()?;
            return Ok(Self { id, status: Some(status), block, message: None });
        }
        // wire 3.4: NOT_RUN without STATUS is MALFORMED.
        if header.has(flag::NOT_RUN) {
            return Err(FrameError::malformed("3.4", "NOT_RUN without STATUS"));
        }
        let block = decode_block(header, &mut fields)?;
        Ok(Self { id, status: None, block, message: Some(Piece::decode(header, fields)?) })
    }
}

impl ReplyStatus {
    fn decode(header: Header, fields: &mut Body<'_>) -> Result<Self, FrameError> {
        let code = fields.u32()?;
        let len = usize::from(fields.u16()?);
        check_status(code, len)?;
        let text = fields.text(len)?;
        Ok(Self { code, text, not_run: header.has(flag::NOT_RUN) })
    }
}

// wire 8.5: a code 0 with STATUS, or in RESET, is MALFORMED, a text over 1,024 bytes too.
pub(super) fn check_status(code: u32, text: usize) -> Result<(), FrameError> {
    if code == 0 {
        return Err(FrameError::malformed("8.5", "a status with code 0"));
    }
    if text > STATUS_TEXT_LIMIT {
        return Err(FrameError::malformed("8.5", format!("a status text of {text} bytes")));
    }
    Ok(())
}

/// What fits into the text of a status, cut between two characters.
pub(super) fn cut_status_text(text: &str) -> &str {
    if text.len() <= STATUS_TEXT_LIMIT {
        return text;
    }
    let end = (0..=STATUS_TEXT_LIMIT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

/// A successful answer as it will be written, but for its message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyHead<'a> {
    pub(crate) id: CallId,
    /// Encoded items; empty: no BLOCK.
    pub(crate) block: &'a [u8],
}

impl ReplyHead<'_> {
    /// Writes everything but the message's `len` bytes, which the caller appends.
    #[inline]
    pub(crate) fn encode(&self, message: Outline, out: &mut BytesMut) {
        let block = BlockOut(self.block);
        let flags = block.flags() | message.flags();
        let fields = block.fields().saturating_add(message.fields());
        Header { kind: kind::REPLY, flags, id: self.id.to_wire() }.put(fields, message.len, out);
        block.put(out);
        message.put(out);
    }
}

/// A failure as it will be written, whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatusHead<'a> {
    pub(crate) id: CallId,
    pub(crate) status: &'a ReplyStatus,
    /// Encoded items; empty: no BLOCK.
    pub(crate) block: &'a [u8],
}

impl StatusHead<'_> {
    /// Writes the frame. A text over [`STATUS_TEXT_LIMIT`] is cut.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let ReplyStatus { code, text, not_run } = self.status;
        debug_assert_ne!(*code, 0, "a status is a failure");
        let text = cut_status_text(text);
        let block = BlockOut(self.block);
        let not_run = if *not_run { flag::NOT_RUN } else { 0 };
        let flags = flag::STATUS | not_run | block.flags();
        let fields = block.fields().saturating_add(text.len()).saturating_add(6);
        Header { kind: kind::REPLY, flags, id: self.id.to_wire() }.put(fields, 0, out);
        out.put_u32(*code);
        // Fits: the text was cut.
        out.put_u16(text.len() as u16);
        out.extend_from_slice(text.as_bytes());
        block.put(out);
    }
}
