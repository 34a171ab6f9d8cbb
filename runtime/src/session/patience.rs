//! Whether the driver looks a few times more before it sleeps. Being woken costs tens of microseconds where a core rests
//! meanwhile, more than all the calls of a batch: where batches follow each other closely it is cheaper for both ends, and
//! much sooner, to look again. Where they do not, it sleeps at once, but for a try now and then.

use std::time::{Duration, Instant};

/// How often the driver looks again, and not for longer than what comes is soon. Each time the runtime runs what else is
/// ready and asks the kernel for what has come, in a microsecond or less if there is nothing.
const LOOKS: u32 = 100;
/// What comes within this of the driver's sleep would mostly have been found by looking again: that time has the other
/// end's waking in it, which is longer than the looks.
const SOON: Duration = Duration::from_micros(250);
/// So many waits that ended soon make up for one that was looked through in vain.
const IN_VAIN: i32 = 16;
/// How far trust goes, and distrust.
const MOST: i32 = 64;

/// What the driver knows of its waits.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Waits that ended soon, less those that it looked through in vain. It looks while this is above zero.
    trust: i32,
    /// The last read brought several messages: then several calls are in flight, or a stream flows. One is no reason to
    /// wait awake.
    several: bool,
    /// In this wait, so often, and since when.
    looks: u32,
    looking: Option<Instant>,
    slept: Option<Instant>,
}

impl Patience {
    /// One message was read, or several.
    pub(super) fn came(&mut self, several: bool, now: Instant) {
        let (looking, slept) = (self.looking.take(), self.slept.take());
        if looking.or(slept).is_some_and(|since| now.duration_since(since) < SOON) {
            self.trust = (self.trust + 1).min(MOST);
        }
        self.several = several;
        self.looks = 0;
    }

    /// There is nothing to do. True: look again, once the others had their turn. False: sleep.
    pub(super) fn looks_again(&mut self, now: Instant) -> bool {
        if self.slept.is_some() {
            return false;
        }
        let late = self.looking.is_some_and(|since| now.duration_since(since) >= SOON);
        if self.several && self.trust > 0 && self.looks < LOOKS && !late {
            self.looks += 1;
            self.looking.get_or_insert(now);
            return true;
        }
        if self.looks > 0 {
            self.trust = (self.trust - IN_VAIN).max(-MOST);
        }
        self.slept = Some(now);
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{IN_VAIN, LOOKS, MOST, Patience};
    use crate::session::clock;

    /// How often it looks before it sleeps.
    fn wait(patience: &mut Patience, at: Instant) -> u32 {
        let looks = (0..=LOOKS).take_while(|_| patience.looks_again(at)).count();
        assert!(!patience.looks_again(at), "it slept, and looks");
        u32::try_from(looks).unwrap()
    }

    const BATCH: bool = true;
    const SHORT: Duration = Duration::from_micros(30);
    const LONG: Duration = Duration::from_millis(1);

    #[test]
    fn who_knows_nothing_of_its_peer_sleeps() {
        assert_eq!(wait(&mut Patience::default(), clock::now()), 0);
    }

    #[test]
    fn batches_that_follow_closely_are_waited_for_awake_and_others_are_not() {
        for (gap, looks) in [(SHORT, LOOKS), (LONG, 0)] {
            let (mut patience, now) = (Patience::default(), clock::now());
            patience.came(BATCH, now);
            assert_eq!(wait(&mut patience, now), 0);
            patience.came(BATCH, now + gap);
            assert_eq!(wait(&mut patience, now + gap), looks, "after {gap:?}");
        }
    }

    #[test]
    fn one_call_at_a_time_is_never_waited_for_awake() {
        let (mut patience, mut now) = (Patience::default(), clock::now());
        for _ in 0..100 {
            patience.came(false, now);
            assert_eq!(wait(&mut patience, now), 0);
            now += SHORT;
        }
    }

    #[test]
    fn looking_in_vain_is_made_up_for_by_many_waits_that_end_soon() {
        let (mut patience, mut now) = (Patience::default(), clock::now());
        patience.came(BATCH, now);
        for _ in 0..2 * MOST {
            patience.looks_again(now);
            now += SHORT;
            patience.came(BATCH, now);
        }
        assert_eq!(patience.trust, MOST);
        for _ in 0..MOST / IN_VAIN {
            assert_eq!(wait(&mut patience, now), LOOKS);
            now += LONG;
            patience.came(BATCH, now);
        }
        // It costs a try for each so many waits, and no more.
        for _ in 0..3 {
            for _ in 0..=patience.trust.abs() {
                assert_eq!(wait(&mut patience, now), 0);
                now += SHORT;
                patience.came(BATCH, now);
            }
            assert_eq!(wait(&mut patience, now), LOOKS);
            assert_eq!(patience.trust, 1 - IN_VAIN);
            now += LONG;
            patience.came(BATCH, now);
        }
    }

    #[test]
    fn looks_that_take_long_are_few_and_in_vain() {
        let (mut patience, now) = (Patience { trust: MOST, ..Patience::default() }, clock::now());
        patience.came(BATCH, now);
        assert!(patience.looks_again(now));
        assert!(!patience.looks_again(now + LONG), "others need the thread");
        assert_eq!(patience.trust, MOST - IN_VAIN);
        // What comes after a long look is no reason to trust.
        patience.came(BATCH, now + LONG);
        assert!(patience.looks_again(now + LONG));
        patience.came(BATCH, now + 2 * LONG);
        assert_eq!(patience.trust, MOST - IN_VAIN);
    }
}
