//! Large messages that are passed on as they come: two pairs, and between them what a session does that takes pieces at one
//! connection and has them leave by another.

use super::pair::{Dice, Pair};
use super::*;
use crate::Code;
use crate::frame::{CallId, FragmentOf};
use crate::message::Payload;

const LEN: usize = 1_000;

/// Messages of these travel in fragments.
fn config() -> Config {
    Config { max_fragment: 100, ..Config::default() }
}

/// So many bytes of what `from` has to say reach `to`.
fn carry(from: &mut End, to: &mut End, bytes: usize) {
    let bytes = from.write(bytes);
    to.feed(&bytes);
}

/// A client, the two ends of a proxy, and an upstream.
struct Line {
    near: Pair,
    far: Pair,
    /// The call that came, and what it is there.
    came: Option<Inbound>,
    there: Option<u32>,
    /// The request is whole, or never will be.
    request_over: bool,
    reply: Option<ReplyKey>,
    answered: bool,
    whole: bool,
}

impl Line {
    fn new() -> Self {
        let (near, mut far) = (Pair::new(&config()), Pair::new(&config()));
        far.b.handler = Handler::Echo;
        let (came, there, reply) = (None, None, None);
        Self { near, far, came, there, request_over: false, reply, answered: false, whole: false }
    }

    /// What of the message has come to the upstream, if any has.
    fn arrived(&mut self) -> Option<usize> {
        let number = self.there?;
        let of = FragmentOf::Call(CallId::new(Role::Dialler, number));
        self.far.b.conn.under_way(of).map(|assembly| LEN - assembly.missing())
    }

    fn number(&self) -> u32 {
        self.came.as_ref().map_or(0, |call| call.id.number())
    }

    /// Does what the session between does, as often as it has something to do.
    fn pass(&mut self) {
        self.begin();
        if self.came.is_none() || self.answered {
            return;
        }
        self.pass_request();
        self.pass_reply();
        if self.answered && !self.request_over {
            self.free();
        }
    }

    fn begin(&mut self) {
        let Some(number) = self.near.b.begun.pop() else { return };
        if self.near.b.conn.request_begun(number).is_none() {
            return;
        }
        let Some((call, len)) = self.near.b.conn.take_begun(number) else { return };
        assert!(call.message.is_empty());
        self.there = Some(self.far.a.open_coming(len));
        self.came = Some(call);
    }

    fn pass_request(&mut self) {
        let (number, Some(there)) = (self.number(), self.there) else { return };
        while !self.request_over {
            match self.near.b.conn.request_piece(number) {
                RequestPiece::Part(bytes) => {
                    assert!(!bytes.is_empty());
                    self.far.a.conn.request_came(there, bytes);
                }
                RequestPiece::Last(bytes) => {
                    self.far.a.conn.request_came(there, bytes);
                    self.whole = true;
                    self.free();
                }
                RequestPiece::Broken(why) => {
                    self.far.a.give_up(there);
                    self.there = None;
                    self.free();
                    self.fail(&why.not_run());
                }
                RequestPiece::Wait => return,
            }
        }
    }

    fn free(&mut self) {
        self.request_over = true;
        if let (Some(call), false) = (&self.came, self.near.b.conn.is_over()) {
            self.near.b.conn.free_calls(call.cost);
        }
        self.near.b.settle();
    }

    fn fail(&mut self, why: &Status) {
        self.answered = true;
        // For the ledger, that is what "not run" depends on.
        if self.whole && why.may_have_run() {
            self.near.b.ledger.dispatched(self.number());
        }
        self.near.b.conn.reply(self.number(), Terminal::status(why, Bytes::new()));
        self.near.b.settle();
    }

