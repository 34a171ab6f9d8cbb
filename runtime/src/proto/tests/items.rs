//! Items that come in a row (wire 9): taken as one, and as if each were by itself.

use super::raw::*;
use super::*;
use crate::frame::{CallId, EndCode, Run, Settings};
use crate::proto::items::ItemsIn;
use crate::proto::pool::Pool;

/// A stream whose items the machine takes: of a call of the peer's, and of one of its own.
fn streams(config: &Config) -> [(Raw, CallId); 2] {
    let mut caller = Raw::new(config);
    caller.say(stream_call(1));
    let mut callee = Raw::new(config);
    let number = callee.end.call(Ask { shape: Shape::ServerStream, ..Ask::of(8) });
    callee.heard();
    [(caller, theirs(1)), (callee, ours(number))]
}

fn items(id: CallId, lens: impl IntoIterator<Item = usize>) -> Vec<Frame> {
    lens.into_iter().map(|len| item(id, whole(len))).collect()
}

/// The lengths of the items that are there to be read, and what they cost.
fn read(raw: &mut Raw, id: CallId) -> (Vec<usize>, u64) {
    let (mut queue, mut lens, mut costs) = (VecDeque::new(), Vec::new(), 0);
    let Some(key) = raw.end.conn.stream_key(id) else { return (lens, costs) };
    if matches!(raw.end.conn.read_items(key, &mut queue), Read::Items(_)) {
        for mut messages in queue {
            while let Some((message, cost)) = messages.next() {
                lens.push(message.len());
                costs += cost;
            }
            assert!(messages.is_empty());
        }
        raw.end.conn.items_read(key, costs);
    }
    (lens, costs)
}

fn held(raw: &mut Raw, id: CallId) -> u64 {
    let inn = raw.end.conn.stream_of(id).and_then(|stream| stream.inn.as_ref());
    inn.map_or(0, |inn| inn.grant.held())
}

#[test]
fn items_that_come_in_one_read_are_charged_and_read_one_by_one() {
    for (mut raw, id) in streams(&Config::default()) {
        raw.say_at_once(&items(id, [8, 0, 9_000, 110]));
        let cost = 4 * 64 + 8 + 9_000 + 110;
        assert_eq!(held(&mut raw, id), cost);
        raw.say_at_once(&items(id, [7]));
        raw.say_at_once(&items(id, [6, 5]));
        assert_eq!(read(&mut raw, id), (vec![8, 0, 9_000, 110, 7, 6, 5], cost + 3 * 64 + 18));
        assert_eq!(held(&mut raw, id), 0);
        assert!(raw.end.ended.is_none());
    }
}

#[test]
fn one_of_many_items_that_is_too_large_costs_the_stream_and_those_before_it_can_be_read() {
    for (mut raw, id) in streams(&Config { max_message: 65_536, max_fragment: 1 << 20, ..Config::default() })
    {
        raw.say_at_once(&items(id, [8, 9, 65_537, 10, 11]));
        let heard = raw.heard();
        let told = |frame: &Frame| matches!(frame, Frame::Stop(_) | Frame::Cancel(_));
        assert_eq!(heard.iter().filter(|frame| told(frame)).count(), 1, "6.5: {heard:?}");
        assert_eq!(read(&mut raw, id).0, [8, 9]);
        raw.say_at_once(&items(id, [12, 13]));
        assert_eq!((read(&mut raw, id).0, held(&mut raw, id)), (vec![], 0));
        assert!(raw.end.ended.is_none());
    }
}

#[test]
fn many_items_over_the_credit_end_the_connection() {
    for (mut raw, id) in streams(&Config { stream_credit: 65_536, ..Config::default() }) {
        raw.say_at_once(&items(id, [8_000; 8]));
        assert!(raw.end.ended.is_none(), "{:?}", raw.end.ended);
        raw.say_at_once(&items(id, [8_000; 2]));
        raw.assert_ended(EndCode::CreditOverdrawn, "7.4");
    }
}

#[test]
fn many_items_where_none_may_be_break_the_rule_of_one() {
    for frames in [items(theirs(1), [8, 8]), items(ours(1), [8, 8])] {
        let mut raw = Raw::new(&Config::default());
        raw.say_at_once(&frames);
        raw.assert_ended(EndCode::Unexpected, "8.10");
    }
    // After the caller's END.
    let mut raw = Raw::new(&Config::default());
    raw.say_all([stream_call(1), last_item(theirs(1), whole(8))]);
    raw.say_at_once(&items(theirs(1), [8, 8]));
    raw.assert_ended(EndCode::Unexpected, "9.1");
}

#[test]
fn many_items_that_nobody_reads_any_more_are_counted_and_dropped() {
    for (mut raw, id) in streams(&Config { stream_credit: 65_536, ..Config::default() }) {
        let key = raw.end.conn.stream_key(id).unwrap();
        raw.say_at_once(&items(id, [8, 8]));
        raw.end.conn.stop_reading(key, 0);
        for _ in 0..100 {
            raw.say_at_once(&items(id, [1_000; 20]));
            assert_eq!(held(&mut raw, id), 0);
            raw.heard();
        }
        assert!(raw.end.ended.is_none(), "{:?}", raw.end.ended);
    }
}

/// Items as they are read, and where they lie then.
fn a_run(lens: Vec<usize>) -> (Run, std::ops::Range<usize>) {
    let mut input = BytesMut::new();
    items(theirs(1), lens).iter().for_each(|frame| frame.encode(&mut input));
    let start = input.as_ptr() as usize;
    let place = start..start + input.len();
    let (mut decoder, mut frames) = (Decoder::new(u32::MAX), Vec::new());
    decoder.decode_most(&mut input, 10, &mut frames).unwrap();
    let Some(Frame::Items(run)) = frames.pop() else { panic!("a run") };
    (run.messages, place)
}

/// Where the first of them lies when nobody waits for them.
fn kept(inn: &mut ItemsIn, pool: &mut Pool, run: Run) -> usize {
    assert_eq!(inn.take_run(run, pool, 1 << 20), None);
    let mut queue = VecDeque::new();
    inn.read_into(&mut queue);
    queue[0].next().unwrap().0.as_ptr() as usize
}

#[test]
fn items_that_nobody_waits_for_keep_no_read_buffer_alive() {
    let mut pool = Pool::new(&Settings::initial());
    for lens in [vec![110; 20], vec![110; 200], vec![4_000; 12]] {
        let (run, place) = a_run(lens);
        assert!(!place.contains(&kept(&mut ItemsIn::new(1 << 20), &mut pool, run)));
    }
}

#[test]
fn copies_of_many_items_use_the_buffers_of_those_that_were_read() {
    let (mut pool, mut inn) = (Pool::new(&Settings::initial()), ItemsIn::new(1 << 20));
    let mut places = (0..20).map(|_| kept(&mut inn, &mut pool, a_run(vec![4_000; 12]).0));
    let first = places.next();
    assert!(places.all(|place| Some(place) == first));
}
