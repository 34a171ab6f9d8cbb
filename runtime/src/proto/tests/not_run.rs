//! "Not run" is the truth (wire 13), and all of it, whatever happens when: calls of both ends, small and large, given up,
//! expired, cut at any byte, drained and closed at any time, over any latency. That it is never said of a call that ran is
//! checked here, against what was dispatched; that it is said whenever a rule allows it, by each end's [`Ledger`].

use std::collections::BTreeMap;

use super::ledger::NotRun;
use super::pair::{Dice, Pair};
use super::*;
use crate::Code;

/// What became of a call: its tag, and its answers.
struct Made {
    number: u32,
    tag: u64,
    given_up: bool,
}

/// One end's calls of one case.
#[derive(Default)]
struct Calls {
    open: Vec<Made>,
    /// For each tag, whether its answer says that it was not run.
    told: BTreeMap<u64, bool>,
    succeeded: Vec<u64>,
    given_up: Vec<u64>,
    expired: usize,
}

/// How much happened in all cases together.
#[derive(Debug, Default)]
struct Happened {
    cuts: usize,
    time_outs: usize,
    go_aways: usize,
    given_up: usize,
    /// Answers that say "not run", by their rule, and those that do not.
    not_run: BTreeMap<NotRun, usize>,
    may_have_run: usize,
}

impl Happened {
    fn add(&mut self, pair: &Pair, made: &[Calls; 2]) {
        self.cuts += usize::from(pair.has_broken());
        for (end, made) in [(&pair.a, &made[0]), (&pair.b, &made[1])] {
            self.time_outs += made.expired;
            self.given_up += made.given_up.len();
            self.go_aways += end.ledger.go_aways;
            for rule in &end.ledger.told {
                match rule {
                    Some(rule) => *self.not_run.entry(*rule).or_default() += 1,
                    None => self.may_have_run += 1,
                }
            }
        }
    }
}

impl Calls {
    /// Takes the answers that are there.
    fn collect(&mut self, end: &mut End) {
        for (number, answer) in std::mem::take(&mut end.answers) {
            let at = self.open.iter().position(|made| made.number == number && !made.given_up);
            let made = self.open.remove(at.expect("an answer belongs to a call that waits for one"));
            let expired =
                matches!(&answer, Answer::Local(status) if status.code() == Code::DEADLINE_EXCEEDED);
            self.expired += usize::from(expired);
            let not_run = match answer {
                Answer::Message { payload, .. } => {
                    assert_eq!(tag_of(&payload), made.tag, "no reply meets another call");
                    self.succeeded.push(made.tag);
                    false
                }
                Answer::Failed { status, .. } => status.not_run,
                Answer::Local(status) => !status.may_have_run(),
            };
            assert!(self.told.insert(made.tag, not_run).is_none(), "a call is answered once");
        }
    }
}

fn config(dice: &mut Dice) -> Config {
    Config {
        max_message: 65_536,
        max_metadata: 4_096,
        receive_budget: 131_072,
        max_fragment: 16_384,
        max_in_flight: 64,
        send_buffer: if dice.one_in(2) { 30_000 } else { 1 << 20 },
        keepalive_idle: if dice.one_in(4) { 80 * MS } else { 20 * SECOND },
        max_timeout: dice.one_in(8).then_some(15 * MS),
        ..Config::default()
    }
}

fn handler(dice: &mut Dice) -> Handler {
    [Handler::Echo, Handler::Wait, Handler::Stubborn][dice.below(3)]
}

fn open_one(end: &mut End, made: &mut Calls, tag: u64, dice: &mut Dice) {
    let len = if dice.one_in(3) { 20_000 + dice.below(40_000) } else { 8 + dice.below(200) };
    let ask = Ask::of(len).tag(tag);
    let ask = if dice.one_in(2) { ask.within(dice.below(30) as u32 * MS) } else { ask };
    match end.open(ask) {
        Ok(Some(number)) => made.open.push(Made { number, tag, given_up: false }),
        Ok(None) => {}
        Err(status) => assert!(!status.may_have_run(), "nothing was sent: {status}"),
    }
    made.collect(end);
}

fn act(pair: &mut Pair, made: &mut [Calls; 2], tag: u64, dice: &mut Dice) {
    let which = dice.below(2);
    let end = if which == 0 { &mut pair.a } else { &mut pair.b };
    let mine = &mut made[which];
    match dice.below(24) {
        0..=8 => open_one(end, mine, tag, dice),
        9 | 10 if !mine.open.is_empty() => {
            let at = dice.below(mine.open.len());
            let call = mine.open.remove(at);
            mine.given_up.push(call.tag);
            end.give_up(call.number);
        }
        11..=13 if !end.calls.is_empty() => {
            let at = dice.below(end.calls.len());
            let (number, message) = (end.calls[at].id.number(), end.calls[at].message.clone());
            end.reply(number, message);
        }
        14 if dice.one_in(2) => end.conn.drain(end.now),
        15 if dice.one_in(4) => {
            let code = if dice.one_in(2) { EndCode::None } else { EndCode::Overloaded };
            end.conn.fail(code, "over");
            end.settle();
        }
        16 => end.handler = handler(dice),
        17 => (if dice.one_in(2) { &mut pair.to_a } else { &mut pair.to_b }).stalled ^= true,
        18 | 19 => pair.step(dice.below(20) as u32 * MS),
        20 => pair.drive(),
        _ => {
            pair.pump();
        }
    }
    mine_collect(pair, made);
}

