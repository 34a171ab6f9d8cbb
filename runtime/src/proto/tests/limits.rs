//! What the sender keeps: calls in flight, sizes, the order of large and small (wire 6, 7.7, 8.2; design 6.13).

use super::pair::Pair;
use super::raw::*;
use super::*;
use crate::frame::{Call, Settings};

fn large() -> Config {
    Config { max_message: 1 << 20, receive_budget: 2 << 20, ..Config::default() }
}

#[test]
fn the_limit_of_calls_in_flight_is_kept_by_the_caller() {
    let config = Config { max_in_flight: 64, ..Config::default() };
    let mut pair = Pair::new(&config);
    pair.b.handler = Handler::Wait;
    let numbers: Vec<u32> = (0..64).map(|tag| pair.a.call(Ask::of(8).tag(tag))).collect();
    assert_eq!(numbers.iter().max(), Some(&64));
    assert!(pair.a.open(Ask::of(8)).expect("it may go").is_none(), "one past it waits");
    pair.drive();
    let room = pair.a.room;
    pair.b.reply(17, body(1, 8));
    pair.drive();
    assert!(pair.a.room > room, "and is told of room");
    assert_eq!(pair.a.call(Ask::of(8)), 17);
    pair.b.handler = Handler::Echo;
    for number in numbers {
        pair.b.reply(number, Bytes::new());
    }
    pair.drive();
    assert!(pair.b.ended.is_none() && pair.b.journal.len() == 65);
    pair.a.answers.clear();
    pair.assert_idle();
}

#[test]
fn messages_of_every_length_around_the_limits_arrive_both_ways() {
    let config = large();
    let mut pair = Pair::new(&config);
    let fragment = config.max_fragment;
    let limits = [0, 1, fragment - 2_200, fragment - 100, fragment, 2 * fragment, config.max_message];
    let around = limits.iter().flat_map(|limit| (limit.saturating_sub(2)..=limit + 2).take(5));
    for len in around.filter(|len| *len <= config.max_message) {
        let number = pair.a.call(Ask::of(len).tag(len as u64));
        pair.drive();
        assert_eq!(pair.a.success(number), body(len as u64, len));
    }
    pair.assert_idle();
}

#[test]
fn a_message_one_past_the_limit_of_either_end_is_not_sent() {
    for (a, b, knob) in
        [(70_000, 1 << 20, "`max_message` of this end"), (1 << 20, 70_000, "`max_message` of the other end")]
    {
        let config = |max_message| Config { max_message, ..large() };
        let mut pair = Pair::strangers(&config(a), &config(b));
        pair.drive();
        let refused = pair.a.open(Ask::of(70_001)).expect_err("it is too large");
        assert!(refused.message().contains(knob) && !refused.may_have_run(), "{refused}");
        let number = pair.a.call(Ask::of(70_000));
        pair.drive();
        assert_eq!(pair.a.success(number).len(), 70_000);
        // A reply is refused likewise, as a status.
        pair.b.handler = Handler::Wait;
        let number = pair.a.call(Ask::of(8));
        pair.drive();
        pair.b.reply(number, body(0, 70_001));
        pair.drive();
        let refused = pair.a.failure(number);
        assert!(refused.code() == crate::Code::RESOURCE_EXHAUSTED && refused.may_have_run(), "{refused}");
        pair.assert_idle();
    }
}

#[test]
fn an_oversize_request_costs_the_call_and_its_rest_is_discarded() {
    let mut raw = Raw::new(&Config { max_message: 65_536, ..Config::default() });
    raw.say(call(1, first(10_000, 65_537)));
    let heard = raw.heard();
    let Some(Frame::Reply(answer)) = heard.first() else { panic!("{heard:?}") };
    assert!(answer.status.as_ref().is_some_and(|status| status.code == 8 && status.not_run));
    raw.say_all([fragment(theirs(1), 50_000), fragment(theirs(1), 5_537), call(1, whole(8))]);
    assert_eq!(raw.end.journal.len(), 1);
    assert!(raw.end.ended.is_none(), "{:?}", raw.end.ended);
    raw.say(call(2, first(0, 65_537)));
    raw.say_all([fragment(theirs(2), 65_530), fragment(theirs(2), 8)]);
    raw.assert_ended(EndCode::Malformed, "6.2");
}

