//! What the ends of the bed are asked to do, and how their messages are told apart.

use std::time::Duration;

use bytes::Bytes;

use super::super::{MESSAGE_COST, OpenRoute, Shape};
use crate::message::Payload;
use crate::{MethodKind, MethodSpec};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) static ECHO: MethodSpec = MethodSpec::new("test.Echo/Say", MethodKind::Unary);
pub(crate) static NOTE: MethodSpec = MethodSpec::new("test.Echo/Note", MethodKind::Push);

/// What a handler of the bed does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handler {
    /// Answers with the request.
    Echo,
    /// Waits for the test to answer; goes when it is told to.
    Wait,
    /// Waits, and stays when it is told to go.
    Stubborn,
    /// Is not even dispatched: its cost is not given back.
    Busy,
}

/// A call to be opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) tag: u64,
    pub(crate) len: usize,
    pub(crate) limit: Option<Duration>,
    pub(crate) name: Option<&'static str>,
    pub(crate) block: &'static [u8],
    pub(crate) shape: Shape,
}

impl Ask {
    pub(crate) fn of(len: usize) -> Self {
        Self { tag: 0, len, limit: None, name: None, block: &[], shape: Shape::Unary }
    }

    pub(crate) fn tag(self, tag: u64) -> Self {
        Self { tag, ..self }
    }

    pub(crate) fn within(self, limit: Duration) -> Self {
        Self { limit: Some(limit), ..self }
    }

    pub(crate) fn route(&self) -> OpenRoute<'static> {
        self.name.map_or(OpenRoute::Spec(&ECHO), OpenRoute::Name)
    }
}

/// A message that can be told by its first bytes; a part of it is not like the next, nor like the same of another.
pub(crate) fn body(tag: u64, len: usize) -> Bytes {
    let part: [u8; 251] = std::array::from_fn(|at| (at as u64 ^ tag) as u8);
    let mut bytes = part.repeat(len.div_ceil(part.len()));
    bytes.truncate(len);
    for (slot, byte) in bytes.iter_mut().zip(tag.to_be_bytes()) {
        *slot = byte;
    }
    Bytes::from(bytes)
}

/// What [`body`] was made with.
pub(crate) fn tag_of(message: &[u8]) -> u64 {
    message.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// A push that came.
pub(crate) struct Pushed {
    pub(crate) lane: u32,
    pub(crate) message: Bytes,
    pub(crate) cost: u64,
}

/// A message as it is sent: some in one piece, some in several, which must make no difference.
pub(crate) fn in_pieces(message: Bytes) -> Payload {
    let (len, half) = (message.len(), message.len() / 2);
    match len % 3 {
        0 => Payload::from(message),
        1 => Payload::linked([message.slice(..half), message.slice(half..)]),
        _ => {
            Payload::linked([message.slice(..1), message.slice(1..half.max(1)), message.slice(half.max(1)..)])
        }
    }
}

/// What an item is charged (wire 7.1).
pub(crate) fn cost_of_item(message: &Bytes) -> u64 {
    MESSAGE_COST + message.len() as u64
}
