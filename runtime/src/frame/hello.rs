//! HELLO: the first frame each way (wire 4).

use bytes::{BufMut, BytesMut};

use super::error::{EndCode, FrameError};
use super::fields::Fields;
use super::header::{Header, LENGTH, flag, kind};
use super::settings::Settings;

/// The largest `length` of a HELLO (wire 4.1).
pub(crate) const HELLO_LIMIT: u32 = 16 * 1_024;

/// The version of the wire that this crate speaks.
pub(crate) const VERSION: u8 = 1;

// wire 3: "pCal"
const MAGIC: [u8; 4] = *b"pCal";

/// Who speaks, and what it accepts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Hello {
    /// The highest version that its sender speaks; not 0.
    pub(crate) version: u8,
    pub(crate) wants_auth: bool,
    pub(crate) settings: Settings,
}

impl Hello {
    // wire 4.1: a wrong magic or version 0 is BAD_HELLO. (The length is the decoder's to see, ahead of the body.)
    pub(super) fn decode(header: Header, body: &[u8]) -> Result<Self, FrameError> {
        let mut fields = Fields::new(body);
        if fields.slice(MAGIC.len())? != MAGIC {
            return Err(FrameError::new(EndCode::BadHello, "4.1", "not the magic of protocall"));
        }
        let version = fields.u8()?;
        if version == 0 {
            return Err(FrameError::new(EndCode::BadHello, "4.1", "version 0"));
        }
        // wire 4.2: the byte after the version is not looked at.
        fields.u8()?;
        let settings = Settings::decode(fields.slice_rest())?;
        Ok(Self { version, wants_auth: header.has(flag::WANTS_AUTH), settings })
    }

    /// Writes the frame, at most [`HELLO_LIMIT`] long: what does not fit of agent and services is left out.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        debug_assert_ne!(self.version, 0, "version 0");
        let start = out.len();
        let flags = if self.wants_auth { flag::WANTS_AUTH } else { 0 };
        Header { flags, ..Header::connection(kind::HELLO) }.put(0, 0, out);
        out.extend_from_slice(&MAGIC);
        out.put_u8(self.version);
        out.put_u8(0);
        self.settings.put(start, out);
        // At most HELLO_LIMIT: the settings that may be long saw to it.
        let length = (out.len() - start - LENGTH) as u32;
        out[start..start + LENGTH].copy_from_slice(&length.to_be_bytes());
    }
}
