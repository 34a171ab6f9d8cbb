//! The deadlines of a connection's calls: a hashed wheel, so that a deadline costs a few instructions to set and
//! to clear, however many there are. Asked and advanced by the machine with the time it is given.

use std::time::{Duration, Instant};

const SLOTS: usize = 512;
const TICK: Duration = Duration::from_millis(4);
const TICK_NANOS: u32 = TICK.subsec_nanos();
const TICKS_A_SECOND: u64 = 1_000_000_000 / TICK_NANOS as u64;
const NIL: u32 = u32::MAX;

/// Deadlines by key, a small dense number.
#[derive(Debug)]
pub(crate) struct Wheel {
    origin: Instant,
    /// All ticks up to this one are done.
    done: u64,
    set: usize,
    /// There from the first deadline on, until it is given back.
    table: Option<Box<Table>>,
}

#[derive(Debug)]
struct Table {
    /// The first node of each slot's list.
    heads: [u32; SLOTS],
    /// A bit for each slot that has a list: the next deadline is looked for after every batch.
    occupied: [u64; SLOTS / 64],
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    tick: u64,
    previous: u32,
    next: u32,
}

impl Node {
    const UNSET: Self = Self { tick: u64::MAX, previous: NIL, next: NIL };
}

impl Wheel {
    pub(crate) fn new(now: Instant) -> Self {
        Self { origin: now, done: 0, set: 0, table: None }
    }

    /// Sets the deadline of `key`, which must have none.
    pub(crate) fn set(&mut self, key: u32, at: Instant) {
        self.set_tick(key, self.tick_after(at));
    }

    /// As [`set`](Self::set), at a tick that [`tick_after`](Self::tick_after) told.
    pub(crate) fn set_tick(&mut self, key: u32, tick: u64) {
        self.table.get_or_insert_default().set(key, tick.max(self.done + 1));
        self.set += 1;
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.set == 0
    }

    /// Clears the deadline of `key`, if it has one.
    pub(crate) fn clear(&mut self, key: u32) {
        if self.table.as_mut().is_some_and(|table| table.clear(key)) {
            self.set -= 1;
        }
    }

    /// Clears all deadlines, and gives their memory back.
    pub(crate) fn clear_all(&mut self) {
        *self = Self { done: self.done, ..Self::new(self.origin) };
    }

    /// Gives memory back if there is no deadline.
    pub(crate) fn shrink(&mut self) {
        if self.set == 0 {
            self.table = None;
        }
    }

    /// When to call [`expire`](Self::expire) next: not after the first deadline, at times well before it.
    pub(crate) fn next(&self) -> Option<Instant> {
        let table = self.table.as_ref().filter(|_| self.set > 0)?;
        let first = self.done + 1;
        let tick = first + table.distance((first as usize) % SLOTS) as u64;
        let millis = tick.saturating_mul(TICK.as_millis() as u64);
        self.origin.checked_add(Duration::from_millis(millis))
    }

    /// Takes the keys whose deadlines have passed.
    pub(crate) fn expire(&mut self, now: Instant, mut expired: impl FnMut(u32)) {
        let passed = ticks(now.saturating_duration_since(self.origin), |nanos| nanos / TICK_NANOS);
        if self.set == 0 || passed.saturating_sub(self.done) >= SLOTS as u64 {
            self.expire_all(passed, &mut expired);
        } else {
            for tick in self.done + 1..=passed {
                self.expire_slot((tick as usize) % SLOTS, passed, &mut expired);
            }
        }
        self.done = self.done.max(passed);
    }

    fn expire_all(&mut self, passed: u64, expired: &mut impl FnMut(u32)) {
        for slot in 0..SLOTS {
            if self.set == 0 {
                break;
            }
            self.expire_slot(slot, passed, expired);
        }
    }

    fn expire_slot(&mut self, slot: usize, passed: u64, expired: &mut impl FnMut(u32)) {
        let mut key = self.table.as_ref().map_or(NIL, |table| table.heads[slot]);
        while let Some(Node { tick, next, .. }) = self.table.as_ref().and_then(|table| table.node(key)) {
            if tick <= passed {
                self.clear(key);
                expired(key);
            }
            key = next;
        }
    }

    /// The first tick that is not before this.
    pub(crate) fn tick_after(&self, at: Instant) -> u64 {
        let tick = ticks(at.saturating_duration_since(self.origin), |nanos| nanos.div_ceil(TICK_NANOS));
        // The last number means none.
        tick.min(u64::MAX - 1)
    }
}

impl Table {
    fn set(&mut self, key: u32, tick: u64) {
        if self.nodes.len() <= key as usize {
            self.nodes.resize(key as usize + 1, Node::UNSET);
        }
        debug_assert_eq!(self.nodes[key as usize].tick, u64::MAX);
        let slot = (tick as usize) % SLOTS;
        let next = std::mem::replace(&mut self.heads[slot], key);
        self.nodes[key as usize] = Node { tick, previous: NIL, next };
        match next {
            NIL => self.occupied[slot / 64] |= 1 << (slot % 64),
            next => self.nodes[next as usize].previous = key,
        }
    }

