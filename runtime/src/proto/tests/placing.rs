//! Bytes of large messages that are read straight to where they belong. Every end of these tests reads so wherever a feed
//! ends within a FRAGMENT, be it ever so small; of those that are seeded, some do not.

use bytes::BufMut;

use super::pair::{Dice, Pair};
use super::raw::*;
use super::*;
use crate::frame::{Fragment, FragmentOf};

/// What an [`End`] has of the driver's place.
#[derive(Default)]
pub(super) struct Straight {
    place: Option<Place>,
    off: bool,
    /// Bytes that were read so.
    bytes: usize,
}

impl Straight {
    pub(super) fn decoder(config: &Config) -> Decoder {
        let mut decoder = Decoder::new(config.settings().frame_limit);
        decoder.set_parts_from(1);
        decoder
    }
}

impl End {
    pub(super) fn reads_straight(&mut self, on: bool) {
        self.straight.off = !on;
    }

    /// Asks for a place, as the driver does at the end of a turn.
    pub(super) fn find_place(&mut self) {
        if self.straight.off || !self.input.is_empty() {
            return;
        }
        if let Some((of, left)) = self.decoder.body() {
            self.straight.place = self.conn.lend_place(of, left);
        }
    }

    /// Reads what belongs there into the place that is lent, and gives that back. What is left of `bytes`.
    pub(super) fn fill_place<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some(mut place) = self.straight.place.take() else { return bytes };
        let (of, left) = self.decoder.body().expect("a place is of a body");
        let room = place.room().remaining_mut();
        assert!((left..left + 1_000).contains(&room), "{room} for {left}");
        let (read, later) = bytes.split_at(room.min(bytes.len()));
        place.room().put_slice(read);
        let own = place.filled(read.len(), &mut self.input);
        assert_eq!((own, place.is_full()), (read.len().min(left), own == left));
        self.decoder.body_read(own);
        self.straight.bytes += own;
        let bytes = Bytes::copy_from_slice(&read[..own]);
        let seen = Frame::Fragment(Fragment { of, bytes, rest: (left - own) as u32 });
        if !self.conn.is_over() {
            self.ledger.read(&seen);
        }
        self.conn.handle_placed(place);
        if !self.conn.is_over() {
            self.ledger.observer.read(&seen, self.conn.takes_no_more());
        }
        later
    }
}

/// Messages of these travel in fragments.
fn config() -> Config {
    Config { max_fragment: 100, ..Config::default() }
}

/// All that `from` has to say reaches `to`, cut at `at`.
fn carry(from: &mut End, to: &mut End, at: usize) -> usize {
    let bytes = from.write(usize::MAX);
    let (first, rest) = bytes.split_at(at.min(bytes.len()));
    to.feed(first);
    to.feed(rest);
    bytes.len()
}

#[test]
fn a_message_is_whole_wherever_it_is_cut() {
    for swapped in [false, true] {
        let (mut at, mut straight) = (0, 0);
        loop {
            let mut pair = Pair::new(&config());
            let ends = (&mut pair.a, &mut pair.b);
            let (caller, callee) = if swapped { (ends.1, ends.0) } else { ends };
            let number = caller.call(Ask::of(310).tag(7));
            assert!(caller.push(0, &body(8, 310)));
            let there = carry(caller, callee, at);
            let back = carry(callee, caller, at);
            assert_eq!(caller.success(number), body(7, 310));
            assert_eq!(callee.pushes[0].message, body(8, 310));
            straight += caller.straight.bytes + callee.straight.bytes;
            pair.assert_idle();
            at += 1;
            if at > there.max(back) {
                break;
            }
        }
        assert!(straight > 20_000, "{straight} bytes were read straight to their place");
    }
}

#[test]
fn messages_that_take_turns_stay_apart() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let mut pair = Pair::new(&config());
        pair.pieces = 1 + dice.below(300);
        let lens = [90, 310, 1_000, 2_345, 5];
        let calls: Vec<_> = (0..8)
            .map(|tag| {
                let (end, len) =
                    (if tag % 2 == 0 { &mut pair.a } else { &mut pair.b }, lens[dice.below(5)] + 8);
                (tag, len, end.call(Ask::of(len).tag(tag)))
            })
            .collect();
        pair.drive();
        for (tag, len, number) in calls {
            let end = if tag % 2 == 0 { &mut pair.a } else { &mut pair.b };
            assert_eq!(end.success(number), body(tag, len));
        }
        pair.assert_idle();
    }
}

