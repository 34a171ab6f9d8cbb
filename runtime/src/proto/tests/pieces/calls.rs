//! Calls: a request and its answer.

use super::super::pair::{Dice, Pair};
use super::super::raw::*;
use super::super::*;
use super::line::Line;
use super::*;
use crate::Code;
use crate::frame::{CallId, EndCode, FragmentOf};

#[test]
fn a_call_goes_on_before_it_is_whole_and_so_does_its_answer() {
    let mut line = Line::new();
    // What is lent to the driver for more is passed on with that.
    line.near.b.reads_straight(false);
    line.far.a.reads_straight(false);
    let number = line.near.a.call(Ask::of(LEN).tag(7));
    carry(&mut line.near.a, &mut line.near.b, LEN / 2);
    line.pass();
    line.far.drive();
    let arrived = line.arrived().expect("it is under way");
    assert!((350..650).contains(&arrived), "{arrived} of {LEN} bytes, half of them sent");
    assert!(line.far.b.journal.is_empty(), "what is not whole is not run");

    carry(&mut line.near.a, &mut line.near.b, usize::MAX);
    line.pass();
    carry(&mut line.far.a, &mut line.far.b, usize::MAX);
    assert_eq!(line.far.b.journal, [7]);
    carry(&mut line.far.b, &mut line.far.a, LEN / 2);
    assert_eq!(line.far.a.replies_begun.len(), 1);
    line.pass();
    line.near.drive();
    let of = FragmentOf::Call(CallId::new(Role::Dialler, number));
    let missing = line.near.a.conn.under_way(of).expect("the answer is under way").missing();
    assert!((350..650).contains(&missing), "{missing} of {LEN} bytes are to come, half of them sent");

    line.drive();
    assert_eq!(line.near.a.success(number), body(7, LEN));
    line.near.assert_idle();
    line.far.assert_idle();
}

#[test]
fn a_request_that_breaks_off_is_given_up_where_it_went_and_was_not_run() {
    // Cancelled by its caller; its time is up; its connection breaks; that of the upstream does; the upstream refuses it.
    for what in 0..5 {
        let mut line = Line::new();
        let ask = Ask { limit: (what == 1).then_some(5 * MS), ..Ask::of(LEN) };
        let number = line.near.a.call(ask);
        carry(&mut line.near.a, &mut line.near.b, LEN / 2);
        line.pass();
        line.far.drive();
        assert!(line.arrived().is_some());
        match what {
            0 => line.near.a.give_up(number),
            1 => line.near.step(SECOND),
            2 => line.near.cut(),
            3 => line.far.cut(),
            _ => line.far.b.conn.drain(line.far.now),
        }
        line.drive();
        match what {
            0 | 2 => {}
            // Its caller cannot know.
            1 => assert_eq!(line.near.a.failure(number).code(), Code::DEADLINE_EXCEEDED),
            3 => assert!(!line.near.a.failure(number).may_have_run()),
            // Who drains finishes what was begun.
            _ => assert_eq!(line.near.a.success(number), body(0, LEN)),
        }
        let ran = what == 4;
        assert_eq!(!line.far.b.journal.is_empty(), ran, "{what}");
        if !matches!(what, 2) {
            line.near.assert_idle();
        }
        if !matches!(what, 3 | 4) {
            line.far.assert_idle();
        }
    }
}

#[test]
fn an_answer_that_breaks_off_is_an_error_and_never_looks_whole() {
    for what in 0..3 {
        let mut line = Line::new();
        let number = line.near.a.call(Ask::of(LEN));
        carry(&mut line.near.a, &mut line.near.b, LEN / 2);
        line.pass();
        carry(&mut line.near.a, &mut line.near.b, usize::MAX);
        line.pass();
        carry(&mut line.far.a, &mut line.far.b, usize::MAX);
        carry(&mut line.far.b, &mut line.far.a, LEN / 2);
        line.pass();
        line.near.drive();
        match what {
            0 => {
                line.far.to_a.loses = true;
                line.far.cut();
            }
            1 => line.near.a.give_up(number),
            _ => line.near.cut(),
        }
        line.drive();
        if what == 0 {
            assert_eq!(line.near.a.failure(number).code(), Code::DATA_LOSS);
            // The number is used again, and what the old call still had is not the new one's.
            line.near.b.handler = Handler::Echo;
            line.near.b.begun.clear();
            let again = line.near.a.call(Ask::of(LEN).tag(3));
            assert_eq!(again, number);
            line.near.drive();
            let key = line.reply.expect("it was begun");
            assert!(!line.near.b.conn.reply_came(key, Bytes::from_static(b"late")));
            assert_eq!(line.near.a.success(again), body(3, LEN));
        }
        if what < 2 {
            line.near.assert_idle();
        }
    }
}

