//! Tasks that wait for the same thing: each has one place however often it is polled, and leaves it when it goes. Plain
//! data under the lock of whoever owns it.

use std::task::Waker;

/// Who waits, in the order of coming.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    last: u64,
    /// By place, which only grows.
    waiting: Vec<(u64, Waker)>,
}

/// A place among those who wait; none at first.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(pub(super) u64);

impl Wakers {
    /// Waits at `place`, or at a new one if it has none any more.
    pub(crate) fn wait(&mut self, place: &mut Place, waker: &Waker) {
        match self.find(*place) {
            Some(at) => self.waiting[at].1.clone_from(waker),
            None => {
                self.last += 1;
                *place = Place(self.last);
                self.waiting.push((self.last, waker.clone()));
            }
        }
    }

    /// Gives memory back if nobody waits.
    pub(crate) fn shrink(&mut self) {
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
        }
    }

    /// Waits no more.
    pub(crate) fn leave(&mut self, place: Place) {
        if let Some(at) = self.find(place) {
            self.waiting.remove(at);
        }
    }

    /// Hands all of them over, to be woken.
    pub(crate) fn wake_all(&mut self, wakes: &mut Vec<Waker>) {
        wakes.extend(self.waiting.drain(..).map(|(_, waker)| waker));
    }

    fn find(&self, place: Place) -> Option<usize> {
        self.waiting.binary_search_by_key(&place.0, |(place, _)| *place).ok()
    }
}
