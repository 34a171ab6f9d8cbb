//! BIND, and the route of CALL and PUSH: a number bound before, or a full name (wire 3.1, 5).

use bytes::{BufMut, BytesMut};

use super::error::FrameError;
use super::fields::Body;
use super::header::{Header, flag, kind};
use super::text::Text;

/// The longest route, in bytes (wire 5.1).
pub(crate) const ROUTE_LIMIT: usize = 1_024;

/// The route of a CALL or PUSH as it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum RouteRef {
    Number(u16),
    Name(Text),
}

impl RouteRef {
    // wire 3.1: with NAMED u16 length and text, else a number.
    #[inline]
    pub(super) fn decode(header: Header, fields: &mut Body<'_>) -> Result<Self, FrameError> {
        let number = fields.u16()?;
        if !header.has(flag::NAMED) {
            return Ok(Self::Number(number));
        }
        Self::decode_name(usize::from(number), fields)
    }

    fn decode_name(len: usize, fields: &mut Body<'_>) -> Result<Self, FrameError> {
        check_length(len)?;
        fields.text(len).map(Self::Name)
    }

    /// As it would be written.
    pub(crate) fn as_out(&self) -> RouteOut<'_> {
        match self {
            Self::Number(number) => RouteOut::Number(*number),
            Self::Name(name) => RouteOut::Name(name),
        }
    }
}

// wire 5.1: a route is text of 1 to 1,024 bytes; other lengths are MALFORMED.
fn check_length(len: usize) -> Result<(), FrameError> {
    if (1..=ROUTE_LIMIT).contains(&len) {
        return Ok(());
    }
    Err(FrameError::malformed("5.1", format!("a route of {len} bytes")))
}

/// The route of a CALL or PUSH as it will be written. A name has 1 to [`ROUTE_LIMIT`] bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RouteOut<'a> {
    Number(u16),
    Name(&'a str),
}

impl RouteOut<'_> {
    #[inline]
    pub(super) const fn flags(self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Name(_) => flag::NAMED,
        }
    }

    #[inline]
    pub(super) const fn fields(self) -> usize {
        match self {
            Self::Number(_) => 2,
            Self::Name(name) => 2usize.saturating_add(name.len()),
        }
    }

    #[inline]
    pub(super) fn put(self, out: &mut BytesMut) {
        match self {
            Self::Number(number) => out.put_u16(number),
            Self::Name(name) => {
                debug_assert!(check_length(name.len()).is_ok(), "a route of {} bytes", name.len());
                out.put_u16(u16::try_from(name.len()).unwrap_or(u16::MAX));
                out.extend_from_slice(name.as_bytes());
            }
        }
    }
}

/// BIND: gives a route a number for its sender's own calls and pushes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Bind {
    pub(crate) number: u16,
    /// In bytes of its own: it lives as long as the connection.
    pub(crate) name: Text,
}

impl Bind {
    pub(super) fn decode(mut fields: Body<'_>) -> Result<Self, FrameError> {
        let number = fields.u16()?;
        let name = fields.rest_text()?;
        check_length(name.as_bytes().len())?;
        Ok(Self { number, name: name.detached() })
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let name = self.name.as_bytes();
        Header::connection(kind::BIND).put(name.len().saturating_add(2), 0, out);
        out.put_u16(self.number);
        out.extend_from_slice(name);
    }
}