#[test]
fn pieces_of_a_reply_that_waits_for_credit_are_kept_for_it_alone() {
    let mut pair = Pair::new(&config());
    pair.b.handler = Handler::Wait;
    let numbers = [(); 3].map(|()| pair.a.call(Ask::of(8)));
    pair.to_b.stalled = false;
    pair.drive();
    // Its credit is spent by what the caller has not read.
    let account = &mut pair.b.conn.replies_account;
    let spent = account.available() - 200;
    account.spend(spent);
    let keys = numbers.map(|number| pair.b.conn.begin_reply(number, Bytes::new(), LEN));
    assert!(pair.b.conn.reply_came(keys[1], body(1, LEN)));
    assert!(pair.b.conn.reply_came(keys[0], body(0, LEN).slice(..400)));
    pair.b.conn.break_reply(keys[2], &Status::data_loss("gone"));
    assert!(!pair.b.conn.reply_came(keys[2], Bytes::from_static(b"late")));
    pair.b.conn.replies_account.refund(spent);
    pair.b.conn.pump_replies();
    assert!(pair.b.conn.reply_came(keys[0], body(0, LEN).slice(400..)));
    pair.b.calls.clear();
    pair.drive();
    assert_eq!(pair.a.success(numbers[0]), body(0, LEN));
    assert_eq!(pair.a.success(numbers[1]), body(1, LEN));
    assert_eq!(pair.a.failure(numbers[2]).code(), Code::DATA_LOSS);
    pair.assert_idle();
}

/// A call over a line on which bytes arrive a few at a time, and something happens.
struct Fated {
    line: Line,
    number: u32,
    up: Vec<u8>,
    down: Vec<u8>,
    dice: Dice,
}

impl Fated {
    fn new(seed: u64, ask: Ask) -> Self {
        let mut line = Line::new();
        line.near.seed(seed);
        line.far.seed(seed);
        let number = line.near.a.call(ask);
        Self { line, number, up: Vec::new(), down: Vec::new(), dice: Dice::new(!seed) }
    }

    fn step(&mut self) {
        let Self { line, up, down, dice, .. } = self;
        up.extend(line.near.a.write(dice.below(300)));
        let some = dice.below(200).min(up.len());
        line.near.b.feed(&up.drain(..some).collect::<Vec<_>>());
        line.pass();
        line.leave();
        carry(&mut line.far.a, &mut line.far.b, dice.below(300));
        carry(&mut line.far.b, &mut line.far.a, dice.below(300));
        line.pass();
        down.extend(line.near.b.write(dice.below(300)));
        let some = dice.below(200).min(down.len());
        line.near.a.feed(&down.drain(..some).collect::<Vec<_>>());
    }

    /// What is on its way arrives.
    fn arrive(&mut self) {
        self.line.near.b.feed(&std::mem::take(&mut self.up));
        self.line.near.a.feed(&std::mem::take(&mut self.down));
    }

    /// True: the caller waits no more.
    fn happens(&mut self, what: usize) -> bool {
        self.arrive();
        match what {
            0 => self.line.near.step(SECOND),
            1 if self.line.near.a.answers.is_empty() => {
                self.line.near.a.give_up(self.number);
                return true;
            }
            2 => self.line.far.cut(),
            _ => {}
        }
        false
    }
}

