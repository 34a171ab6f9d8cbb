//! Handlers that compute for long. A method whose handlers do is remembered, and where the poll of one would take the last
//! of the runtime's workers, tokio gives what that worker has to do to another thread meanwhile: so calls go on being
//! answered whatever computes. Told and asked by the task of a handler.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::{Handle, Id, RuntimeFlavor};

/// A poll that takes as long burns.
const BURN: Duration = Duration::from_millis(1);
/// A method is remembered for a poll that does not burn for each so long that it burnt. To get out of the way costs about
/// as much: so it costs at most about what the burning does. To look at one costs less.
const EACH: Duration = Duration::from_micros(10);
/// The most that is remembered.
const MOST: u32 = 65_536;
/// Polls that may be out of the way at once, or as many as there are workers: each takes a thread more.
const ASIDE: usize = 4;
/// Of the polls of quick methods that nobody times anyway, one of so many is timed.
const SAMPLE: u32 = 8;

/// What a handler's polls are taken for, since the others of its method were so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Habit {
    #[default]
    Quick,
    /// One was long by the clock. Its thread may have done nothing but wait for a processor: the next are looked at.
    Doubtful,
    /// They burn, or some of them do.
    Burns,
}

/// How much a method has burnt lately.
#[derive(Debug, Default)]
pub(crate) struct Burns {
    burnt: AtomicU32,
    /// What it seemed to have burnt, and for so long again after it has.
    doubt: AtomicU32,
}

impl Burns {
    pub(crate) fn habit(&self) -> Habit {
        match [&self.burnt, &self.doubt].map(|count| count.load(Ordering::Relaxed)) {
            [0, 0] => Habit::Quick,
            [0, _] => Habit::Doubtful,
            _ => Habit::Burns,
        }
    }

    /// A poll was long by the clock, of a method that is taken for quick.
    pub(super) fn seemed_long(&self, took: Duration) {
        add(&self.doubt, took);
    }

    /// A poll took so long, not counting what its thread waited. Two that say so at once may lose one of them, which does not
    /// matter.
    pub(super) fn polled(&self, took: Duration) {
        if is_long(took) {
            add(&self.burnt, took);
            add(&self.doubt, took);
        } else if !less(&self.burnt) {
            less(&self.doubt);
        }
    }
}

/// What is remembered for a poll that took so long.
fn add(count: &AtomicU32, took: Duration) {
    let like = u32::try_from(took.as_micros() / EACH.as_micros()).unwrap_or(MOST);
    let before = count.load(Ordering::Relaxed);
    count.store(before.saturating_add(like).min(MOST), Ordering::Relaxed);
}

/// False: there is nothing left to forget.
fn less(count: &AtomicU32) -> bool {
    let before = count.load(Ordering::Relaxed);
    if before > 0 {
        count.store(before - 1, Ordering::Relaxed);
    }
    before > 0
}

/// How many handlers that may burn are being polled by the workers of a runtime.
#[derive(Debug)]
pub(super) struct Burning {
    workers: usize,
    /// On workers, which do nothing else meanwhile.
    here: AtomicUsize,
    /// Out of the way.
    aside: AtomicUsize,
}

/// A poll that may burn, until this is dropped.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The runtimes that sessions are on.
static RUNTIMES: Mutex<Vec<(Id, Weak<Burning>)>> = Mutex::new(Vec::new());

impl Burning {
    fn new(workers: usize) -> Self {
        Self { workers, here: AtomicUsize::new(0), aside: AtomicUsize::new(0) }
    }

    /// That of a runtime whose workers can be replaced: of one that has but the thread which it was begun on, it cannot.
    pub(super) fn of(runtime: &Handle) -> Option<Arc<Self>> {
        if runtime.runtime_flavor() != RuntimeFlavor::MultiThread {
            return None;
        }
        let mut runtimes = RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner);
        let known = runtimes.iter().find(|(id, _)| *id == runtime.id());
        if let Some(burning) = known.and_then(|(_, burning)| burning.upgrade()) {
            return Some(burning);
        }
        runtimes.retain(|(_, burning)| burning.strong_count() > 0);
        let burning = Arc::new(Self::new(runtime.metrics().num_workers()));
        runtimes.push((runtime.id(), Arc::downgrade(&burning)));
        Some(burning)
    }

    /// Polls a handler that may burn, out of the way if it would take the last worker.
    pub(super) fn poll<R>(&self, runtime: &Handle, poll: impl FnOnce() -> R) -> R {
        let (_place, is_aside) = self.place();
        if !is_aside {
            return poll();
        }
        // The inner `block_on` has the handler find what it finds elsewhere: a budget, and a runtime that it may not block on.
        tokio::task::block_in_place(|| runtime.block_on(async { poll() }))
    }

    /// Where the next is polled; true: out of the way.
    fn place(&self) -> (Place<'_>, bool) {
        let is_last = self.here.fetch_add(1, Ordering::Relaxed) + 1 >= self.workers;
        let here = Place(&self.here);
        if is_last {
            let before = self.aside.fetch_add(1, Ordering::Relaxed);
            let aside = Place(&self.aside);
            if before < self.workers.max(ASIDE) {
                return (aside, true);
            }
        }
        (here, false)
    }
}

/// Whether a poll that took so long burns.
pub(super) fn is_long(took: Duration) -> bool {
    took >= BURN
}

/// Whether a poll that nobody times anyway is to be timed.
pub(super) fn is_sample() -> bool {
    thread_local! {
        static POLLS: Cell<u32> = const { Cell::new(0) };
    }
    POLLS.with(|polls| {
        polls.set(polls.get().wrapping_add(1));
        polls.get() % SAMPLE == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_remembered_for_as_many_polls_as_it_burnt_long() {
        let burns = Burns::default();
        burns.polled(Duration::from_micros(999));
        assert_eq!(burns.habit(), Habit::Quick);
        burns.polled(Duration::from_millis(5));
        for habit in [Habit::Burns, Habit::Doubtful] {
            for _ in 0..500 {
                assert_eq!(burns.habit(), habit);
                burns.polled(Duration::from_micros(20));
            }
        }
        assert_eq!(burns.habit(), Habit::Quick);
        burns.polled(Duration::from_secs(1 << 40));
        assert_eq!(burns.burnt.load(Ordering::Relaxed), MOST);
    }

    #[test]
    fn a_poll_that_only_seemed_long_makes_no_method_burn() {
        let burns = Burns::default();
        burns.seemed_long(Duration::from_millis(4));
        for _ in 0..400 {
            assert_eq!(burns.habit(), Habit::Doubtful);
            burns.polled(Duration::from_micros(140));
        }
        assert_eq!(burns.habit(), Habit::Quick);
    }

    #[test]
    fn one_worker_is_left_and_so_many_are_aside() {
        let begin = |burning: &Burning, times| -> Vec<_> {
            // All of them at once.
            let places: Vec<_> = (0..times).map(|_| burning.place()).collect();
            places.iter().map(|(_, is_aside)| *is_aside).collect()
        };
        assert_eq!(begin(&Burning::new(1), 6), [true, true, true, true, false, false]);
        let burning = Burning::new(3);
        assert_eq!(begin(&burning, 7), [false, false, true, true, true, true, false]);
        assert_eq!(begin(&Burning::new(8), 17).into_iter().filter(|aside| *aside).count(), 8);
        let counts = [&burning.here, &burning.aside].map(|count| count.load(Ordering::Relaxed));
        assert_eq!(counts, [0, 0]);
    }
}
