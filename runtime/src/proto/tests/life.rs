//! Keepalive, silence, writes that make no progress (wire 11.1, 11.2).

use super::pair::Pair;
use super::raw::*;
use super::*;

#[test]
fn an_idle_connection_lives_on_pings() {
    let mut pair = Pair::new(&Config::default());
    pair.to_a.latency = 200 * MS;
    pair.step(600 * SECOND);
    pair.drive();
    pair.assert_idle();
    let pings = pair.a.conn.pinged + pair.b.conn.pinged;
    assert!((29..=62).contains(&pings), "{pings} in 600 s, one in 20 s");
}

#[test]
fn a_silent_peer_is_dead_after_idle_and_pong_time() {
    let mut raw = Raw::new(&Config::default());
    raw.step(19_999 * MS);
    assert_eq!(raw.heard(), []);
    raw.step(MS);
    assert!(matches!(raw.heard()[..], [Frame::Ping(_)]));
    raw.step(9_999 * MS);
    assert!(raw.end.ended.is_none());
    raw.step(MS);
    raw.assert_ended(EndCode::Timeout, "silence");
}

#[test]
fn any_byte_is_a_sign_of_life() {
    let mut raw = Raw::new(&Config::default());
    let mut frame = BytesMut::new();
    push(0, whole(100)).encode(&mut frame);
    for byte in frame {
        raw.step(29 * SECOND);
        raw.end.feed(&[byte]);
        raw.heard();
    }
    assert!(raw.end.ended.is_none());
    assert_eq!(raw.end.pushes.len(), 1);
}

#[test]
fn a_peer_that_does_not_read_is_dead_after_the_write_stall() {
    let mut pair = Pair::new(&Config::default());
    pair.to_b.stalled = true;
    pair.a.call(Ask::of(8));
    // The driver holds it, and its transport takes nothing.
    pair.a.poll_batch();
    for _ in 0..29 {
        pair.step(SECOND);
        pair.b.conn.ping();
    }
    assert!(pair.a.ended.is_none());
    pair.step(SECOND);
    let reason = pair.a.ended.clone().expect("it is dead");
    assert!(reason.name() == "TIMEOUT" && reason.text().contains("write_stall"), "{reason}");
}

#[test]
fn slow_writes_are_no_stall() {
    let mut pair = Pair::new(&Config { keepalive_idle: Duration::ZERO, ..Config::default() });
    let number = pair.a.call(Ask::of(300_000));
    while pair.a.answers.is_empty() {
        let bytes = pair.a.write(10_000);
        pair.b.feed(&bytes);
        let bytes = pair.b.write(10_000);
        pair.a.feed(&bytes);
        pair.to_a.stalled = true;
        pair.to_b.stalled = true;
        pair.step(20 * SECOND);
    }
    assert_eq!(pair.a.success(number).len(), 300_000);
}

#[test]
fn keepalive_of_zero_never_pings_and_waits_of_ages_do_not_overflow() {
    let ages = Duration::MAX;
    for (idle, other) in [(Duration::ZERO, ages), (ages, ages)] {
        let config = Config {
            keepalive_idle: idle,
            keepalive_pong: other,
            write_stall: other,
            connect_timeout: other,
            max_timeout: Some(other),
            ..Config::default()
        };
        let mut raw = Raw::new(&config);
        assert_eq!(raw.end.conn.poll_timeout(), None);
        raw.step(1_000_000 * SECOND);
        assert_eq!(raw.heard(), []);
        raw.say(call(1, whole(8)));
        assert!(raw.end.ended.is_none());
    }
}

#[test]
fn a_connection_that_rests_gives_its_buffers_back_and_goes_on() {
    let mut pair = Pair::new(&Config::default());
    for round in 0..3 {
        let numbers: Vec<u32> = (0..100).map(|tag| pair.a.call(Ask::of(1_000).tag(tag))).collect();
        let large = pair.b.call(Ask::of(1 << 20));
        assert!(!pair.a.conn.keeps_nothing());
        pair.drive();
        for number in numbers {
            assert_eq!(pair.a.success(number).len(), 1_000, "round {round}");
        }
        assert_eq!(pair.b.success(large).len(), 1 << 20, "round {round}");
        assert!(!pair.a.conn.keeps_nothing());
        pair.step(SECOND);
        for end in [&mut pair.a, &mut pair.b] {
            end.conn.rest();
            assert!(end.conn.outbox.capacity() == 0 && end.conn.keeps_nothing());
        }
        pair.assert_idle();
    }
}
