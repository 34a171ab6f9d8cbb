//! The deadlines of a connection's calls. Most calls are answered long before theirs, so nothing is kept in order: what a
//! deadline costs is a number that is written when it is set and again when it is cleared. Of each few calls it is known before
//! when none of theirs can pass; then those are looked at. Asked and advanced by the machine with the time it is given.

use std::time::{Duration, Instant};

use super::table::lengthen;

const TICK: Duration = Duration::from_millis(4);
const TICK_NANOS: u32 = TICK.subsec_nanos();
const TICKS_A_SECOND: u64 = 1_000_000_000 / TICK_NANOS as u64;
/// So many keys are looked at together.
const GROUP: usize = 64;
/// No deadline: it never passes.
const NEVER: u64 = u64::MAX;
/// One whose time has not begun.
const UNSTAMPED: u64 = NEVER - 1;

/// Deadlines by key, a small dense number.
#[derive(Debug)]
pub(crate) struct Deadlines {
    origin: Instant,
    /// All ticks up to this one are done.
    done: u64,
    /// There while there are any: most connections do little.
    table: Option<Box<Table>>,
}

#[derive(Debug)]
struct Table {
    /// The keys by their last bit: most connections have calls of one end only.
    halves: [Half; 2],
    /// No deadline is before this tick, nor is the bound of a group that has one.
    first: u64,
    set: usize,
    /// Those whose time has not begun, and how much they have.
    unstamped: Vec<(u32, Duration)>,
}

#[derive(Debug, Default)]
struct Half {
    ticks: Vec<u64>,
    /// Of each group of keys: none of their deadlines is before this tick.
    groups: Vec<u64>,
}

impl Default for Table {
    fn default() -> Self {
        Self { halves: Default::default(), first: NEVER, set: 0, unstamped: Vec::new() }
    }
}

impl Table {
    /// The place of a key, which is there from now on.
    #[inline]
    fn tick_of(&mut self, key: u32) -> &mut u64 {
        let Half { ticks, groups } = &mut self.halves[key as usize % 2];
        let at = key as usize / 2;
        if at >= ticks.len() {
            lengthen(ticks, at + 1, || NEVER);
            lengthen(groups, at / GROUP + 1, || NEVER);
        }
        &mut ticks[at]
    }

    #[inline]
    fn set(&mut self, key: u32, tick: u64) {
        *self.tick_of(key) = tick;
        let group = &mut self.halves[key as usize % 2].groups[key as usize / 2 / GROUP];
        // What deadlines that were cleared left in a group may be lower than it need be, and is its bound all the same.
        let (first, bound) = if self.set == 0 { (tick, tick) } else { (self.first, tick.min(*group)) };
        (self.first, *group) = (first.min(bound), bound);
        self.set += 1;
    }

    #[inline]
    fn clear(&mut self, key: u32) {
        let Some(tick) = self.halves[key as usize % 2].ticks.get_mut(key as usize / 2) else { return };
        match std::mem::replace(tick, NEVER) {
            NEVER => {}
            UNSTAMPED => self.unstamped.retain(|(begun, _)| *begun != key),
            _ => self.set -= 1,
        }
    }

    fn is_empty(&self) -> bool {
        self.set == 0 && self.unstamped.is_empty()
    }

    fn expire(&mut self, passed: u64, expired: &mut impl FnMut(u32)) {
        if self.first > passed {
            return;
        }
        self.first = NEVER;
        for (bit, half) in self.halves.iter_mut().enumerate() {
            for (at, group) in half.groups.iter_mut().enumerate().filter(|(_, group)| **group <= passed) {
                let ticks = half.ticks.iter_mut().enumerate().skip(at * GROUP).take(GROUP);
                for (at, tick) in ticks.filter(|(_, tick)| **tick <= passed) {
                    *tick = NEVER;
                    self.set -= 1;
                    expired((at * 2 + bit) as u32);
                }
                let ticks = half.ticks.iter().skip(at * GROUP).take(GROUP).copied();
                *group = ticks.filter(|tick| *tick != UNSTAMPED).min().unwrap_or(NEVER);
            }
            self.first = half.groups.iter().copied().fold(self.first, u64::min);
        }
    }
}

impl Deadlines {
    pub(crate) fn new(now: Instant) -> Self {
        Self { origin: now, done: 0, table: None }
    }

    /// `key`, which must have no deadline, has so much time from the next [`stamp`](Self::stamp) on.
    #[inline]
    pub(crate) fn begin(&mut self, key: u32, left: Duration) {
        let table = self.table.get_or_insert_default();
        *table.tick_of(key) = UNSTAMPED;
        table.unstamped.push((key, left));
    }

