//! The short way to open a call does what the long one does, or nothing.

use super::pair::{Dice, Pair};
use super::*;

impl End {
    /// As [`open`](Self::open), by the short way if that is open, and counted.
    fn open_plainly(&mut self, ask: Ask, count: &mut usize) -> Result<Option<u32>, Status> {
        let (OpenRoute::Spec(spec), true) = (ask.route(), ask.block.is_empty()) else {
            return self.open(ask);
        };
        let Some((permit, route)) = self.conn.reserve_plain(spec, ask.len) else { return self.open(ask) };
        let Ask { tag, len, limit, block, shape, .. } = ask;
        let opening = Opening { route: ask.route(), shape, left: limit, limit, block, len };
        *count += 1;
        self.ledger.opened(permit.number);
        let opened =
            self.conn.open_call_to(route, permit, opening, |out| out.extend_from_slice(&body(tag, len)));
        assert!(opened.is_ok(), "{opened:?}");
        self.conn.stamp(self.now);
        self.settle();
        Ok(Some(permit.number))
    }
}

/// What is to be the same on both ways.
fn seen(pair: &mut Pair) -> impl PartialEq + std::fmt::Debug + use<> {
    let (conn, now) = (&pair.a.conn, pair.now);
    let bytes = (pair.to_b.sent, pair.to_a.sent, conn.in_flight(), conn.call_credit());
    (
        bytes,
        conn.has_output(),
        conn.poll_timeout().map(|at| at.saturating_duration_since(now)),
        pair.b.journal.len(),
        format!("{:?}", pair.a.answers),
    )
}

/// Sizes about every limit that there is.
fn len(dice: &mut Dice, config: &Config) -> usize {
    let limits = [8, 1_000, config.max_fragment - 64, config.max_fragment, config.max_message, 16_384];
    (limits[dice.below(limits.len())] + dice.below(80)).saturating_sub(40).max(8)
}

fn run(seed: u64) -> usize {
    let mut dice = Dice::new(seed);
    let config = Config {
        max_in_flight: 64,
        max_message: [65_536, 100_000][dice.below(2)],
        receive_budget: [131_072, 300_000][dice.below(2)],
        send_buffer: [4_096, 100_000][dice.below(2)],
        max_fragment: [16_384, 65_536][dice.below(2)],
        ..Config::default()
    };
    let mut pairs = [Pair::strangers(&config, &config), Pair::strangers(&config, &config)];
    let mut plain = 0;
    for turn in 0..300 {
        let (what, pick, ask) = (dice.below(12), dice.below(64), Ask::of(len(&mut dice, &config)).tag(turn));
        let ask = Ask {
            limit: [None, Some(SECOND), Some(2 * SECOND)][dice.below(3)],
            name: dice.one_in(6).then_some("test.Echo/ByName"),
            ..ask
        };
        let opened = pairs.each_mut().map(|pair| {
            pair.b.handler = if what == 0 { Handler::Echo } else { Handler::Wait };
            match what {
                0..6 => return true,
                6..8 => pair.drive(),
                8 => _ = pair.pump(),
                9 => pair.step(300 * MS),
                10 if turn > 250 => pair.b.conn.drain(pair.now),
                _ => {
                    if let Some(number) = pair.b.calls.get(pick).map(|call| call.id.number()) {
                        pair.b.reply(number, Bytes::new());
                    }
                }
            }
            false
        });
        if opened[0] {
            let [short, long] = &mut pairs;
            let ways = [short.a.open_plainly(ask, &mut plain), long.a.open(ask)];
            let ways = ways.map(|way| way.map_err(|why| why.to_string()));
            assert_eq!(ways[0], ways[1], "seed {seed}, turn {turn}: {ask:?}");
        }
        let [short, long] = pairs.each_mut().map(seen);
        assert_eq!(short, long, "seed {seed}, turn {turn}, {what}");
    }
    plain
}

#[test]
fn a_call_is_the_same_by_the_short_way_and_by_the_long_one() {
    let opened: usize = (0..100).map(run).sum();
    assert!(opened > 1_000, "{opened} calls");
}
