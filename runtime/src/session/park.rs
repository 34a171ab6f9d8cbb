//! Whether the driver sleeps, and how handles wake it: exactly once for each time that it slept. Plain data under
//! the session's lock.

use std::task::Waker;

/// The driver's place to sleep.
#[derive(Debug, Default)]
pub(crate) struct Park {
    sleeper: Option<Waker>,
}

impl Park {
    /// The driver saw nothing to do, under the lock that it still holds.
    pub(crate) fn sleep(&mut self, waker: &Waker) {
        match &mut self.sleeper {
            Some(sleeper) => sleeper.clone_from(waker),
            None => self.sleeper = Some(waker.clone()),
        }
    }

    /// The driver is awake and will look again by itself.
    pub(crate) fn awake(&mut self) {
        self.sleeper = None;
    }

    /// There is something to do: whom to wake, after unlocking.
    #[must_use = "somebody must wake the driver"]
    pub(crate) fn rouse(&mut self) -> Option<Waker> {
        self.sleeper.take()
    }
}
