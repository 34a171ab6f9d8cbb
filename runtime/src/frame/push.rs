//! PUSH: a message without an answer, in a lane (wire 10); and many of them as one.

use bytes::{BufMut, Bytes, BytesMut};

use super::error::FrameError;
use super::fields::Body;
use super::header::{HEADER, Header, LENGTH, kind};
use super::message::{BlockOut, Outline, Piece, decode_block};
use super::route::{RouteOut, RouteRef};
use super::run::Run;

/// A push as it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Push {
    pub(crate) lane: u32,
    pub(crate) route: RouteRef,
    /// The items of its block, not looked into; empty without BLOCK.
    pub(crate) block: Bytes,
    pub(crate) message: Piece,
}

impl Push {
    #[inline]
    pub(super) fn decode(header: Header, mut fields: Body<'_>) -> Result<Self, FrameError> {
        let route = RouteRef::decode(header, &mut fields)?;
        let block = decode_block(header, &mut fields)?;
        Ok(Self { lane: header.id, route, block, message: Piece::decode(header, fields)? })
    }

    /// As it would be written.
    pub(crate) fn head(&self) -> PushHead<'_> {
        PushHead { lane: self.lane, route: self.route.as_out(), block: &self.block }
    }
}

/// Pushes of one bound route that came one after the other in one lane, with nothing beside their messages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PushRun {
    pub(crate) lane: u32,
    pub(crate) route: u16,
    pub(crate) messages: Run,
}

/// What each frame of a run has ahead of its message: a header and the route's number.
const HEAD: usize = HEADER + 2;

impl PushRun {
    /// Takes the pushes off the front of `buf` that make up a run: `None` if there are not two. `end` is where its first
    /// frame ends, which is a PUSH without flags; frames are at most `limit` long.
    #[inline]
    pub(super) fn take(buf: &mut BytesMut, end: usize, limit: u32) -> Option<Self> {
        let &[_, _, _, _, _, _, a, b, c, d, high, low] = buf.first_chunk::<HEAD>()?;
        let messages = Run::take::<HEAD>(buf, end, limit)?;
        Some(Self {
            lane: u32::from_be_bytes([a, b, c, d]),
            route: u16::from_be_bytes([high, low]),
            messages,
        })
    }

    /// The next push by itself.
    pub(crate) fn next_push(&mut self) -> Option<Push> {
        let (lane, route) = (self.lane, RouteRef::Number(self.route));
        let message = Piece::whole(self.messages.next()?);
        Some(Push { lane, route, block: Bytes::new(), message })
    }
}

/// A push as it will be written, but for its message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PushHead<'a> {
    pub(crate) lane: u32,
    pub(crate) route: RouteOut<'a>,
    /// Encoded items; empty: no BLOCK.
    pub(crate) block: &'a [u8],
}

/// The head of pushes of one bound route in one lane, with nothing beside their messages: what is the same in all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainHead(u64);

impl PlainHead {
    pub(crate) const fn new(lane: u32, route: u16) -> Self {
        // Kind, flags, lane and route, as they stand.
        Self((kind::PUSH as u64) << 56 | (lane as u64) << 16 | route as u64)
    }

    /// As [`PushHead::encode`], of a whole message. Makes room for that too.
    #[inline]
    pub(crate) fn encode(self, message: usize, out: &mut BytesMut) {
        let length = (HEAD - LENGTH).saturating_add(message);
        debug_assert!(u32::try_from(length).is_ok(), "a frame of {length} bytes");
        out.reserve(HEAD.saturating_add(message));
        out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        out.put_u64(self.0);
    }
}

impl PushHead<'_> {
    /// Writes everything but the message's `len` bytes, which the caller appends.
    #[inline]
    pub(crate) fn encode(&self, message: Outline, out: &mut BytesMut) {
        let block = BlockOut(self.block);
        let flags = self.route.flags() | block.flags() | message.flags();
        let fields = self.route.fields().saturating_add(block.fields()).saturating_add(message.fields());
        Header { kind: kind::PUSH, flags, id: self.lane }.put(fields, message.len, out);
        self.route.put(out);
        block.put(out);
        message.put(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_head_is_what_any_head_is() {
        for (lane, route, len) in
            [(0, 0, 0), (3, 7, 110), (u32::MAX, u16::MAX, 70_000), (0x0102_0304, 0x0506, 1)]
        {
            let (mut plain, mut any) = (BytesMut::new(), BytesMut::new());
            PlainHead::new(lane, route).encode(len, &mut plain);
            let head = PushHead { lane, route: RouteOut::Number(route), block: &[] };
            head.encode(Outline::whole(len), &mut any);
            assert_eq!(plain, any);
        }
    }
}
