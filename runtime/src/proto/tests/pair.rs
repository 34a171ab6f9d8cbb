//! Two machines, a network between them that really encodes, splits and decodes, and one clock for all.

use super::*;

/// Numbers that look random and are the same in every run.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to one less than `sides`.
    pub(super) fn below(&mut self, sides: usize) -> usize {
        (self.next() % sides as u64) as usize
    }

    pub(super) fn one_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }
}

/// One direction of the network.
pub(super) struct Way {
    air: VecDeque<(Instant, Vec<u8>)>,
    pub(super) latency: Duration,
    /// The transport takes nothing.
    pub(super) stalled: bool,
    /// After so many bytes the connection breaks.
    pub(super) cut_at: Option<u64>,
    /// What is in the air is lost when the connection breaks.
    pub(super) loses: bool,
    pub(super) sent: u64,
}

impl Way {
    fn new() -> Self {
        Self {
            air: VecDeque::new(),
            latency: Duration::ZERO,
            stalled: false,
            cut_at: None,
            loses: false,
            sent: 0,
        }
    }

    fn room(&self) -> usize {
        match (self.stalled, self.cut_at) {
            (true, _) => 0,
            (_, Some(at)) => (at - self.sent.min(at)) as usize,
            (false, None) => usize::MAX,
        }
    }

    fn is_cut(&self) -> bool {
        self.cut_at.is_some_and(|at| self.sent >= at)
    }
}

/// Two ends: `a` dialled, `b` accepted.
pub(super) struct Pair {
    pub(super) a: End,
    pub(super) b: End,
    pub(super) to_b: Way,
    pub(super) to_a: Way,
    pub(super) now: Instant,
    /// Bytes arrive in pieces of up to so many; 0: as they were written.
    pub(super) pieces: usize,
    dice: Dice,
    is_cut: bool,
}

impl Pair {
    /// Two ends that have read each other's HELLO.
    pub(super) fn new(config: &Config) -> Self {
        let mut pair = Self::strangers(config, config);
        pair.drive();
        assert!(pair.a.is_ready && pair.b.is_ready);
        pair
    }

    /// Two ends that have just connected.
    pub(super) fn strangers(a: &Config, b: &Config) -> Self {
        let now = test_clock();
        Self {
            a: End::new(Role::Dialler, a, now),
            b: End::new(Role::Acceptor, b, now),
            to_b: Way::new(),
            to_a: Way::new(),
            now,
            pieces: 0,
            dice: Dice::new(1),
            is_cut: false,
        }
    }

    pub(super) fn seed(&mut self, seed: u64) {
        self.dice = Dice::new(seed);
        self.a.reads_straight(seed % 3 > 0);
        self.b.reads_straight(seed % 5 > 0);
    }

