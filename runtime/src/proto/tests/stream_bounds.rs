//! What a reader that never reads costs (wire 7.12): the credit that its stream was granted, however many streams there are.

use super::halves::Sent;
use super::pair::Pair;
use super::*;

const FIRST: usize = 16_384;

fn config(streams: usize) -> Config {
    Config { max_in_flight: streams as u32, stream_credit: FIRST, max_message: 65_536, ..Config::default() }
}

/// Uploads into readers that never read, items of both kinds, until nobody can send any more.
fn fill(streams: usize, len: usize) {
    let mut pair = Pair::new(&config(streams));
    pair.b.handler = Handler::Wait;
    let mut keys = Vec::new();
    while keys.len() < streams {
        let Some(key) = pair.a.open_stream(Shape::ClientStream, 1, 0, None) else {
            pair.drive();
            continue;
        };
        keys.push(key);
    }
    pair.drive();
    let before = pair.to_b.sent;
    let message = body(1, len);
    loop {
        let mut gone = false;
        for key in &keys {
            while matches!(pair.a.send(*key, &message), Sent::Gone) {
                gone = true;
            }
            pair.pump();
        }
        pair.drive();
        if !gone {
            break;
        }
    }
    let (cost, frame) = (64 + len, 10 + len);
    let items = streams * (FIRST / cost);
    let blocked = streams * 18;
    assert_eq!((pair.to_b.sent - before) as usize, items * frame + blocked, "{streams} streams of {len}");
    let held: u64 =
        pair.b.conn.serving.streams().map(|s| s.inn.as_ref().map_or(0, |inn| inn.grant.held())).sum();
    assert_eq!(held as usize, items * cost);
    assert!(held as usize <= streams * FIRST, "7.12");
    // Somebody else is held up by none of it.
    assert!(pair.b.conn.asking.is_empty() && pair.b.conn.turn.is_none());
}

#[test]
fn what_is_sent_to_a_reader_that_never_reads_stops_at_the_credit() {
    for streams in [64, 1_000, 4_096] {
        fill(streams, 3_000);
    }
    fill(64, 0);
    fill(64, FIRST - 64);
}

/// One stream alone, at both ends: `max_in_flight` is at least 64 (wire 4.5), so it is one of them.
fn one_stream() -> (Pair, StreamKey, StreamKey) {
    let mut pair = Pair::new(&config(64));
    pair.b.handler = Handler::Wait;
    let key = pair.a.open_stream(Shape::Bidi, 1, 0, None).expect("there is room");
    pair.drive();
    let theirs = pair.b.calls[0].stream.expect("it has streams");
    (pair, key, theirs)
}

#[test]
fn a_single_stream_stops_at_its_credit_to_the_byte_and_goes_on_when_it_is_read() {
    let (mut pair, key, theirs) = one_stream();
    for round in 1..=20 {
        while matches!(pair.a.send(key, &body(1, 960)), Sent::Gone) {
            pair.drive();
        }
        assert_eq!(
            pair.a.conn.stream(key).unwrap().out.as_ref().unwrap().account.spent(),
            round * FIRST as u64
        );
        let mut items = VecDeque::new();
        assert!(matches!(pair.b.read(theirs, &mut items), Read::Items(_)));
        assert_eq!(items.len(), 16);
        pair.b.give_back(theirs, FIRST as u64);
        pair.drive();
    }
}

/// The reader takes half of it, and stops: the rest of what may be sent is not all that its sender has.
#[test]
fn what_was_gathered_is_told_when_less_than_half_is_unspent() {
    let (mut pair, key, theirs) = one_stream();
    let total = |pair: &mut Pair| pair.b.conn.stream(theirs).unwrap().inn.as_ref().unwrap().grant.total();
    for _ in 0..8 {
        assert!(matches!(pair.a.send(key, &body(1, 960)), Sent::Gone));
    }
    pair.drive();
    assert!(matches!(pair.b.read(theirs, &mut VecDeque::new()), Read::Items(_)));
    pair.b.give_back(theirs, FIRST as u64 / 2);
    assert_eq!(total(&mut pair), FIRST as u64, "half is unspent");
    assert!(matches!(pair.a.send(key, &body(1, 960)), Sent::Gone));
    pair.drive();
    assert_eq!(total(&mut pair), FIRST as u64 / 2 * 3, "7.5");
}

/// Large items are lent for one after the other, and only to who reads.
#[test]
fn of_a_thousand_that_offer_more_than_their_credit_only_who_reads_is_lent_it() {
    let mut pair = Pair::new(&config(1_000));
    pair.b.handler = Handler::Wait;
    let keys: Vec<_> = (0..1_000)
        .map(|tag| pair.a.open_stream(Shape::ClientStream, tag, 0, None).expect("there is room"))
        .collect();
    for key in &keys {
        assert!(matches!(pair.a.send(*key, &body(1, 60_000)), Sent::Offered));
        pair.drive();
    }
    let held = |pair: &mut Pair| -> u64 {
        pair.b.conn.serving.streams().map(|s| s.inn.as_ref().map_or(0, |inn| inn.grant.held())).sum()
    };
    assert_eq!(held(&mut pair), 0);
    // A wait that was given up is none: of two that wait the one that is lent first keeps the turn, then this one went.
    let [first, went] = [7, 8].map(|at| pair.b.calls[at].stream.expect("it has streams"));
    for theirs in [first, went] {
        assert!(matches!(pair.b.read(theirs, &mut VecDeque::new()), Read::Wait));
    }
    pair.b.conn.reader_left(went);
    pair.drive();
    assert_eq!(held(&mut pair), 60_064);
    assert!(matches!(pair.b.read(first, &mut VecDeque::new()), Read::Items(_)));
    pair.b.give_back(first, 60_064);
    for at in [500, 3, 999] {
        let theirs = pair.b.calls[at].stream.expect("it has streams");
        assert!(matches!(pair.b.read(theirs, &mut VecDeque::new()), Read::Wait));
        pair.drive();
        assert_eq!(held(&mut pair), 60_064);
        let mut items = VecDeque::new();
        assert!(matches!(pair.b.read(theirs, &mut items), Read::Items(_)) && items.len() == 1);
        pair.b.give_back(theirs, 60_064);
    }
}