#[test]
fn an_oversize_reply_costs_the_call_at_once() {
    let mut raw = Raw::new(&Config { max_message: 65_536, ..Config::default() });
    let number = raw.end.call(Ask::of(8));
    raw.heard();
    raw.say(reply(ours(number), first(10, 70_000)));
    assert!(raw.end.failure(number).message().contains("max_message"));
    assert_eq!(raw.end.conn.in_flight().calling, 1, "its number is not idle");
    for len in [60_000, 9_990] {
        raw.say(fragment(ours(number), len));
    }
    assert_eq!(raw.end.conn.in_flight().calling, 0);
    assert!(raw.end.ended.is_none());
}

#[test]
fn a_block_over_the_limit_costs_the_call_either_way() {
    let block = || Bytes::from(vec![0; 20_000]);
    let mut raw = Raw::new(&Config::default());
    raw.say(Frame::Call(Call { block: block(), ..call_with(1, Some(whole(8))) }));
    let heard = raw.heard();
    let Some(Frame::Reply(answer)) = heard.first() else { panic!("{heard:?}") };
    assert!(answer.status.as_ref().is_some_and(|status| status.code == 8 && status.not_run), "14.1");
    for is_status in [true, false] {
        let number = raw.end.call(Ask::of(8));
        raw.heard();
        let frame = if is_status { failed(ours(number), 5) } else { reply(ours(number), whole(8)) };
        let Frame::Reply(reply) = frame else { panic!("it is a REPLY") };
        raw.say(Frame::Reply(crate::frame::Reply { block: block(), ..reply }));
        assert_eq!(raw.end.failure(number).code(), crate::Code::RESOURCE_EXHAUSTED);
    }
    raw.say(Frame::Push(crate::frame::Push { lane: 0, route: name(), block: block(), message: whole(1) }));
    assert_eq!((raw.end.pushes.len(), raw.end.conn.in_flight().dropped_pushes), (0, 1));
    assert!(raw.end.ended.is_none());
}

#[test]
fn a_block_fits_into_one_frame_of_the_peer_or_is_refused() {
    let settings = Settings { metadata_limit: 1 << 20, ..Settings::initial() };
    let mut raw = Raw::with_settings(
        &Config { max_metadata: 1 << 20, receive_budget: 8 << 20, ..Config::default() },
        settings,
    );
    static BLOCK: [u8; 16_384] = [0; 16_384];
    let refused = raw.end.open(Ask { block: &BLOCK, ..Ask::of(8) }).expect_err("it does not fit");
    assert!(!refused.may_have_run());
    raw.end.call(Ask { block: &BLOCK[..15_000], ..Ask::of(8) });
    raw.end.call(Ask { block: &BLOCK[..15_000], ..Ask::of(60_000) });
    raw.say(call(1, whole(8)));
    let status = Terminal::status(&Status::aborted("no"), Bytes::from_static(&BLOCK));
    raw.end.conn.reply(1, status);
    let sizes = raw.end.write(usize::MAX);
    let mut rest = &sizes[..];
    while let Some((length, more)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        assert!(length <= 16_384, "a frame of {length} bytes");
        rest = &more[length..];
    }
}