fn mine_collect(pair: &mut Pair, made: &mut [Calls; 2]) {
    made[0].collect(&mut pair.a);
    made[1].collect(&mut pair.b);
}

fn run_case(seed: u64) -> (Pair, [Calls; 2]) {
    let mut dice = Dice::new(seed);
    let mut pair = Pair::strangers(&config(&mut dice), &config(&mut dice));
    pair.seed(seed);
    pair.pieces = [0, 40, 5_000][dice.below(3)];
    (pair.to_a.latency, pair.to_b.latency) = (dice.below(12) as u32 * MS, dice.below(12) as u32 * MS);
    (pair.a.handler, pair.b.handler) = (handler(&mut dice), handler(&mut dice));
    if dice.one_in(2) {
        let way = if dice.one_in(2) { &mut pair.to_a } else { &mut pair.to_b };
        let most = if dice.one_in(2) { 1_500 } else { 60_000 };
        way.cut_at = Some(dice.below(most) as u64);
        way.loses = dice.one_in(2);
    }
    let mut made = [Calls::default(), Calls::default()];
    for tag in 1..=4 + dice.below(30) as u64 {
        act(&mut pair, &mut made, tag, &mut dice);
    }
    finish(&mut pair, &mut made, &mut dice);
    check(&pair, &made);
    (pair, made)
}

/// Everything comes to its end: handlers answer, time goes on, and in half of the cases the connection breaks.
fn finish(pair: &mut Pair, made: &mut [Calls; 2], dice: &mut Dice) {
    let survives = pair.to_a.cut_at.or(pair.to_b.cut_at).is_none() && dice.one_in(2);
    if survives {
        (pair.to_a.stalled, pair.to_b.stalled) = (false, false);
        for _ in 0..4 {
            for end in [&mut pair.a, &mut pair.b] {
                end.handler = Handler::Echo;
                while let Some(call) = end.calls.front() {
                    let (number, message) = (call.id.number(), call.message.clone());
                    end.reply(number, message);
                }
            }
            pair.step(50 * MS);
            mine_collect(pair, made);
        }
    }
    if survives && pair.a.ended.is_none() && pair.b.ended.is_none() {
        assert!(made.iter().all(|made| made.open.is_empty()), "every call was answered");
        pair.assert_idle();
    } else {
        pair.cut();
        mine_collect(pair, made);
    }
}

fn check(pair: &Pair, made: &[Calls; 2]) {
    for (end, made, callee) in [(&pair.a, &made[0], &pair.b), (&pair.b, &made[1], &pair.a)] {
        assert!(made.open.is_empty(), "every call was answered");
        let mut journal = callee.journal.clone();
        journal.sort_unstable();
        let runs = journal.len();
        journal.dedup();
        assert_eq!(journal.len(), runs, "a call is dispatched once");
        for (tag, not_run) in &made.told {
            let has_run = journal.binary_search(tag).is_ok();
            assert!(!(*not_run && has_run), "call {tag} is said not to have run, and has");
        }
        assert!(made.succeeded.iter().all(|tag| journal.binary_search(tag).is_ok()));
        let known = |tag: &u64| made.told.contains_key(tag) || made.given_up.contains(tag);
        assert!(journal.iter().all(known), "what has run was called");
        let flight = end.conn.in_flight();
        assert_eq!((flight.calling, flight.serving * usize::from(end.ended.is_some())), (0, 0));
    }
}

#[test]
fn not_run_is_the_truth_in_ten_thousand_cuts_and_time_outs_and_go_aways() {
    let mut happened = Happened::default();
    for seed in 0..16_000 {
        let run = std::panic::catch_unwind(|| run_case(seed));
        let Ok((pair, made)) = run else { panic!("seed {seed}") };
        happened.add(&pair, &made);
    }
    let Happened { cuts, time_outs, go_aways, given_up, not_run, may_have_run } = &happened;
    assert!(*cuts >= 10_000 && *time_outs >= 10_000 && *go_aways >= 5_000, "{happened:?}");
    assert!(*given_up >= 5_000 && *may_have_run >= 10_000, "{happened:?}");
    for (rule, least) in [
        (NotRun::Withdrawn, 5_000),
        (NotRun::CutShort, 2_000),
        (NotRun::BeyondCount, 1_000),
        (NotRun::Replied, 20),
    ] {
        assert!(not_run.get(&rule).is_some_and(|told| *told >= least), "{rule:?}: {happened:?}");
    }
}

/// 13.2: how many bytes the transport took decides, for a small call to the byte.
#[test]
fn a_call_cut_before_its_last_byte_was_not_run() {
    for len in [8, 40_000] {
        let mut probe = Pair::new(&config(&mut Dice::new(1)));
        let begin = probe.to_b.sent;
        probe.b.handler = Handler::Wait;
        probe.a.call(Ask::of(len));
        probe.drive();
        let end = probe.to_b.sent;
        for cut in [begin + 1, begin + 30, end - 1, end] {
            let mut pair = Pair::new(&config(&mut Dice::new(1)));
            pair.b.handler = Handler::Wait;
            pair.to_b.cut_at = Some(cut);
            let number = pair.a.call(Ask::of(len));
            while pair.pump() {}
            let status = pair.a.failure(number);
            assert_eq!(status.may_have_run(), cut == end, "cut at {cut} of {begin} to {end}");
            assert_eq!(pair.b.journal.len(), usize::from(cut == end));
        }
    }
}