    /// The time of those that were begun since the last stamp begins now.
    pub(crate) fn stamp(&mut self, now: Instant) {
        let Some(table) = &mut self.table else { return };
        let mut unstamped = std::mem::take(&mut table.unstamped);
        // Most have as much time as the one before.
        let (mut last, mut tick) = (None, NEVER);
        for (key, left) in unstamped.drain(..) {
            if last != Some(left) {
                last = Some(left);
                tick =
                    now.checked_add(left).map_or(NEVER, |at| tick_after(self.origin, at).max(self.done + 1));
            }
            match tick {
                NEVER => *table.tick_of(key) = NEVER,
                tick => table.set(key, tick),
            }
        }
        table.unstamped = unstamped;
    }

    /// Sets the deadline of `key`, which must have none.
    pub(crate) fn set(&mut self, key: u32, at: Instant) {
        let tick = tick_after(self.origin, at).max(self.done + 1);
        let table = self.table.get_or_insert_default();
        debug_assert_eq!(*table.tick_of(key), NEVER);
        table.set(key, tick);
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.table.as_ref().is_none_or(|table| table.is_empty())
    }

    /// Clears the deadline of `key`, if it has one.
    #[inline]
    pub(crate) fn clear(&mut self, key: u32) {
        if let Some(table) = &mut self.table {
            table.clear(key);
        }
    }

    /// Clears all deadlines, and gives their memory back.
    pub(crate) fn clear_all(&mut self) {
        self.table = None;
    }

    /// Gives memory back if there is no deadline.
    pub(crate) fn shrink(&mut self) {
        self.table.take_if(|table| table.is_empty());
    }

    /// When to call [`expire`](Self::expire) next: not after the first deadline, at times well before it.
    pub(crate) fn next(&self) -> Option<Instant> {
        let table = self.table.as_ref().filter(|table| table.set > 0)?;
        // What is left of old ones may lie behind.
        let tick = table.first.max(self.done + 1);
        let millis = tick.saturating_mul(TICK.as_millis() as u64);
        self.origin.checked_add(Duration::from_millis(millis))
    }

    /// Takes the keys whose deadlines have passed.
    pub(crate) fn expire(&mut self, now: Instant, mut expired: impl FnMut(u32)) {
        let passed = ticks(now.saturating_duration_since(self.origin), |nanos| nanos / TICK_NANOS);
        self.done = self.done.max(passed);
        if let Some(table) = &mut self.table {
            table.expire(passed, &mut expired);
        }
    }
}

/// The first tick that is not before this.
fn tick_after(origin: Instant, at: Instant) -> u64 {
    let tick = ticks(at.saturating_duration_since(origin), |nanos| nanos.div_ceil(TICK_NANOS));
    // The last two mean none.
    tick.min(UNSTAMPED - 1)
}

