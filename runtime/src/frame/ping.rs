//! PING and PONG: life, and how many pushes were taken (wire 10.5, 11.1).

use bytes::{BufMut, BytesMut};

use super::error::FrameError;
use super::fields::Fields;
use super::header::{Header, kind};

/// Asks for a PONG.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ping {
    pub(crate) number: u64,
}

impl Ping {
    pub(super) fn decode(body: &[u8]) -> Result<Self, FrameError> {
        let mut fields = Fields::new(body);
        let number = fields.u64()?;
        fields.finish()?;
        Ok(Self { number })
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        Header::connection(kind::PING).put(8, 0, out);
        out.put_u64(self.number);
    }
}

/// Answers every PING up to its number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Pong {
    pub(crate) number: u64,
    pub(crate) pushes_taken: u64,
}

impl Pong {
    pub(super) fn decode(body: &[u8]) -> Result<Self, FrameError> {
        let mut fields = Fields::new(body);
        let number = fields.u64()?;
        let pushes_taken = fields.u64()?;
        fields.finish()?;
        Ok(Self { number, pushes_taken })
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        Header::connection(kind::PONG).put(16, 0, out);
        out.put_u64(self.number);
        out.put_u64(self.pushes_taken);
    }
}
