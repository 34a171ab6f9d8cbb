//! Large `bytes` fields on their way out: linked between the bytes that are written for a message, not copied to them. What
//! `#[derive(Message)]` makes calls a function of prost's for each field; for those of bytes ours stands before it
//! ([`derived`](super::derived)). Called by the session, for messages that it encodes outside of its lock.
//!
//! prost hands fields to a `BufMut`. That has no place for what is not to be copied, and one of our own would take `unsafe`. So
//! links go past it: to whoever has begun to encode a message on this thread.

use std::any::Any;
use std::cell::RefCell;

use bytes::{BufMut, Bytes, BytesMut};

use super::Message;
use super::payload::Payload;

/// Fields of so many bytes are linked. A link costs what it takes to copy some hundred bytes; but it keeps alive all that its own
/// are a part of, until they have left.
pub(super) const LEAST: usize = 16 << 10;

thread_local! {
    static UNDER_WAY: RefCell<Option<UnderWay>> = const { RefCell::new(None) };
}

/// What is done with a message on this thread.
enum UnderWay {
    /// Its length is asked for: so much of it can be linked.
    Measured(usize),
    Encoded(Links),
}

struct Links {
    /// Where its bytes are written to. What is written elsewhere meanwhile is not its own, or not yet.
    into: *const (),
    /// How much room that had when there was nothing.
    room: usize,
    /// What is linked, and how many bytes were written before.
    links: Vec<(usize, Bytes)>,
}

/// How many bytes of a message need not be written when it is [encoded](encode).
pub(crate) fn measure<M: Message>(message: &M) -> usize {
    let (_, came) = run(UnderWay::Measured(0), || message.encoded_len());
    match came {
        Some(UnderWay::Measured(bytes)) => bytes,
        _ => 0,
    }
}

/// Encodes a message to `room`, which is empty, but for what is linked.
pub(crate) fn encode<M: Message>(message: &M, mut room: BytesMut) -> Payload {
    let into = std::ptr::from_ref(&room).cast();
    let links = Links { into, room: room.remaining_mut(), links: Vec::new() };
    let ((), came) = run(UnderWay::Encoded(links), || message.encode(&mut room));
    let links = match came {
        Some(UnderWay::Encoded(Links { links, .. })) => links,
        _ => Vec::new(),
    };
    if links.is_empty() {
        return Payload::from(room.freeze());
    }
    let (mut rest, mut at) = (room.freeze(), 0);
    let mut pieces = Vec::with_capacity(2 * links.len() + 1);
    for (place, link) in links {
        let before = (place - at).min(rest.len());
        pieces.extend([rest.split_to(before), link]);
        at = place;
    }
    pieces.push(rest);
    Payload::linked(pieces)
}

/// Does something with a message, and what came of that. What was under way is so again, also if it panics.
fn run<T>(now: UnderWay, act: impl FnOnce() -> T) -> (T, Option<UnderWay>) {
    struct Before(Option<UnderWay>);
    impl Drop for Before {
        fn drop(&mut self) {
            set(self.0.take());
        }
    }
    let _before = Before(set(Some(now)));
    let done = act();
    (done, set(None))
}

/// What was under way. A thread that ends has nothing under way any more.
fn set(now: Option<UnderWay>) -> Option<UnderWay> {
    UNDER_WAY.try_with(|under_way| under_way.replace(now)).ok().flatten()
}

fn under_way<T>(act: impl FnOnce(&mut UnderWay) -> Option<T>) -> Option<T> {
    UNDER_WAY.try_with(|under_way| act(under_way.borrow_mut().as_mut()?)).ok().flatten()
}

/// A field's length was asked for.
#[inline]
pub(super) fn measured(len: usize, value: &impl Any) {
    if len >= LEAST {
        count(len, value);
    }
}

#[cold]
fn count(len: usize, value: &dyn Any) {
    if value.is::<Bytes>() {
        under_way(|under_way| {
            if let UnderWay::Measured(bytes) = under_way {
                *bytes += len;
            }
            Some(())
        });
    }
}

/// The bytes of a field's value, if they are too few to be linked.
#[inline]
pub(super) fn small(value: &impl Any) -> Option<&[u8]> {
    let value: &dyn Any = value;
    value.downcast_ref().filter(|bytes: &&Bytes| bytes.len() < LEAST).map(|bytes| &bytes[..])
}

/// Links a field's value behind what is written to `out`, if it is large and `out` is what its message is encoded to.
#[inline]
pub(super) fn link<B: BufMut>(value: &impl Any, out: &B) -> bool {
    let (value, out): (&dyn Any, _) = (value, out);
    value.downcast_ref().is_some_and(|bytes: &Bytes| bytes.len() >= LEAST && link_large(bytes, out))
}

#[cold]
fn link_large<B: BufMut>(value: &Bytes, out: &B) -> bool {
    let linked = under_way(|under_way| {
        let UnderWay::Encoded(Links { into, room, links }) = under_way else { return None };
        if !std::ptr::eq(*into, std::ptr::from_ref(out).cast()) || size_of::<B>() != size_of::<BytesMut>() {
            return None;
        }
        links.push((*room - out.remaining_mut(), value.clone()));
        Some(())
    });
    linked.is_some()
}

#[cfg(test)]
mod tests;