/// All that may be sent is sent and read, and both ends wait.
fn a_round(pair: &mut Pair, key: StreamKey, theirs: StreamKey) {
    while matches!(pair.a.send(key, &body(1, 960)), Sent::Gone) {}
    pair.drive();
    read_all(pair, theirs);
    assert!(matches!(pair.b.read(theirs, &mut VecDeque::new()), Read::Wait));
    pair.drive();
}

fn read_all(pair: &mut Pair, theirs: StreamKey) {
    let mut items = VecDeque::new();
    while matches!(pair.b.read(theirs, &mut items), Read::Items(_)) {
        let cost = items.drain(..).map(|item| 64 + item.len() as u64).sum();
        pair.b.give_back(theirs, cost);
    }
}

fn window(pair: &mut Pair, theirs: StreamKey) -> u64 {
    pair.b.conn.stream(theirs).unwrap().inn.as_ref().unwrap().grant.window()
}

#[test]
fn a_stream_whose_ends_wait_for_each_other_is_given_more_until_it_has_four_times_its_credit() {
    let (mut pair, key, theirs) = one_stream();
    let mut windows = Vec::new();
    for _ in 0..5 {
        a_round(&mut pair, key, theirs);
        windows.push(window(&mut pair, theirs) / FIRST as u64);
    }
    assert_eq!(windows, [1, 2, 4, 4, 4], "once is no habit");
    let account = &pair.a.conn.stream(key).unwrap().out.as_ref().unwrap().account;
    assert_eq!(account.available(), 4 * FIRST as u64, "and its sender was told");
}

#[test]
fn a_stream_is_given_no_more_where_its_reader_is_the_slower_or_its_sender_does_not_wait() {
    let (mut pair, key, theirs) = one_stream();
    for _ in 0..5 {
        while matches!(pair.a.send(key, &body(1, 960)), Sent::Gone) {}
        pair.drive();
        // It takes one after the other, and the next is here before it comes for more.
        let mut items = VecDeque::new();
        assert!(matches!(pair.b.read(theirs, &mut items), Read::Items(_)));
        pair.b.give_back(theirs, FIRST as u64);
        pair.drive();
    }
    // There is room for each before it is to be sent.
    for _ in 0..50 {
        assert!(matches!(pair.a.send(key, &body(1, 960)), Sent::Gone));
        pair.drive();
        read_all(&mut pair, theirs);
        pair.drive();
    }
    assert_eq!(window(&mut pair, theirs), FIRST as u64);
}

#[test]
fn a_stream_is_given_more_also_when_its_reader_waits_first_and_not_where_credit_takes_long_to_come() {
    for (apart, times) in [(1, 2), (6, 1)] {
        let (mut pair, key, theirs) = one_stream();
        for _ in 0..2 {
            for _ in 0..16 {
                assert!(matches!(pair.a.send(key, &body(1, 960)), Sent::Gone));
            }
            pair.drive();
            // The credit for these is told, and not here yet.
            read_all(&mut pair, theirs);
            assert!(!matches!(pair.a.send(key, &body(1, 960)), Sent::Gone));
            pair.drive();
            pair.step(Duration::from_millis(apart));
        }
        assert_eq!(window(&mut pair, theirs), times * FIRST as u64, "{apart} ms");
    }
}

#[test]
fn all_streams_together_are_given_so_much_more_and_what_is_over_leaves_it_to_others() {
    let mut pair = Pair::new(&config(64));
    pair.b.handler = Handler::Wait;
    let keys: Vec<_> =
        (0..40).map(|_| pair.a.open_stream(Shape::Bidi, 1, 0, None).expect("there is room")).collect();
    pair.drive();
    let theirs: Vec<_> = pair.b.calls.iter().map(|call| call.stream.expect("it has streams")).collect();
    let sum = |pair: &mut Pair| -> u64 {
        let streams = pair.b.conn.serving.streams();
        streams.map(|stream| stream.inn.as_ref().map_or(0, |inn| inn.grant.window() - FIRST as u64)).sum()
    };
    for (key, theirs) in keys.iter().zip(&theirs) {
        for _ in 0..4 {
            a_round(&mut pair, *key, *theirs);
        }
    }
    assert_eq!(sum(&mut pair), 16 * FIRST as u64);
    let grown = theirs.iter().position(|theirs| window(&mut pair, *theirs) == 4 * FIRST as u64).unwrap();
    let small = theirs.iter().position(|theirs| window(&mut pair, *theirs) == FIRST as u64).unwrap();
    pair.a.conn.give_up(keys[grown].id.number());
    pair.drive();
    for _ in 0..4 {
        a_round(&mut pair, keys[small], theirs[small]);
    }
    assert!(window(&mut pair, theirs[small]) > FIRST as u64);
    assert!(sum(&mut pair) <= 16 * FIRST as u64);
}
