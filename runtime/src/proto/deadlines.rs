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
            UNSTAMPED => self.forget(key),
            _ => self.set -= 1,
        }
    }

    /// Most that are given up before their time has begun were begun last.
    #[cold]
    fn forget(&mut self, key: u32) {
        if let Some(at) = self.unstamped.iter().rposition(|(begun, _)| *begun == key) {
            self.unstamped.swap_remove(at);
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
mod tests;