#[test]
fn two_half_received_messages_never_block_each_other() {
    // Both ends have credit for one large message and a bit.
    let config = Config { max_message: 1 << 20, receive_budget: (1 << 20) + 40_000, ..Config::default() };
    let mut pair = Pair::new(&config);
    let first = pair.a.call(Ask::of(1 << 20).tag(1));
    let other = pair.b.call(Ask::of(1 << 20).tag(2));
    assert!(pair.a.open(Ask::of(1 << 20)).expect("it may go").is_none(), "the second reserves none of it");
    for _ in 0..3 {
        pair.pump();
    }
    pair.drive();
    assert_eq!((tag_of(&pair.a.success(first)), tag_of(&pair.b.success(other))), (1, 2));
    let second = pair.a.call(Ask::of(1 << 20).tag(3));
    pair.drive();
    assert_eq!(pair.a.success(second).len(), 1 << 20);
    pair.assert_idle();
}

#[test]
fn large_and_small_messages_do_not_hold_each_other_up() {
    let mut pair = Pair::new(&Config { send_buffer: 64 << 20, ..Config::default() });
    pair.b.handler = Handler::Wait;
    for tag in 0..3 {
        pair.a.call(Ask::of(4 << 20).tag(tag));
    }
    let mut batches = 0;
    while pair.b.journal.iter().filter(|tag| **tag < 3).count() < 3 {
        // Small ones come all the time.
        let small = 100 + batches;
        pair.a.call(Ask::of(8).tag(small));
        pair.a.poll_batch();
        pair.drive_batch();
        assert!(pair.b.journal.contains(&small), "a small call leaves with the next batch");
        batches += 1;
        assert!(batches < 120, "12 MiB in batches of 128 KiB");
    }
    assert!(batches >= 80, "fragments leave a batch at a time, {batches}");
}

#[test]
fn large_messages_arrive_one_after_the_other_and_a_very_large_one_holds_up_no_other() {
    let mut pair = Pair::new(&Config { send_buffer: 64 << 20, ..Config::default() });
    pair.b.handler = Handler::Wait;
    for (tag, mib) in [(0, 4), (1, 1), (2, 1), (3, 1)] {
        pair.a.call(Ask::of(mib << 20).tag(tag));
    }
    let mut batches = 0;
    let mut whole_after = Vec::new();
    while pair.b.journal.len() < 4 {
        pair.a.poll_batch();
        pair.drive_batch();
        batches += 1;
        whole_after.resize(pair.b.journal.len(), batches);
    }
    assert_eq!(pair.b.journal, [1, 2, 3, 0]);
    // Half of each batch of 128 KiB is the first one's.
    assert!(whole_after[0] <= 18 && whole_after[1] <= 36 && whole_after[2] <= 54, "{whole_after:?}");
}

#[test]
fn fragments_leave_in_batches_that_fit_into_two_of_the_kernels_segments() {
    // What loopback sends at once, and what a network of 1,500 bytes a packet does.
    let segments = [65_483, 45 * 1_448];
    let mut pair = Pair::new(&Config::default());
    let number = pair.a.call(Ask::of(3 << 20).tag(1));
    let mut batches = Vec::new();
    while pair.b.journal.is_empty() {
        pair.a.poll_batch();
        batches.push(pair.a.batch_len());
        pair.drive_batch();
    }
    let [most, least] = [batches.iter().max(), batches[..batches.len() - 1].iter().min()].map(Option::unwrap);
    assert!(segments.iter().all(|segment| *most <= 2 * segment), "{batches:?}");
    assert!(*least > 120_000 && batches.len() == 26, "{batches:?}");
    pair.drive();
    assert_eq!(pair.a.success(number).len(), 3 << 20);
}

#[test]
fn a_stream_reply_with_a_message_costs_the_call() {
    let mut raw = Raw::new(&Config::default());
    let number = raw.end.call(Ask { shape: Shape::ServerStream, ..Ask::of(8) });
    raw.heard();
    raw.say_all([headers(ours(number)), item(ours(number), whole(8)), reply(ours(number), whole(8))]);
    assert_eq!(raw.end.failure(number).code(), crate::Code::INTERNAL, "8.5");
    assert!(raw.end.ended.is_none());
}
