//! What can travel in a method: prost messages, and [`Raw`] bytes. Called by calls, pushes and handlers
//! where a message meets its payload.

pub mod derived;
pub(crate) mod links;
mod payload;

use std::ops::Range;

use bytes::{Buf, BufMut, Bytes};

pub(crate) use self::payload::Payload;
use crate::Status;

/// A type that can be a method's argument or answer: every prost message (what `.proto` files and
/// [`#[protocall::message]`](macro@crate::message) make), `()` for an empty one, and [`Raw`].
///
/// ```
/// use protocall::{Message, Raw};
///
/// let mut payload = Vec::with_capacity(Raw::from("bytes").encoded_len());
/// Raw::from("bytes").encode(&mut payload);
/// assert_eq!(Raw::decode(payload.into()).unwrap(), Raw::from("bytes"));
/// ```
///
/// To implement it for a type of your own, write to `out` exactly as many bytes as `encoded_len` says: otherwise the call
/// fails with [`Error::Encode`](crate::Error::Encode). `encode` may be called while a lock is held, so it must neither
/// block nor call protocall.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel in a protocall method",
    label = "not a message",
    note = "use a prost message (derive one with `#[protocall::message]`), `()` for nothing, or `protocall::Raw` for bytes of your own"
)]
pub trait Message: Send + Sized + 'static {
    /// The exact number of bytes that [`encode`](Self::encode) will write.
    fn encoded_len(&self) -> usize;

    /// Writes the payload. `out` has room for `encoded_len` bytes.
    fn encode(&self, out: &mut impl BufMut);

    /// Reads a payload. `bytes` fields of type `Bytes` alias it and keep it alive.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the payload is not such a message.
    fn decode(payload: Bytes) -> Result<Self, Status>;

    /// Reads a payload where it lies, among others in `bytes`: what needs no handle on its bytes makes none.
    #[doc(hidden)]
    fn decode_within(bytes: &Bytes, part: Range<usize>) -> Result<Self, Status> {
        Self::decode(bytes.slice(part))
    }
}

/// A payload among others.
struct Within<'a> {
    bytes: &'a Bytes,
    rest: &'a [u8],
}

impl Buf for Within<'_> {
    #[inline]
    fn remaining(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        self.rest
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        self.rest = &self.rest[count..];
    }

    #[inline]
    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        self.bytes.slice_ref(taken)
    }
}

impl<M: prost::Message + Default + 'static> Message for M {
    fn encoded_len(&self) -> usize {
        prost::Message::encoded_len(self)
    }

    fn encode(&self, out: &mut impl BufMut) {
        prost::Message::encode_raw(self, out);
    }

    fn decode(payload: Bytes) -> Result<Self, Status> {
        <M as prost::Message>::decode(payload).map_err(|error| unreadable(&error))
    }

    #[inline]
    fn decode_within(bytes: &Bytes, part: Range<usize>) -> Result<Self, Status> {
        let rest = &bytes[part];
        <M as prost::Message>::decode(Within { bytes, rest }).map_err(|error| unreadable(&error))
    }
}

#[cold]
fn unreadable(error: &prost::DecodeError) -> Status {
    Status::invalid_argument(error.to_string())
}

/// A payload as it is on the wire, for methods that bring a codec of their own, fallbacks and proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Raw(pub Bytes);

impl Message for Raw {
    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn encode(&self, out: &mut impl BufMut) {
        out.put_slice(&self.0);
    }

    fn decode(payload: Bytes) -> Result<Self, Status> {
        Ok(Self(payload))
    }
}

/// A message of so many bytes, none of which is here yet: those of one that is passed on as it comes.
#[derive(Debug)]
pub(crate) struct Coming(pub(crate) usize);

impl Message for Coming {
    fn encoded_len(&self) -> usize {
        self.0
    }

    /// There is nothing to write: it is sent as it comes.
    fn encode(&self, _: &mut impl BufMut) {}

    fn decode(payload: Bytes) -> Result<Self, Status> {
        Ok(Self(payload.len()))
    }
}

impl<B: Into<Bytes>> From<B> for Raw {
    fn from(bytes: B) -> Self {
        Self(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A payload of 3 and bytes, between others.
    const LAID: &[u8] = &[0xff, 0x08, 0x03, 0x12, 0x02, b'o', b'k', 0xff];

    #[derive(Clone, PartialEq, prost::Message)]
    struct Noted {
        #[prost(uint32, tag = "1")]
        number: u32,
        #[prost(bytes = "bytes", tag = "2")]
        body: Bytes,
    }

    #[test]
    fn a_payload_among_others_is_read_as_one_that_is_alone_and_shares_its_bytes() {
        let bytes = Bytes::from_static(LAID);
        let noted = Noted::decode_within(&bytes, 1..7).unwrap();
        assert_eq!(noted, Noted::decode(bytes.slice(1..7)).unwrap());
        assert_eq!((noted.number, noted.body.as_ptr()), (3, bytes[5..].as_ptr()));
        assert_eq!(Raw::decode_within(&bytes, 1..7).unwrap().0, bytes.slice(1..7));
        assert_eq!(Noted::decode_within(&bytes, 3..3).unwrap(), Noted::default());
    }

    #[test]
    fn a_payload_among_others_is_not_read_beyond_its_end() {
        let bytes = Bytes::from_static(LAID);
        for end in [2, 4, 5, 6] {
            let within = Noted::decode_within(&bytes, 1..end).unwrap_err();
            let alone = Noted::decode(bytes.slice(1..end)).unwrap_err();
            assert_eq!((within.code(), within.message()), (alone.code(), alone.message()), "up to {end}");
        }
    }
}
