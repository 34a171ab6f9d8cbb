//! What can travel in a method: prost messages, and [`Raw`] bytes. Called by calls, pushes and handlers
//! where a message meets its payload.

use bytes::{Buf, BufMut, Bytes};

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

    /// The encoded payload, if it is at hand: then it travels without a copy.
    #[doc(hidden)]
    fn shared(&self) -> Option<Bytes> {
        None
    }

    /// Reads a payload. `bytes` fields of type `Bytes` alias it and keep it alive.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the payload is not such a message.
    fn decode(payload: Bytes) -> Result<Self, Status>;
}

impl<M: prost::Message + Default + 'static> Message for M {
    fn encoded_len(&self) -> usize {
        prost::Message::encoded_len(self)
    }

    fn encode(&self, out: &mut impl BufMut) {
        prost::Message::encode_raw(self, out);
    }

    fn decode(payload: Bytes) -> Result<Self, Status> {
        <M as prost::Message>::decode(payload).map_err(|e| Status::invalid_argument(e.to_string()))
    }
}

/// A payload as it is on the wire, for methods that bring a codec of their own, fallbacks and proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Raw(pub Bytes);

impl Message for Raw {
    fn encoded_len(&self) -> usize {
        self.0.remaining()
    }

    fn encode(&self, out: &mut impl BufMut) {
        out.put(self.0.clone());
    }

    fn shared(&self) -> Option<Bytes> {
        Some(self.0.clone())
    }

    fn decode(payload: Bytes) -> Result<Self, Status> {
        Ok(Self(payload))
    }
}

impl<B: Into<Bytes>> From<B> for Raw {
    fn from(bytes: B) -> Self {
        Self(bytes.into())
    }
}