    /// True: there was one.
    fn clear(&mut self, key: u32) -> bool {
        let Some(node) = self.nodes.get_mut(key as usize) else { return false };
        let Node { tick, previous, next } = std::mem::replace(node, Node::UNSET);
        if tick == u64::MAX {
            return false;
        }
        let slot = (tick as usize) % SLOTS;
        match previous {
            NIL => self.heads[slot] = next,
            previous => self.nodes[previous as usize].next = next,
        }
        if self.heads[slot] == NIL {
            self.occupied[slot / 64] &= !(1 << (slot % 64));
        }
        if next != NIL {
            self.nodes[next as usize].previous = previous;
        }
        true
    }

    /// A node of a slot's list; `NIL` is none.
    fn node(&self, key: u32) -> Option<Node> {
        self.nodes.get(key as usize).copied()
    }

    /// How many slots lie between `from` and the first that has a list, going round.
    fn distance(&self, from: usize) -> usize {
        let (word, bit) = (from / 64, from % 64);
        let rest = self.occupied[word] >> bit;
        if rest != 0 {
            return rest.trailing_zeros() as usize;
        }
        // The last of them is the first word again, for the bits below `bit`.
        (1..=self.occupied.len())
            .map(|ahead| (ahead * 64 - bit, self.occupied[(word + ahead) % self.occupied.len()]))
            .find(|(_, bits)| *bits != 0)
            .map_or(SLOTS, |(slots, bits)| slots + bits.trailing_zeros() as usize)
    }
}

impl Default for Table {
    fn default() -> Self {
        Self { heads: [NIL; SLOTS], occupied: [0; SLOTS / 64], nodes: Vec::new() }
    }
}

/// A time in ticks; `part` counts those of the last second. (`as_nanos` has 128 bits, and no instruction divides them.)
fn ticks(time: Duration, part: impl FnOnce(u32) -> u32) -> u64 {
    time.as_secs().saturating_mul(TICKS_A_SECOND).saturating_add(u64::from(part(time.subsec_nanos())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expired(wheel: &mut Wheel, now: Instant) -> Vec<u32> {
        let mut keys = Vec::new();
        wheel.expire(now, |key| keys.push(key));
        keys.sort_unstable();
        keys
    }

    #[test]
    fn a_deadline_expires_once_and_never_early() {
        let start = crate::proto::test_clock();
        let mut wheel = Wheel::new(start);
        wheel.set(3, start + Duration::from_millis(10));
        assert!(expired(&mut wheel, start + Duration::from_millis(9)).is_empty());
        assert_eq!(expired(&mut wheel, start + Duration::from_millis(12)), [3]);
        assert!(expired(&mut wheel, start + Duration::from_secs(9)).is_empty());
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn a_cleared_deadline_does_not_expire() {
        let start = crate::proto::test_clock();
        let mut wheel = Wheel::new(start);
        for key in 0..4 {
            wheel.set(key, start + Duration::from_millis(20));
        }
        wheel.clear(1);
        wheel.clear(3);
        wheel.clear(3);
        assert_eq!(expired(&mut wheel, start + Duration::from_secs(1)), [0, 2]);
    }

    #[test]
    fn deadlines_beyond_one_turn_wait_for_theirs() {
        let start = crate::proto::test_clock();
        let mut wheel = Wheel::new(start);
        let turn = TICK * SLOTS as u32;
        wheel.set(0, start + turn / 2);
        wheel.set(1, start + turn / 2 + turn);
        wheel.set(2, start + turn / 2 + turn * 7);
        assert_eq!(expired(&mut wheel, start + turn / 2 + TICK), [0]);
        assert!(expired(&mut wheel, start + turn).is_empty());
        assert_eq!(expired(&mut wheel, start + turn * 3), [1]);
        assert_eq!(expired(&mut wheel, start + turn * 20), [2]);
    }

    #[test]
    fn next_is_never_after_the_first_deadline() {
        let start = crate::proto::test_clock();
        let mut wheel = Wheel::new(start);
        for (key, millis) in [(0, 3), (1, 900), (2, 30_000)] {
            wheel.set(key, start + Duration::from_millis(millis));
            let mut now = start;
            let mut seen = Vec::new();
            while let Some(at) = wheel.next() {
                assert!(at > now, "time must move on");
                now = at;
                wheel.expire(now, |key| seen.push((key, now)));
            }
            let (expired, at) = seen[0];
            assert_eq!(expired, key);
            let due = start + Duration::from_millis(millis);
            assert!(at >= due && at <= due + TICK, "{:?}", at - start);
            wheel = Wheel::new(start);
        }
    }

    #[test]
    fn a_wheel_that_is_old_looks_ahead() {
        let start = crate::proto::test_clock();
        for days in [1, 198, 199, 200, 3_650] {
            let mut wheel = Wheel::new(start);
            let mut now = start + Duration::from_secs(days * 86_400);
            assert!(expired(&mut wheel, now).is_empty());
            let due = now + Duration::from_secs(9);
            wheel.set(0, due);
            for turn in 0.. {
                let Some(at) = wheel.next() else { break };
                assert!(at > now && at <= due + TICK, "after {days} days: time must move on");
                assert!(turn < 10, "after {days} days: not turn by turn");
                now = at;
                wheel.expire(now, |key| assert_eq!(key, 0));
            }
            assert!(wheel.is_empty() && now >= due);
        }
    }
}