/// Whatever happens when, each call ends once, as it should, and nothing is left of it.
#[test]
fn calls_that_are_passed_on_in_pieces_end_as_they_should_wherever_they_are_cut() {
    let (mut whole, mut broken) = (0, 0);
    for seed in 0..600 {
        let mut dice = Dice::new(seed);
        let len = 250 + dice.below(2_000);
        let limit = dice.one_in(4).then_some(5 * MS);
        let mut fated = Fated::new(seed, Ask { limit, ..Ask::of(len).tag(seed) });
        let (at, what) = (2 + dice.below(30), dice.below(6));
        let mut given_up = false;
        for step in 0..60 {
            fated.step();
            if step == at {
                given_up = fated.happens(what);
            }
        }
        fated.arrive();
        let Fated { mut line, number, .. } = fated;
        line.drive();
        let ran = !line.far.b.journal.is_empty();
        if !given_up {
            let (is_whole, may_have_run) = match line.near.a.answer(number) {
                Answer::Message { payload, .. } => {
                    assert_eq!(payload, body(seed, len), "{seed}");
                    (true, true)
                }
                Answer::Failed { status, .. } => (false, !status.not_run),
                Answer::Local(status) => (false, status.may_have_run()),
            };
            assert!(may_have_run || !ran, "{seed}: it ran");
            whole += usize::from(is_whole);
            broken += usize::from(!is_whole);
        }
        line.near.assert_idle();
        if what != 2 {
            line.far.assert_idle();
        }
    }
    assert!(whole > 200 && broken > 50, "{whole} whole, {broken} broken off");
}

#[test]
fn what_waits_for_more_of_itself_holds_up_nobody_and_keeps_no_driver_busy() {
    let mut pair = Pair::new(&config());
    let number = pair.a.open_coming(LEN);
    assert!(pair.a.conn.request_came(number, body(5, LEN).slice(..250)));
    pair.drive();
    assert!(!pair.a.conn.has_output(), "there is nothing to write until more has come");
    let others: Vec<_> = (0..4).map(|tag| pair.a.call(Ask::of(LEN).tag(tag))).collect();
    pair.drive();
    for (tag, other) in others.into_iter().enumerate() {
        assert_eq!(pair.a.success(other), body(tag as u64, LEN));
    }
    pair.a.conn.shrink();
    assert!(pair.a.conn.request_came(number, body(5, LEN).slice(250..)));
    pair.drive();
    assert_eq!(pair.a.success(number), body(5, LEN));
    pair.assert_idle();
}

#[test]
fn a_fragment_behind_the_cancel_of_a_call_that_is_passed_on_ends_the_connection() {
    let mut raw = Raw::new(&config());
    raw.end.handler = Handler::Stubborn;
    raw.say(call(1, first(0, 300)));
    let begun = raw.end.conn.request_begun(1).expect("it is under way");
    assert!(raw.end.conn.take_begun(1, begun.serial).is_some());
    raw.say(fragment(theirs(1), 100));
    raw.say(cancel(theirs(1)));
    raw.say(fragment(theirs(1), 100));
    raw.assert_ended(EndCode::Unexpected, "6.2");
}

/// Whoever sends a few bytes at a time cannot make more of them than was paid for.
#[test]
fn few_bytes_are_gathered_to_pieces_of_some_size() {
    let mut raw = Raw::new(&Config { max_fragment: 16_384, ..Config::default() });
    raw.say(call(1, first(0, 60_000)));
    let begun = raw.end.conn.request_begun(1).expect("it is under way");
    assert!(raw.end.conn.take_begun(1, begun.serial).is_some());
    let (mut pieces, mut bytes) = (0, 0);
    for _ in 0..60_000 / 20 {
        raw.say(fragment(theirs(1), 20));
        match raw.end.conn.request_piece(1) {
            Came::Part(piece) | Came::Last(piece) => {
                pieces += 1;
                bytes += piece.len();
            }
            Came::Wait => {}
            broken @ Came::Broken(_) => panic!("{broken:?}"),
        }
    }
    assert_eq!(bytes, 60_000);
    assert!((30..=65).contains(&pieces), "{pieces}");
}

#[test]
fn one_that_was_fed_nothing_has_nothing_to_write() {
    let mut pair = Pair::new(&config());
    let number = pair.a.open_coming(LEN);
    assert!(pair.a.conn.request_came(number, body(5, LEN).slice(..250)));
    pair.drive();
    assert!(pair.a.conn.request_came(number, Bytes::new()));
    let mut batch = Batch::default();
    let now = pair.now;
    pair.a.conn.poll_batch(now, &mut batch);
    let mut slices = [IoSlice::new(&[]); 8];
    let count = batch.slices(&mut slices);
    assert!(slices[..count].iter().all(|slice| !slice.is_empty()), "{batch:?}");
    assert!(batch.is_empty() && !pair.a.conn.has_output());
    assert!(pair.a.conn.request_came(number, body(5, LEN).slice(250..)));
    pair.drive();
    assert_eq!(pair.a.success(number), body(5, LEN));
}
