//! What became of a push that was queued, at those whom it is for.

use crate::session::Fate;

/// What became of a push that was [queued](crate::Push::queue), at those whom it is for. Each of them is counted once; but
/// for `displaced`, which counts pushes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queued {
    /// It is on its way to so many.
    pub sent: usize,
    /// It waits in the queues of so many.
    pub waiting: usize,
    /// So many older pushes were dropped from those queues, to make room
    /// ([`Overflow::DropOldest`](crate::Overflow::DropOldest)).
    pub displaced: usize,
    /// So many do not get it: their queues are full ([`Overflow::DropNewest`](crate::Overflow::DropNewest)).
    pub dropped: usize,
    /// So many were closed, because their queues were full ([`Overflow::Close`](crate::Overflow::Close)).
    pub closed: usize,
    /// So many had gone, or are draining.
    pub gone: usize,
    /// So many cannot be sent it: it is larger than they accept, or than this end does.
    pub refused: usize,
}

impl Queued {
    /// How many get it, unless something happens to it on its way: those it is on its way to, and those it waits for.
    #[must_use]
    pub fn reached(&self) -> usize {
        self.sent + self.waiting
    }

    pub(crate) fn count(&mut self, fate: Fate) {
        match fate {
            Fate::Sent => self.sent += 1,
            Fate::Queued { displaced } => {
                self.waiting += 1;
                self.displaced += displaced;
            }
            Fate::Dropped => self.dropped += 1,
            Fate::Closed => self.closed += 1,
            Fate::Refused => self.refused += 1,
            Fate::Gone => self.gone += 1,
        }
    }
}