/// A callee has part of a request's second fragment, and the place for the rest.
fn within_a_request(ask: Ask) -> (Pair, u32, Vec<u8>) {
    let mut pair = Pair::new(&config());
    let number = pair.a.call(ask);
    let bytes = pair.a.write(usize::MAX);
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    pair.b.feed(first);
    assert!(pair.b.straight.place.is_some());
    (pair, number, rest.to_vec())
}

#[test]
fn the_rest_of_a_request_whose_time_is_up_is_read_past_though_its_place_was_lent() {
    let (mut pair, number, rest) = within_a_request(Ask { limit: Some(5 * MS), ..Ask::of(310) });
    pair.b.time_out(pair.now + SECOND);
    let (within, behind) = rest.split_at(20);
    pair.b.feed(within);
    assert!(pair.b.straight.place.is_none(), "nobody wants what comes: it is lent no more");
    pair.b.feed(behind);
    pair.drive();
    assert!(pair.b.journal.is_empty());
    assert!(!pair.a.failure(number).may_have_run());
    let again = pair.a.call(Ask::of(310).tag(3));
    pair.drive();
    assert_eq!(pair.a.success(again), body(3, 310));
    pair.assert_idle();
}

#[test]
fn the_rest_of_a_reply_that_is_given_up_is_read_past_though_its_place_was_lent() {
    let mut pair = Pair::new(&config());
    let given_up = pair.a.call(Ask::of(310).tag(1));
    carry(&mut pair.a, &mut pair.b, 0);
    let bytes = pair.b.write(usize::MAX);
    pair.a.feed(&bytes[..bytes.len() / 2]);
    assert!(pair.a.straight.place.is_some());
    pair.a.give_up(given_up);
    let held = pair.a.conn.in_flight().held;
    assert_eq!(held, 0, "its credit is free at once");
    let after = pair.a.call(Ask::of(310).tag(2));
    pair.a.feed(&bytes[bytes.len() / 2..]);
    pair.drive();
    assert_eq!(pair.a.success(after), body(2, 310));
    pair.assert_idle();
}

#[test]
fn a_connection_that_ends_within_a_fragment_takes_nothing_more() {
    for swapped in [false, true] {
        let (mut pair, number, rest) = within_a_request(Ask::of(310));
        if swapped {
            pair.b.cut();
            pair.b.feed(&rest);
            assert!(pair.b.straight.place.is_none());
        } else {
            pair.b.feed(&rest[..10]);
            pair.b.cut();
        }
        pair.a.cut();
        assert!(pair.b.journal.is_empty());
        assert!(pair.a.failure(number).local().is_some());
    }
}

#[test]
fn a_fragment_that_claims_more_than_its_message_has_is_refused_at_its_first_byte() {
    for lane in [false, true] {
        let mut raw = Raw::new(&config());
        let of = if lane { FragmentOf::Lane(0) } else { FragmentOf::Call(theirs(1)) };
        raw.say(if lane { push(0, first(0, 300)) } else { call(1, first(0, 300)) });
        let mut bytes = BytesMut::new();
        Frame::Fragment(Fragment { of, bytes: body(9, 301), rest: 0 }).encode(&mut bytes);
        raw.end.feed(&bytes[..11]);
        assert!(raw.end.straight.place.is_none());
        raw.assert_ended(EndCode::Malformed, "6.2");
    }
}

#[test]
fn no_place_is_lent_for_what_nobody_wants_or_nobody_began() {
    let mut raw = Raw::new(&config());
    for of in [FragmentOf::Call(theirs(1)), FragmentOf::Call(ours(1)), FragmentOf::Lane(0)] {
        assert!(raw.end.conn.lend_place(of, 1).is_none(), "{of:?}");
    }
    raw.say(push(0, first(0, 300)));
    assert!(raw.end.conn.lend_place(FragmentOf::Lane(0), 300_000).is_none(), "more than its total");
    let place = raw.end.conn.lend_place(FragmentOf::Lane(0), 300).expect("it is under way");
    assert!(raw.end.conn.lend_place(FragmentOf::Lane(0), 300).is_none(), "it is lent");
    raw.end.conn.handle_placed(place);
    assert!(raw.end.conn.lend_place(FragmentOf::Lane(0), 300).is_some());
}