    fn pass_reply(&mut self) {
        let Some(there) = self.there else { return };
        let near = &mut self.near.b;
        let number = self.came.as_ref().map_or(0, |call| call.id.number());
        if self.reply.is_none() {
            self.reply = self.far.a.conn.reply_begun(there).map(|(len, block)| {
                let key = near.conn.begin_reply(number, block, len);
                near.settle();
                key
            });
        }
        if let Some(key) = self.reply {
            while let Some(bytes) = self.far.a.conn.reply_piece(there) {
                near.conn.reply_came(key, bytes);
            }
        }
        let Some(at) = self.far.a.answers.iter().position(|(number, _)| *number == there) else { return };
        let (_, answer) = self.far.a.answers.remove(at);
        self.there = None;
        match (answer, self.reply) {
            (Answer::Message { payload, .. }, Some(key)) => {
                near.conn.reply_came(key, payload);
                self.answered = true;
            }
            // It came at once.
            (Answer::Message { payload, block }, None) => {
                near.ledger.dispatched(number);
                near.conn.reply(number, Terminal::Message { block, message: payload.into() });
                self.answered = true;
            }
            (_, Some(key)) => {
                near.conn.break_reply(key, &Status::data_loss("upstream"));
                near.settle();
                self.answered = true;
            }
            (Answer::Local(why), None) => self.fail(&why),
            (Answer::Failed { status, .. }, None) => {
                let why = Status::new(Code::from_wire(status.code), status.text.to_string());
                self.fail(&if status.not_run { why.not_run() } else { why });
            }
        }
    }

    /// The handler of a call that was stopped is gone: so is what it had asked.
    fn leave(&mut self) {
        let stopped = self.near.b.stopped.iter().any(|(number, _)| *number == self.number());
        if self.came.is_none() || self.answered || !(stopped || self.near.b.conn.is_over()) {
            return;
        }
        if let Some(there) = self.there.take() {
            if let Some(at) = self.far.a.answers.iter().position(|(number, _)| *number == there) {
                self.far.a.answers.remove(at);
            } else {
                self.far.a.give_up(there);
            }
        }
        if !self.request_over {
            self.free();
        }
        let why = stop_status(Stop::Cancelled);
        match self.reply {
            Some(key) => self.near.b.conn.break_reply(key, &why),
            None => self.fail(&why),
        }
        self.answered = true;
        self.near.b.settle();
    }

    /// Until nothing moves any more.
    fn drive(&mut self) {
        for _ in 0..20 {
            self.near.drive();
            self.pass();
            self.leave();
            self.far.drive();
        }
    }
}

impl End {
    /// Opens a call whose request is to come.
    fn open_coming(&mut self, len: usize) -> u32 {
        let route = OpenRoute::Spec(&ECHO);
        let cost = self.conn.call_cost(route, len, 0);
        let permit = self.conn.reserve_call(cost, 0).expect("there is room");
        self.ledger.opened(permit.number);
        let opening = Opening { route, shape: Shape::Unary, left: None, limit: None, block: &[], len };
        self.conn.open_large_call(self.now, permit, opening, Payload::coming(len, 0));
        self.settle();
        permit.number
    }
}

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

/// A stream whose items go up by the first of two pairs, and on by the second.
struct Items {
    near: Pair,
    far: Pair,
    /// Its halves: the client's, the proxy's two, the upstream's.
    keys: [StreamKey; 4],
}

impl Items {
    fn new() -> Self {
        let pairs = [Pair::new(&config()), Pair::new(&config())].map(|mut pair| {
            pair.b.handler = Handler::Wait;
            let key = pair.a.open_stream(Shape::Bidi, 1, 0, None).expect("there is room");
            pair.drive();
            let theirs = pair.b.calls[0].stream.expect("it has streams");
            (pair, key, theirs)
        });
        let keys = [pairs[0].1, pairs[0].2, pairs[1].1, pairs[1].2];
        let [(mut near, ..), (far, ..)] = pairs;
        near.b.reads_straight(false);
        Self { near, far, keys }
    }