/// A time in ticks; `part` counts those of the last second. (`as_nanos` has 128 bits, and no instruction divides them.)
fn ticks(time: Duration, part: impl FnOnce(u32) -> u32) -> u64 {
    time.as_secs().saturating_mul(TICKS_A_SECOND).saturating_add(u64::from(part(time.subsec_nanos())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expired(deadlines: &mut Deadlines, now: Instant) -> Vec<u32> {
        let mut keys = Vec::new();
        deadlines.expire(now, |key| keys.push(key));
        keys.sort_unstable();
        keys
    }

    #[test]
    fn a_deadline_expires_once_and_never_early() {
        let start = crate::proto::test_clock();
        let mut deadlines = Deadlines::new(start);
        deadlines.set(3, start + Duration::from_millis(10));
        assert!(expired(&mut deadlines, start + Duration::from_millis(9)).is_empty());
        assert_eq!(expired(&mut deadlines, start + Duration::from_millis(12)), [3]);
        assert!(expired(&mut deadlines, start + Duration::from_secs(9)).is_empty());
        assert_eq!(deadlines.next(), None);
    }

    #[test]
    fn a_cleared_deadline_does_not_expire() {
        let start = crate::proto::test_clock();
        let mut deadlines = Deadlines::new(start);
        for key in 0..4 {
            deadlines.set(key, start + Duration::from_millis(20));
        }
        deadlines.clear(1);
        deadlines.clear(3);
        deadlines.clear(3);
        assert_eq!(expired(&mut deadlines, start + Duration::from_secs(1)), [0, 2]);
    }

    #[test]
    fn what_is_set_where_an_earlier_one_was_cleared_is_not_forgotten() {
        let start = crate::proto::test_clock();
        let mut deadlines = Deadlines::new(start);
        let at = |millis| start + Duration::from_millis(millis);
        deadlines.set(0, at(20));
        deadlines.clear(0);
        // In another group, as the only one; then one before it where the first was.
        deadlines.set(2 * GROUP as u32, at(2_000));
        deadlines.set(0, at(400));
        assert!(deadlines.next().is_some_and(|next| next <= at(400)));
        assert_eq!(expired(&mut deadlines, at(400)), [0]);
        assert_eq!(expired(&mut deadlines, at(2_000)), [2 * GROUP as u32]);
    }

    #[test]
    fn deadlines_far_ahead_wait_for_theirs() {
        let start = crate::proto::test_clock();
        let mut deadlines = Deadlines::new(start);
        let turn = Duration::from_secs(2);
        deadlines.set(0, start + turn / 2);
        deadlines.set(1, start + turn / 2 + turn);
        deadlines.set(2, start + turn / 2 + turn * 7);
        assert_eq!(expired(&mut deadlines, start + turn / 2 + TICK), [0]);
        assert!(expired(&mut deadlines, start + turn).is_empty());
        assert_eq!(expired(&mut deadlines, start + turn * 3), [1]);
        assert_eq!(expired(&mut deadlines, start + turn * 20), [2]);
    }

    #[test]
    fn deadlines_expire_as_if_each_were_looked_at_whatever_is_set_and_cleared_between() {
        let start = crate::proto::test_clock();
        let (mut deadlines, mut due) = (Deadlines::new(start), std::collections::BTreeMap::new());
        let (mut seed, mut now, mut total) = (7_u64, 0, 0);
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for turn in 0..20_000 {
            let key = random(700) as u32;
            if turn % 200 == 0 {
                // All are cleared, as when each call has its answer.
                std::mem::take(&mut due).into_keys().for_each(|key| deadlines.clear(key));
            }
            match random(8) {
                0..4 if !due.contains_key(&key) => {
                    let at = now + [3, 40, 5_000][random(3) as usize] + random(40);
                    deadlines.set(key, start + Duration::from_millis(at));
                    due.insert(key, at.div_ceil(4) * 4);
                }
                4..7 => {
                    deadlines.clear(key);
                    due.remove(&key);
                }
                7 => {
                    now += random(30);
                    let passed: Vec<_> =
                        due.iter().filter(|(_, at)| **at <= now).map(|(key, _)| *key).collect();
                    due.retain(|_, at| *at > now);
                    total += passed.len();
                    assert_eq!(expired(&mut deadlines, start + Duration::from_millis(now)), passed);
                }
                _ => {}
            }
            assert_eq!(deadlines.is_empty(), due.is_empty());
            let next = deadlines.next().map(|at| (at - start).as_millis() as u64);
            assert!(next <= due.values().min().copied() && next.is_some() != due.is_empty());
            assert!(next.is_none_or(|at| at > now / 4 * 4), "time must move on");
        }
        assert!(total > 1_000, "{total} have expired");
    }

    #[test]
    fn next_is_never_after_the_first_deadline() {
        let start = crate::proto::test_clock();
        let mut deadlines = Deadlines::new(start);
        for (key, millis) in [(0, 3), (1, 900), (2, 30_000)] {
            deadlines.set(key, start + Duration::from_millis(millis));
            let mut now = start;
            let mut seen = Vec::new();
            while let Some(at) = deadlines.next() {
                assert!(at > now, "time must move on");
                now = at;
                deadlines.expire(now, |key| seen.push((key, now)));
            }
            let (expired, at) = seen[0];
            assert_eq!(expired, key);
            let due = start + Duration::from_millis(millis);
            assert!(at >= due && at <= due + TICK, "{:?}", at - start);
            deadlines = Deadlines::new(start);
        }
    }

    #[test]
    fn one_that_is_old_looks_ahead() {
        let start = crate::proto::test_clock();
        for days in [1, 198, 199, 200, 3_650] {
            let mut deadlines = Deadlines::new(start);
            let mut now = start + Duration::from_secs(days * 86_400);
            assert!(expired(&mut deadlines, now).is_empty());
            let due = now + Duration::from_secs(9);
            deadlines.set(0, due);
            for turn in 0.. {
                let Some(at) = deadlines.next() else { break };
                assert!(at > now && at <= due + TICK, "after {days} days: time must move on");
                assert!(turn < 10, "after {days} days: not turn by turn");
                now = at;
                deadlines.expire(now, |key| assert_eq!(key, 0));
            }
            assert!(deadlines.is_empty() && now >= due);
        }
    }
}
