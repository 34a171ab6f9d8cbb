//! Calls that wait for room: a free number and credit. First come, first served among the small and among the
//! large; a large call saves up credit so that small ones cannot starve it. Plain data under the session's lock, so
//! that the models of `tests/` check the same code.

use std::collections::BTreeMap;
use std::task::Waker;

use crate::proto::Permit;

/// Messages over this many bytes are large: they wait in a queue of their own.
const LARGE: u64 = 64 << 10;

/// Who waits.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    last: u64,
    /// None before somebody does: most connections have room.
    lines: Option<Box<Lines>>,
}

/// Who waits, in the order of coming, and who was given a permit and has not come for it yet.
#[derive(Debug, Default)]
struct Lines {
    small: BTreeMap<u64, Waiting>,
    large: BTreeMap<u64, Waiting>,
    granted: BTreeMap<u64, Granted>,
    /// Credit kept for the first large one: small ones leave it alone.
    saved: u64,
}

#[derive(Debug)]
struct Waiting {
    cost: u64,
    waker: Waker,
}

/// What a waiter finds when it is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Granted {
    /// It may open its call.
    Permit(Permit),
    /// The limits changed, or nothing can be opened any more: it must ask anew.
    Recheck,
}

impl Waiters {
    /// Whether anybody waits.
    pub(crate) fn wait(&self) -> bool {
        self.lines.as_ref().is_some_and(|lines| !lines.small.is_empty() || !lines.large.is_empty())
    }

    /// Whether a call of this cost must queue because others came before it.
    pub(crate) fn must_queue(&self, cost: u64) -> bool {
        self.lines.as_ref().is_some_and(|lines| match cost > LARGE {
            true => !lines.large.is_empty(),
            false => !lines.small.is_empty(),
        })
    }

    /// The credit that a call of this cost must leave to others.
    pub(crate) fn keep(&self, cost: u64) -> u64 {
        self.lines.as_ref().filter(|_| cost <= LARGE).map_or(0, |lines| lines.saved)
    }

    /// Queues up; the key is for [`poll`](Self::poll) or [`leave`](Self::leave).
    pub(crate) fn join(&mut self, cost: u64, waker: &Waker) -> u64 {
        self.last += 1;
        let waiting = Waiting { cost, waker: waker.clone() };
        let key = self.last;
        self.lines.get_or_insert_default().queue(cost).insert(key, waiting);
        key
    }

    /// What there is for the waiter `key`, once.
    pub(crate) fn poll(&mut self, key: u64, waker: &Waker) -> Option<Granted> {
        let Some(lines) = &mut self.lines else { return Some(Granted::Recheck) };
        if let Some(granted) = lines.granted.remove(&key) {
            return Some(granted);
        }
        for queue in [&mut lines.small, &mut lines.large] {
            if let Some(waiting) = queue.get_mut(&key) {
                waiting.waker.clone_from(waker);
                return None;
            }
        }
        Some(Granted::Recheck)
    }

    /// The waiter `key` no longer wants to. What it was granted is handed back.
    #[must_use = "a permit that is handed back must go to the next"]
    pub(crate) fn leave(&mut self, key: u64) -> Option<Permit> {
        let lines = self.lines.as_mut()?;
        lines.small.remove(&key);
        if lines.large.remove(&key).is_some() && lines.large.is_empty() {
            lines.saved = 0;
        }
        match lines.granted.remove(&key) {
            Some(Granted::Permit(permit)) => Some(permit),
            _ => None,
        }
    }

    /// Gives what `reserve(cost, keep)` gives to those who wait, or tells how much credit there is, and collects whom to
    /// wake.
    pub(crate) fn grant(
        &mut self,
        mut reserve: impl FnMut(u64, u64) -> Result<Permit, u64>,
        wakes: &mut Vec<Waker>,
    ) {
        let Some(lines) = &mut self.lines else { return };
        while let Some((&key, large)) = lines.large.first_key_value() {
            match reserve(large.cost, 0) {
                Ok(permit) => {
                    lines.saved = 0;
                    lines.give(key, permit, wakes);
                }
                Err(available) => {
                    // Half of what is there is kept for it, until it is enough.
                    lines.saved = lines.saved.max(available / 2).min(large.cost);
                    break;
                }
            }
        }
        while let Some((&key, small)) = lines.small.first_key_value() {
            let Ok(permit) = reserve(small.cost, lines.saved) else { break };
            lines.give(key, permit, wakes);
        }
    }

    /// What the first of those who wait for credit needs.
    pub(crate) fn first_cost(&self) -> Option<u64> {
        let lines = self.lines.as_ref()?;
        let first = lines.large.values().next().or_else(|| lines.small.values().next());
        first.map(|waiting| waiting.cost)
    }

    /// Everybody must ask anew.
    pub(crate) fn recheck_all(&mut self, wakes: &mut Vec<Waker>) {
        let Some(lines) = &mut self.lines else { return };
        lines.saved = 0;
        for queue in [&mut lines.small, &mut lines.large] {
            for (key, waiting) in std::mem::take(queue) {
                lines.granted.insert(key, Granted::Recheck);
                wakes.push(waiting.waker);
            }
        }
    }

    #[cfg(all(test, protocall_loom))]
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.as_ref().is_none_or(|lines| lines.is_empty())
    }

    /// Gives memory back if nobody waits.
    pub(crate) fn shrink(&mut self) {
        if self.lines.as_ref().is_some_and(|lines| lines.is_empty()) {
            self.lines = None;
        }
    }
}

impl Lines {
    fn is_empty(&self) -> bool {
        self.small.is_empty() && self.large.is_empty() && self.granted.is_empty()
    }

    fn give(&mut self, key: u64, permit: Permit, wakes: &mut Vec<Waker>) {
        let waiting = self.small.remove(&key).or_else(|| self.large.remove(&key));
        if let Some(waiting) = waiting {
            self.granted.insert(key, Granted::Permit(permit));
            wakes.push(waiting.waker);
        }
    }

    fn queue(&mut self, cost: u64) -> &mut BTreeMap<u64, Waiting> {
        if cost > LARGE { &mut self.large } else { &mut self.small }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_when_nobody_waits_and_no_permit_lies_there() {
        let (mut waiters, permit) = (Waiters::default(), Permit { number: 7 });
        let key = waiters.join(100, Waker::noop());
        waiters.shrink();
        assert!(waiters.wait() && waiters.must_queue(100) && !waiters.must_queue(1 << 20));
        waiters.grant(|_, _| Ok(permit), &mut Vec::new());
        waiters.shrink();
        assert_eq!(waiters.poll(key, Waker::noop()), Some(Granted::Permit(permit)));
        waiters.shrink();
        assert!(waiters.lines.is_none());
        assert_eq!(waiters.poll(key, Waker::noop()), Some(Granted::Recheck), "once");
    }

    #[test]
    fn what_a_large_one_leaves_is_halved_for_the_next_and_not_what_there_was_before_it() {
        let (mut waiters, mut wakes, large) = (Waiters::default(), Vec::new(), 4 << 20);
        let mut credit = large + 1_000;
        for cost in [large, large, 174] {
            waiters.join(cost, Waker::noop());
        }
        waiters.grant(
            |cost, keep| match credit >= cost + keep {
                true => {
                    credit -= cost;
                    Ok(Permit { number: 7 })
                }
                false => Err(credit),
            },
            &mut wakes,
        );
        assert_eq!((wakes.len(), credit, waiters.keep(174)), (2, 1_000 - 174, 500));
    }
}