    /// The client's item is under way, half of it at the proxy, and goes on.
    fn half_an_item(&mut self) {
        self.near.a.conn.offer_item(self.keys[0], Payload::coming(LEN, 0));
        self.near.a.settle();
        self.send(0..LEN / 2);
        let mut items = VecDeque::new();
        assert!(matches!(self.near.b.read(self.keys[1], &mut items), Read::Wait));
        assert_eq!(self.near.b.conn.item_begun(self.keys[1]), Some(LEN));
        assert!(matches!(self.far.a.conn.item_room(self.keys[2], LEN), ItemRoom::Outside));
        self.far.a.conn.offer_item(self.keys[2], Payload::coming(LEN, 0));
        assert_eq!(self.far.a.accepted(self.keys[2]).map(|taken| taken.is_ok()), Some(true));
        assert!(self.pass_piece());
        self.far.drive();
    }

    /// This part of the client's item arrives.
    fn send(&mut self, part: std::ops::Range<usize>) {
        assert!(self.near.a.conn.item_came(self.keys[0], body(1, LEN).slice(part)));
        carry(&mut self.near.a, &mut self.near.b, usize::MAX);
    }

    /// What has come goes on. True: something had.
    fn pass_piece(&mut self) -> bool {
        let Some(bytes) = self.near.b.conn.item_piece(self.keys[1]) else { return false };
        assert!(self.far.a.conn.item_came(self.keys[2], bytes));
        true
    }

    fn arrived(&mut self) -> Option<usize> {
        let of = FragmentOf::Call(self.keys[3].id);
        self.far.b.conn.under_way(of).map(|assembly| LEN - assembly.missing())
    }
}

#[test]
fn an_item_goes_on_before_it_is_whole_and_its_reader_is_told_of_each_piece() {
    let mut line = Items::new();
    line.half_an_item();
    let arrived = line.arrived().expect("it is under way");
    assert!((350..650).contains(&arrived), "{arrived} of {LEN} bytes, half of them sent");

    let mut items = VecDeque::new();
    assert!(matches!(line.near.b.read(line.keys[1], &mut items), Read::Wait));
    line.near.b.woken.clear();
    line.send(LEN / 2..700);
    assert_eq!(line.near.b.woken, [Woken::Reader(line.keys[1].id)]);
    assert!(line.pass_piece() && !line.pass_piece());
    line.send(700..LEN);
    assert!(matches!(line.near.b.read(line.keys[1], &mut items), Read::Items(_)));
    let last = items.pop_front().expect("the last piece");
    assert!(line.far.a.conn.item_came(line.keys[2], last));
    assert!(matches!(line.far.b.read(line.keys[3], &mut items), Read::Wait));
    line.far.drive();
    assert!(matches!(line.far.b.read(line.keys[3], &mut items), Read::Items(_)));
    assert_eq!(items, [body(1, LEN)]);
}

#[test]
fn an_item_that_breaks_off_is_broken_off_where_it_went_either_way() {
    let mut line = Items::new();
    line.half_an_item();
    line.near.a.reset(line.keys[0]);
    line.near.drive();
    let mut items = VecDeque::new();
    assert!(matches!(line.near.b.read(line.keys[1], &mut items), Read::End(Answer::Failed { .. })));
    line.far.a.reset(line.keys[2]);
    line.far.drive();
    assert!(matches!(line.far.b.read(line.keys[3], &mut items), Read::End(Answer::Failed { .. })));
    assert!(items.is_empty());

    // And of a callee's, whose terminal frame would wait for the rest of it.
    let (far, key, theirs) = (&mut line.far, line.keys[2], line.keys[3]);
    assert!(matches!(far.b.conn.item_room(theirs, LEN), ItemRoom::Outside));
    far.b.conn.offer_item(theirs, Payload::coming(LEN, 0));
    far.b.settle();
    assert!(far.b.conn.item_came(theirs, body(2, LEN).slice(..500)));
    far.drive();
    far.b.reply_status(theirs.id.number(), &Status::data_loss("upstream"));
    far.drive();
    let end = far.a.read(key, &mut items);
    let Read::End(Answer::Failed { status, .. }) = end else { panic!("{end:?}") };
    assert_eq!(Code::from_wire(status.code), Code::DATA_LOSS);
    assert!(items.is_empty(), "half an item is none");
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
