//! Messages that are too large to be encoded under the lock. They are encoded with it released, and what of them is large and
//! shared already is not copied.

use std::any::{Any, TypeId};

use bytes::BytesMut;

use super::Shared;
use crate::message::{Coming, Payload, links};
use crate::{Error, Message, Raw};

/// Less than this to write is asked of the allocator; for more there are buffers that are used again.
const LITTLE: usize = 16 << 10;

/// Encodes a message of `len` bytes for this session.
pub(super) fn encode<M: Message>(shared: &Shared, message: &M, len: usize) -> Result<Payload, Error> {
    encode_to(message, len, |rest| match rest {
        ..LITTLE => BytesMut::with_capacity(rest),
        rest => shared.state.lock().conn.room_outside(rest),
    })
}

/// As [`encode`], for many sessions.
pub(super) fn encode_alone<M: Message>(message: &M, len: usize) -> Result<Payload, Error> {
    encode_to(message, len, BytesMut::with_capacity)
}

/// Whether messages of this type are passed on while they come.
pub(super) fn is_coming<M: Message>() -> bool {
    TypeId::of::<M>() == TypeId::of::<Coming>()
}

fn encode_to<M: Message>(
    message: &M,
    len: usize,
    room: impl FnOnce(usize) -> BytesMut,
) -> Result<Payload, Error> {
    if let Some(Raw(bytes)) = (message as &dyn Any).downcast_ref() {
        return Ok(Payload::from(bytes.clone()));
    }
    if is_coming::<M>() {
        return Ok(Payload::coming(len, 0));
    }
    let rest = len.saturating_sub(links::measure(message));
    let payload = links::encode(message, room(rest));
    match payload.len() == len {
        true => Ok(payload),
        false => Err(Error::Encode { announced: len, written: payload.len() }),
    }
}
