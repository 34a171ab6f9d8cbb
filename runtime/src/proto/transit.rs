//! How much of large messages is on its way at once: as much as keeps the way busy, and no more. All else that goes to the
//! peer, calls and answers, stands behind it, in transports whose buffers take many megabytes, and in the peer's. Behind
//! the fragments goes a PING; its PONG says that the peer has read them, and how long that took (wire 11.1).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Connection;

/// So much may be on its way in any case. At the rate of loopback it is a third of a millisecond.
const LEAST: u64 = 256 << 10;
/// A PING goes behind so many bytes.
const MARK: u64 = 64 << 10;

/// What of large messages has left, and what the peer has read.
#[derive(Debug)]
pub(super) struct Transit {
    sent: u64,
    /// Up to where a PING went behind.
    marked: u64,
    read: u64,
    /// What may be on its way.
    window: u64,
    /// How long a PONG took at least: the way there and back, when nothing else was on it.
    way: Option<Duration>,
    /// PINGs without a PONG; each stands for `MARK` or more.
    marks: VecDeque<Mark>,
}

/// A PING, as it was when it left.
#[derive(Debug)]
struct Mark {
    number: u64,
    at: Instant,
    sent: u64,
    read: u64,
}

impl Default for Transit {
    fn default() -> Self {
        Self { sent: 0, marked: 0, read: 0, window: LEAST, way: None, marks: VecDeque::new() }
    }
}

impl Transit {
    /// How many bytes more may leave now.
    fn room(&self) -> usize {
        usize::try_from(self.window.saturating_sub(self.sent - self.read)).unwrap_or(usize::MAX)
    }

    /// So many bytes of fragments leave. True: a PING is to follow them.
    pub(super) fn left(&mut self, bytes: u64) -> bool {
        self.sent += bytes;
        self.sent - self.marked >= MARK
    }

    /// The PING that follows.
    pub(super) fn marked(&mut self, number: u64, now: Instant) {
        let Self { sent, read, .. } = *self;
        self.marked = sent;
        self.marks.push_back(Mark { number, at: now, sent, read });
    }

    /// A PONG, which answers all PINGs up to its own.
    pub(super) fn answered(&mut self, number: u64, now: Instant) {
        let mut newest = None;
        while self.marks.front().is_some_and(|mark| mark.number <= number) {
            newest = self.marks.pop_front();
        }
        let Some(mark) = newest else { return };
        self.read = mark.sent;
        let took = now.saturating_duration_since(mark.at).max(Duration::from_nanos(1));
        let way = self.way.map_or(took, |way| way.min(took));
        self.way = Some(way);
        // Twice what the way takes at this rate: so it doubles until that no longer makes it faster.
        let through = (mark.sent - mark.read) as f64 * way.div_duration_f64(took);
        self.window = LEAST.saturating_add(2 * through as u64);
    }

    /// Whether the peer has read everything.
    fn has_arrived(&self) -> bool {
        self.marks.is_empty()
    }
}

impl Connection {
    /// How many bytes of large messages may leave now.
    pub(super) fn transit_room(&self) -> usize {
        self.transit.as_ref().map_or(LEAST as usize, |transit| transit.room())
    }

    /// Nothing has come or gone for some time.
    pub(super) fn rest_transit(&mut self) {
        if self.transit.as_ref().is_some_and(|transit| transit.has_arrived()) {
            self.transit = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_clock;
    use super::*;

    /// Sends all that may be sent, a mark at a time, over a way of this length and rate (bytes a millisecond), for a while.
    /// The most that was on its way in the end.
    fn run(way: Duration, rate: u64) -> u64 {
        let (mut transit, start) = (Transit::default(), test_clock());
        let (mut now, mut free_at, mut number, mut most) = (start, start, 0, 0);
        let mut pongs = VecDeque::new();
        for step in 0..20_000 {
            while transit.room() > 0 {
                number += 1;
                assert!(transit.left(MARK));
                transit.marked(number, now);
                free_at = free_at.max(now) + Duration::from_nanos(MARK * 1_000_000 / rate);
                pongs.push_back((free_at + way, number));
            }
            if step > 10_000 {
                most = most.max(transit.sent - transit.read);
            }
            let (at, number) = pongs.pop_front().expect("something is on its way");
            now = at;
            transit.answered(number, now);
        }
        most
    }

    #[test]
    fn what_is_on_its_way_grows_to_what_the_way_holds_and_no_further() {
        for (way, rate) in [(1, 100_000), (20, 12_500), (100, 125_000)] {
            let holds = way * rate;
            let most = run(Duration::from_millis(way), rate);
            assert!(most >= holds, "{most} keep a way busy that holds {holds}");
            assert!(most <= 2 * holds + 3 * LEAST, "{most} on a way that holds {holds}");
        }
    }

    #[test]
    fn a_way_that_is_short_gets_the_least() {
        assert!(run(Duration::from_micros(20), 700_000) <= LEAST + 2 * LEAST);
    }

    #[test]
    fn a_pong_answers_all_before_it_and_none_is_waited_for_twice() {
        let (mut transit, now) = (Transit::default(), test_clock());
        for number in 1..=4 {
            assert!(transit.left(MARK));
            transit.marked(number, now);
        }
        assert_eq!(transit.room(), 0);
        transit.answered(3, now + Duration::from_millis(1));
        assert!(transit.room() >= 3 * MARK as usize);
        let room = transit.room();
        transit.answered(3, now + Duration::from_millis(9));
        assert_eq!(transit.room(), room);
        assert!(!transit.has_arrived(), "one is still on its way");
        transit.answered(4, now + Duration::from_millis(9));
        assert!(transit.has_arrived());
    }
}
