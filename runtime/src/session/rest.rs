//! Whether a connection has traffic. One that has keeps its buffers, so that calls cost no allocations; one that is new or
//! has rested is *cold*: it keeps nothing between turns, since of many connections most do little. Told by the driver, once
//! a turn.

use std::time::{Duration, Instant};

/// So long after the last byte a connection rests: what it keeps is given back.
const AFTER: Duration = Duration::from_secs(1);
/// So many turns with bytes, without a rest between them, are traffic: a call costs two.
const TURNS: u32 = 32;

/// When bytes were read or written last, and how often.
#[derive(Debug)]
pub(super) struct Rest {
    /// Turns with bytes since the last rest; no more are counted than it takes.
    turns: u32,
    last: Instant,
    /// When to look whether it rests: not later than it does. `None`: there is nothing to give back.
    looks: Option<Instant>,
}

impl Rest {
    pub(super) fn new(now: Instant) -> Self {
        Self { turns: 0, last: now, looks: now.checked_add(AFTER) }
    }

    /// Bytes were read or written.
    pub(super) fn disturb(&mut self, now: Instant) {
        if self.turns < TURNS {
            // Between two that are far from each other it rested, though it was cold and nobody looked.
            self.turns = if self.has_come(now) { 1 } else { self.turns + 1 };
        }
        self.last = now;
        if self.looks.is_none() {
            self.looks = now.checked_add(AFTER);
        }
    }

    /// More came at once than a connection without traffic is read for.
    pub(super) fn has_traffic(&mut self) {
        self.turns = TURNS;
    }

    /// Whether there is too little traffic for anything to be kept.
    pub(super) fn is_cold(&self) -> bool {
        self.turns < TURNS
    }

    /// When to ask whether it [begins](Self::begins).
    pub(super) fn next(&self) -> Option<Instant> {
        self.looks
    }

    /// Whether it rests from now on.
    pub(super) fn begins(&mut self, now: Instant) -> bool {
        if self.looks.is_none_or(|at| now < at) {
            return false;
        }
        let begins = self.has_come(now);
        if begins {
            self.turns = 0;
        }
        self.looks = if begins { None } else { self.last.checked_add(AFTER) };
        begins
    }

    /// All is given back already.
    pub(super) fn done(&mut self) {
        self.looks = None;
    }

    fn has_come(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn busy(now: &mut Instant) -> Rest {
        let mut rest = Rest::new(*now);
        for _ in 0..TURNS {
            assert!(rest.is_cold());
            *now += 999 * MS;
            rest.disturb(*now);
            assert!(!rest.begins(*now) && rest.next().is_some_and(|at| at > *now && at <= *now + AFTER));
        }
        rest
    }

    #[test]
    fn a_connection_with_traffic_keeps_what_it_has_until_it_is_silent() {
        let mut now = crate::proto::test_clock();
        let mut rest = busy(&mut now);
        assert!(!rest.is_cold());
        assert!(rest.next().is_some_and(|at| at <= now + AFTER));
        assert!(!rest.begins(now + 999 * MS));
        assert!(rest.begins(now + AFTER) && rest.is_cold());
        assert!(rest.next().is_none() && !rest.begins(now + 10 * AFTER), "it rests once");
    }

    #[test]
    fn a_connection_that_speaks_now_and_then_stays_cold() {
        let mut now = crate::proto::test_clock();
        let mut rest = Rest::new(now);
        for _ in 0..10 * TURNS {
            now += AFTER;
            rest.disturb(now);
            rest.done();
            assert!(rest.is_cold() && rest.next().is_none());
        }
    }

    #[test]
    fn a_rest_is_forgotten_with_the_next_byte() {
        let mut now = crate::proto::test_clock();
        let mut rest = busy(&mut now);
        assert!(rest.begins(now + AFTER));
        rest.disturb(now + 2 * AFTER);
        assert_eq!(rest.next(), Some(now + 3 * AFTER));
        assert!(rest.is_cold());
    }
}