    /// Writes and delivers once, as far as goes now. True: something moved.
    pub(super) fn pump(&mut self) -> bool {
        let mut moved = false;
        for (from, way) in [(&mut self.a, &mut self.to_b), (&mut self.b, &mut self.to_a)] {
            let most = way.room().min(if self.pieces == 0 { usize::MAX } else { 4 * self.pieces });
            let bytes = from.write(most);
            way.sent += bytes.len() as u64;
            if !bytes.is_empty() {
                way.air.push_back((self.now + way.latency, bytes));
                moved = true;
            }
        }
        for (to, way) in [(&mut self.b, &mut self.to_b), (&mut self.a, &mut self.to_a)] {
            while way.air.front().is_some_and(|(at, _)| *at <= self.now) {
                let Some((_, bytes)) = way.air.pop_front() else { break };
                moved = true;
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let n = if self.pieces == 0 { rest.len() } else { 1 + self.dice.below(self.pieces) };
                    let (piece, more) = rest.split_at(n.min(rest.len()));
                    to.feed(piece);
                    rest = more;
                }
            }
        }
        self.check_cut() || moved
    }

    /// Breaks the connection once the byte is reached at which it shall break.
    fn check_cut(&mut self) -> bool {
        let due = !self.is_cut && (self.to_a.is_cut() || self.to_b.is_cut());
        if due {
            self.cut();
        }
        due
    }

    /// The connection breaks now; what is in the air arrives first, or is lost.
    pub(super) fn cut(&mut self) {
        self.is_cut = true;
        for (to, way) in [(&mut self.b, &mut self.to_b), (&mut self.a, &mut self.to_a)] {
            way.stalled = true;
            let loses = way.loses;
            way.air.drain(..).filter(|_| !loses).for_each(|(_, bytes)| to.feed(&bytes));
        }
        self.a.cut();
        self.b.cut();
    }

    /// Whether the connection broke before it had ended.
    pub(super) fn has_broken(&self) -> bool {
        [&self.a, &self.b].iter().any(|end| end.ledger.is_cut())
    }

    /// What `a`'s driver holds now reaches `b`, and nothing else is written.
    pub(super) fn drive_batch(&mut self) {
        let mut slices = [IoSlice::new(&[]); 1];
        while self.a.batch.slices(&mut slices) == 1 {
            let bytes = slices[0].to_vec();
            self.a.batch.advance(bytes.len());
            self.b.feed(&bytes);
            slices = [IoSlice::new(&[]); 1];
        }
        let bytes = self.b.write(usize::MAX);
        self.a.feed(&bytes);
    }

    /// Until nothing moves any more; time goes on only as far as latency needs it.
    pub(super) fn drive(&mut self) {
        for _ in 0..1_000_000 {
            while self.pump() {}
            let next =
                self.to_a.air.front().into_iter().chain(self.to_b.air.front()).map(|(at, _)| *at).min();
            let Some(at) = next else { return };
            self.set_time(at);
        }
        panic!("it does not come to rest");
    }

    /// Time goes on by so much, and everything that is due happens at its time.
    pub(super) fn step(&mut self, by: Duration) {
        let until = self.now + by;
        for _ in 0..1_000_000 {
            while self.pump() {}
            let air = self.to_a.air.front().into_iter().chain(self.to_b.air.front()).map(|(at, _)| *at);
            let timers = [&self.a, &self.b].into_iter().filter_map(|end| end.conn.poll_timeout());
            let Some(at) = air.chain(timers).min().filter(|at| *at <= until) else {
                self.set_time(until);
                while self.pump() {}
                return;
            };
            self.set_time(at.max(self.now));
        }
        panic!("time does not go on");
    }

    fn set_time(&mut self, now: Instant) {
        self.now = now;
        self.a.time_out(now);
        self.b.time_out(now);
    }

    /// Nothing is left of anything: no call, no credit spent and not given back, no deadline.
    #[track_caller]
    pub(super) fn assert_idle(&mut self) {
        self.drive();
        for end in [&mut self.a, &mut self.b] {
            assert!(end.ended.is_none(), "{:?}", end.ended);
            let flight = end.conn.in_flight();
            assert_eq!(
                (flight.calling, flight.serving, flight.unsent, flight.held),
                (0, 0, 0, 0),
                "{flight:?}"
            );
            assert!(end.conn.deadlines.is_empty(), "a deadline is left");
            assert!(end.conn.replies_waiting.is_empty());
            assert!(end.calls.is_empty(), "{:?}", end.calls);
            assert!(!end.has_output());
            assert!(end.answers.is_empty(), "{:?}", end.answers);
        }
        for (from, to) in [(&self.a.conn, &self.b.conn), (&self.b.conn, &self.a.conn)] {
            assert_eq!(from.calls_account.spent(), to.calls_grant.spent(), "calls: both ends count the same");
            assert_eq!(
                from.replies_account.spent(),
                to.replies_grant.spent(),
                "replies: both ends count the same"
            );
            assert!(to.calls_grant.is_whole(), "{:?}", to.calls_grant);
            assert!(to.replies_grant.is_whole(), "{:?}", to.replies_grant);
            for (lane, inn) in from.lanes.out.iter().zip(&to.lanes.inn) {
                assert_eq!(lane.account.spent(), inn.grant.spent(), "a lane: both ends count the same");
                assert!(inn.grant.is_whole() && inn.under_way.is_none(), "{inn:?}");
            }
        }
    }
}

#[test]
fn a_call_is_answered_whatever_the_bytes_are_split_into() {
    for pieces in [0, 1, 2, 3, 7, 1_000] {
        let mut pair = Pair::new(&Config::default());
        pair.pieces = pieces;
        let lens = [0, 8, 110, 65_535, 65_536, 65_537, 300_000];
        for (tag, len) in lens.into_iter().enumerate() {
            let number = pair.a.call(Ask::of(len).tag(tag as u64));
            pair.drive();
            assert_eq!(pair.a.success(number), body(tag as u64, len));
        }
        pair.assert_idle();
    }
}

#[test]
fn both_ends_call_at_once_before_either_has_read_a_hello() {
    let mut pair = Pair::strangers(&Config::default(), &Config::default());
    pair.to_a.latency = 30 * MS;
    pair.to_b.latency = 70 * MS;
    let (a, b) = (pair.a.call(Ask::of(110)), pair.b.call(Ask::of(20_000)));
    pair.drive();
    assert_eq!((pair.a.success(a).len(), pair.b.success(b).len()), (110, 20_000));
    pair.assert_idle();
}
