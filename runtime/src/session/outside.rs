//! Messages that are too large to be encoded under the lock. Where their bytes will lie is settled under it, then they are
//! encoded with it released.

use bytes::{Bytes, BytesMut};

use crate::proto::Connection;
use crate::{Error, Message};

pub(super) enum Outside {
    /// It is bytes already, which travel as they are.
    Shared(Bytes),
    Room(BytesMut),
}

impl Outside {
    pub(super) fn new<M: Message>(message: &M, len: usize, conn: &mut Connection) -> Self {
        message.shared().map_or_else(|| Self::Room(conn.room_outside(len)), Self::Shared)
    }

    pub(super) fn encode<M: Message>(self, message: &M, len: usize) -> Result<Bytes, Error> {
        let bytes = match self {
            Self::Shared(bytes) => bytes,
            Self::Room(mut room) => {
                message.encode(&mut room);
                room.freeze()
            }
        };
        match bytes.len() == len {
            true => Ok(bytes),
            false => Err(Error::Encode { announced: len, written: bytes.len() }),
        }
    }
}
