//! What the driver writes at once. Filled by the [outbox](super::outbox), written by the driver, by and by.

use bytes::{Buf, Bytes, BytesMut};

use super::seldom::Seldom;

/// Frames in the order in which the transport must get them. The driver owns one and has it refilled.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Control and small frames.
    pub(super) head: BytesMut,
    /// So much of it was written. Bytes that were taken off its front would not be room again before it is full.
    written: usize,
    /// Those of large messages, behind them.
    pub(super) fragments: Seldom<Bytes>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_empty() && self.fragments.is_empty()
    }

    /// The pieces to write, first first; at most `out.len()` of them.
    pub(crate) fn slices<'a>(&'a self, out: &mut [std::io::IoSlice<'a>]) -> usize {
        let head = (!self.head.is_empty()).then_some(&self.head[self.written..]);
        let pieces = head.into_iter().chain(self.fragments.iter().map(|f| &f[..]));
        let mut count = 0;
        for (slot, piece) in out.iter_mut().zip(pieces) {
            *slot = std::io::IoSlice::new(piece);
            count += 1;
        }
        count
    }

    /// So many bytes were written.
    pub(crate) fn advance(&mut self, mut written: usize) {
        let from_head = written.min(self.head.len() - self.written);
        self.written += from_head;
        written -= from_head;
        if self.written == self.head.len() {
            self.head.clear();
            self.written = 0;
        }
        while written > 0 {
            let Some(front) = self.fragments.front_mut() else { break };
            let n = written.min(front.len());
            front.advance(n);
            written -= n;
            if front.is_empty() {
                self.fragments.pop_front();
            }
        }
    }

    /// Gives the memory back: nothing is going on.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }
}
