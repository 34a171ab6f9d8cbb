//! Frames that came one after the other and differ in their messages only: most of the pushes of a lane, and of the items of a
//! stream, that come fast. They stay as they were received, so that none is moved by itself from here to who takes it.

use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

use super::header::{FIXED, LENGTH};

/// More than one of them, with no flags, so with nothing beside their messages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Run {
    count: u32,
    /// The bytes of the longest message.
    longest: u32,
    /// What each frame has ahead of its message.
    head: usize,
    /// The whole frames.
    frames: Bytes,
}

impl Run {
    /// Takes the frames off the front of `buf` that have the same `HEAD` bytes, but for the length, as the first: `None` if
    /// there are not two. `end` is where the first ends; frames are at most `limit` long.
    #[inline]
    pub(super) fn take<const HEAD: usize>(buf: &mut BytesMut, end: usize, limit: u32) -> Option<Self> {
        let head = *buf.first_chunk::<HEAD>()?;
        let (mut end, mut count, mut longest) = (end, 1, end.checked_sub(HEAD)?);
        while let Some(next) = buf.get(end..).and_then(|rest| rest.first_chunk::<HEAD>()) {
            let length = u32::from_be_bytes([next[0], next[1], next[2], next[3]]);
            let too_short = (length as usize) < FIXED.max(HEAD - LENGTH);
            if next[LENGTH..] != head[LENGTH..] || length > limit || too_short {
                break;
            }
            // No overflow: the length is within the limit.
            let stop = end + LENGTH + length as usize;
            if stop > buf.len() {
                break;
            }
            longest = longest.max(stop - end - HEAD);
            end = stop;
            count += 1;
        }
        if count < 2 {
            return None;
        }
        // Within the limit of a frame.
        let longest = longest as u32;
        Some(Self { count, longest, head: HEAD, frames: buf.split_to(end).freeze() })
    }

    /// How many are left.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The bytes of the longest message.
    pub(crate) fn longest(&self) -> u32 {
        self.longest
    }

    /// The bytes of all messages.
    pub(crate) fn total(&self) -> usize {
        self.frames.len() - self.head * self.count as usize
    }

    /// The frames, as they came.
    pub(crate) fn frames(&self) -> &Bytes {
        &self.frames
    }

    /// The same frames, which were copied to where they are to lie.
    pub(crate) fn moved(self, frames: Bytes) -> Self {
        debug_assert_eq!(self.frames, frames);
        Self { frames, ..self }
    }

    /// Where the next message lies in the frames.
    #[inline]
    fn first(&self) -> Option<Range<usize>> {
        let length = u32::from_be_bytes(*self.frames.first_chunk()?) as usize;
        let part = self.head..LENGTH + length;
        (part.start <= part.end && part.end <= self.frames.len()).then_some(part)
    }

    /// The next message.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        let part = self.first()?;
        self.count -= 1;
        self.frames.advance(part.start);
        Some(self.frames.split_to(part.len()))
    }

    /// The next message, read where it lies by `read`, and how many bytes it has. If that panics, it is the next one still.
    #[inline]
    pub(crate) fn read_next<T>(
        &mut self,
        read: impl FnOnce(&Bytes, Range<usize>) -> T,
    ) -> Option<(T, usize)> {
        let part = self.first()?;
        let (end, len) = (part.end, part.len());
        let read = read(&self.frames, part);
        self.count -= 1;
        self.frames.advance(end);
        Some((read, len))
    }
}
