//! Buffers for large messages, used again once nobody has the message any more. Asked of the allocator for each message,
//! they would be mapped and given back each time, and every page of them faulted in anew.

use bytes::{Buf, BytesMut};

use super::Connection;
use crate::frame::Settings;

/// Sizes are rounded up to this, so that messages of about the same size share buffers.
const STEP: usize = 16 << 10;
/// No more are kept: all of them may be looked at for a message.
const MANY: usize = 512;

/// How far into its pages a message is encoded. What it is encoded from is large too and begins with a page, as all that the
/// allocator maps; encoded, it would lie a few bytes further into its page, and that is what `rep movsb`, by which such
/// copies are made, is slow at on many CPUs: on AMD's of 2023 a MiB takes 285 µs, not 20.
const APART: usize = 2 << 10;

/// One for each connection.
#[derive(Debug)]
pub(crate) struct Pool {
    most: usize,
    /// Handles of no length on buffers that were given out, the last used last.
    kept: Vec<Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    size: usize,
    handle: BytesMut,
}

impl Pool {
    /// For as many bytes as may be under way at once, or two messages of the largest.
    pub(crate) fn new(ours: &Settings) -> Self {
        let largest = (ours.message_limit as usize).saturating_add(APART + STEP);
        let most = usize::try_from(ours.calls_credit).unwrap_or(usize::MAX).max(largest.saturating_mul(2));
        Self { most, kept: Vec::new(), bytes: 0 }
    }

    pub(crate) fn clear(&mut self) {
        (self.kept, self.bytes) = (Vec::new(), 0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// An empty buffer with room for `len` bytes. When all parts of it are dropped it is free again.
    pub(crate) fn take(&mut self, len: usize) -> BytesMut {
        if len > self.most {
            return BytesMut::with_capacity(len);
        }
        // What a message holds is what it was charged, and little more.
        let most = len + STEP.max(len / 4);
        let fits = |kept: &mut Kept| (len..=most).contains(&kept.size) && kept.handle.try_reclaim(len);
        // The last used is the likeliest to be in the caches.
        let free = (0..self.kept.len()).rev().find(|at| fits(&mut self.kept[*at]));
        let mut kept = match free {
            Some(at) => self.kept.remove(at),
            None => {
                let size = len.next_multiple_of(STEP);
                self.bytes += size;
                Kept { size, handle: BytesMut::with_capacity(size) }
            }
        };
        let buffer = kept.handle.split_off(0);
        self.kept.push(kept);
        while self.bytes > self.most || self.kept.len() > MANY {
            self.bytes -= self.kept.remove(0).size;
        }
        buffer
    }
}

impl Connection {
    /// Room for a message that is encoded with the lock released.
    pub(crate) fn room_outside(&mut self, len: usize) -> BytesMut {
        let mut room = self.pool.take(len + APART);
        room.resize(APART, 0);
        room.advance(APART);
        room
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashSet, VecDeque};

    use super::*;

    fn of(message_limit: u32, calls_credit: u64) -> Pool {
        Pool::new(&Settings { message_limit, calls_credit, ..Settings::initial() })
    }

    #[test]
    fn a_buffer_is_used_again_once_nobody_has_it() {
        let mut pool = of(4 << 20, 16 << 20);
        let mut first = pool.take(100_000);
        first.extend_from_slice(&[7; 100_000]);
        let at = first.as_ptr();
        let message = first.freeze();
        let part = message.slice(50_000..);
        drop(message);
        assert_ne!(pool.take(100_000).as_ptr(), at);
        assert_eq!(part[0], 7);
        drop(part);
        let again = pool.take(95_000);
        assert!(again.is_empty() && again.capacity() >= 95_000);
        assert!(again.as_ptr() == at || pool.take(95_000).as_ptr() == at);
    }

    #[test]
    fn a_small_message_does_not_hold_a_large_buffer() {
        let mut pool = of(4 << 20, 16 << 20);
        drop(pool.take(1 << 20));
        assert!(pool.take(100_000).capacity() < 200_000);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut pool = of(4 << 20, 16 << 20);
        let taken: Vec<_> = (0..40).map(|_| pool.take(1 << 20)).collect();
        assert!(taken.iter().all(|buffer| buffer.capacity() >= 1 << 20));
        assert_eq!((pool.kept.len(), pool.bytes), (16, 16 << 20));
        assert!(pool.take(64 << 20).capacity() >= 64 << 20);
        assert_eq!((pool.kept.len(), pool.bytes), (16, 16 << 20));
        let mut pool = of(64 << 20, 16 << 20);
        for _ in 0..3 {
            drop(pool.take((64 << 20) + APART));
            assert!(pool.bytes >= 64 << 20 && pool.bytes <= pool.most && pool.most < 130 << 20);
        }
    }

    #[test]
    fn as_many_as_may_be_under_way_share_their_buffers_with_the_next() {
        let mut pool = of(64 << 20, 256 << 20);
        let mut first = HashSet::new();
        let mut under_way: VecDeque<_> = (0..3).map(|_| pool.take(64 << 20)).collect();
        first.extend(under_way.iter().map(|buffer| buffer.as_ptr()));
        for _ in 0..9 {
            under_way.pop_front();
            under_way.push_back(pool.take(64 << 20));
            assert!(first.contains(&under_way[2].as_ptr()));
        }
    }

    #[test]
    fn those_of_a_size_that_comes_no_more_make_room_for_others() {
        let mut pool = of(4 << 20, 16 << 20);
        drop((0..16).map(|_| pool.take(1 << 20)).collect::<Vec<_>>());
        let mut places = (0..100).map(|_| pool.take(2 << 20).as_ptr());
        let first = places.next();
        assert!(places.all(|place| Some(place) == first));
        let small: Vec<_> = (0..2 * MANY).map(|_| pool.take(1)).collect();
        assert_eq!((pool.kept.len(), small.len()), (MANY, 2 * MANY));
    }
}
