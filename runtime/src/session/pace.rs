//! Whether a connection's handlers are quick. Quick ones are polled by the runner, one after the other, which costs no
//! task. Slow ones, that compute or block, are tasks from the start: all workers share them, and none of them is in the
//! way of the driver. Told by whoever polls a handler first.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::handler::FirstPoll;

/// What a quick handler takes at most: more than a task costs by far.
const QUICK: Duration = Duration::from_micros(10);
/// A poll that took as long as some quick ones is made up for by so many times as many that are quick.
const PATIENCE: u32 = 4;
/// The most that has to be made up for.
const MOST: u32 = 4_096;
/// The pushes of a lane's turn may take as long as so many calls.
const LIKE_CALLS: u32 = 16;
/// A connection that is new is taken for slow, so that its first slow handler holds up nobody either.
const NEW: u32 = 256;

/// How many quick handlers it takes until they are trusted to be.
#[derive(Debug)]
pub(crate) struct Pace {
    caution: AtomicU32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { caution: AtomicU32::new(NEW) }
    }
}

impl Pace {
    /// Who is to poll the next handler first.
    pub(super) fn first_poll(&self) -> FirstPoll {
        match self.caution.load(Ordering::Relaxed) {
            0 => FirstPoll::Runner,
            _ => FirstPoll::Task,
        }
    }

    /// As [`ran`](Self::ran), for the pushes of a lane's turn, which are many and quicker than calls: one slow one among them is
    /// not to be hidden by those.
    pub(super) fn ran_lane(&self, pushes: u32, took: Duration) {
        let slow = took > QUICK.saturating_mul(pushes.min(LIKE_CALLS));
        self.ran(if slow { 0 } else { pushes }, took);
    }

    /// So many handlers took so long. Two that say so at once may lose one of them, which does not matter.
    pub(super) fn ran(&self, handlers: u32, took: Duration) {
        let before = self.caution.load(Ordering::Relaxed);
        let caution = match took <= QUICK.saturating_mul(handlers) {
            true if before == 0 => return,
            true => before.saturating_sub(handlers),
            false => {
                let like = u32::try_from(took.as_micros() / QUICK.as_micros()).unwrap_or(MOST);
                before.saturating_add(like.saturating_mul(PATIENCE)).min(MOST)
            }
        };
        self.caution.store(caution, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_handlers_are_trusted_after_some_time() {
        let pace = Pace::default();
        for _ in 0..NEW {
            assert_eq!(pace.first_poll(), FirstPoll::Task);
            pace.ran(1, Duration::from_micros(2));
        }
        assert_eq!(pace.first_poll(), FirstPoll::Runner);
    }

    #[test]
    fn one_slow_handler_is_remembered_for_as_long_as_it_was_slow() {
        let pace = Pace { caution: AtomicU32::new(0) };
        pace.ran(16, Duration::from_micros(160));
        assert_eq!(pace.first_poll(), FirstPoll::Runner);
        pace.ran(1, Duration::from_millis(5));
        pace.ran(1_999, Duration::from_millis(1));
        assert_eq!(pace.first_poll(), FirstPoll::Task);
        pace.ran(1, Duration::from_micros(1));
        assert_eq!(pace.first_poll(), FirstPoll::Runner);
        pace.ran(1, Duration::from_secs(3_600));
        assert_eq!(pace.caution.load(Ordering::Relaxed), MOST);
    }
}
