//! AUTH and READY: what comes before an end that wants authentication dispatches anything (wire 4.4).

use bytes::BytesMut;

use super::error::FrameError;
use super::fields::Fields;
use super::header::{Header, kind};

/// Writes AUTH with the application's bytes.
pub(crate) fn encode_auth(bytes: &[u8], out: &mut BytesMut) {
    Header::connection(kind::AUTH).put(bytes.len(), 0, out);
    out.extend_from_slice(bytes);
}

/// Writes READY.
pub(crate) fn encode_ready(out: &mut BytesMut) {
    Header::connection(kind::READY).put(0, 0, out);
}

pub(super) fn decode_ready(body: &[u8]) -> Result<(), FrameError> {
    Fields::new(body).finish()
}
