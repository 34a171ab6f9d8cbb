//! HELLO, AUTH, READY, BIND and PING (wire 4, 5, 11.1).

use super::raw::*;
use super::*;
use crate::frame::{Hello, Pong, Settings};

fn raw_hello(version: u8, wants_auth: bool) -> Frame {
    Frame::Hello(Box::new(Hello { version, wants_auth, settings: Settings::initial() }))
}

/// A HELLO with settings written by hand.
fn hello_bytes(version: u8, settings: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = b"\x01\x00\x00\x00\x00\x00pCal".to_vec();
    body.extend([version, 0]);
    for (id, value) in settings {
        body.extend(id.to_be_bytes());
        body.extend((value.len() as u32).to_be_bytes());
        body.extend(*value);
    }
    [&(body.len() as u32).to_be_bytes()[..], &body].concat()
}

#[test]
fn a_hello_from_the_future_is_understood() {
    let mut raw = Raw::silent(&Config::default());
    raw.end.feed(&hello_bytes(9, &[(900, b"what"), (2, &[0, 2, 0, 0]), (65_535, b"")]));
    assert!(raw.end.is_ready);
    assert_eq!(raw.end.conn.peer.settings.message_limit, 131_072);
    raw.say(call(1, whole(8)));
    assert!(matches!(raw.heard()[..], [Frame::Hello(_), Frame::Reply(_)]));
}

#[test]
fn whoever_speaks_another_protocol_is_told_so() {
    for bytes in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01\x02\x00\x01\x00", &[0; 10], &hello_bytes(0, &[])]
    {
        let mut raw = Raw::silent(&Config::default());
        raw.end.feed(bytes);
        raw.assert_ended(EndCode::BadHello, "(wire ");
    }
}

#[test]
fn a_hello_with_wrong_settings_is_malformed() {
    for settings in [&[(1, &[0; 4][..]), (1, &[0; 4])][..], &[(1, &[0; 3])], &[(16, &[])]] {
        let mut raw = Raw::silent(&Config::default());
        raw.end.feed(&hello_bytes(1, settings));
        raw.assert_ended(EndCode::Malformed, "4.5");
    }
}

#[test]
fn settings_smaller_than_the_initial_values_count_as_those() {
    let config = Config { lane_credit: 10, stream_credit: 0, receive_budget: 1, ..Config::default() };
    let mut raw = Raw::new(&config);
    raw.say(push(0, whole(16_384 - 64 - NAME as usize)));
    raw.say(call(1, whole(60_000)));
    assert!(raw.end.ended.is_none(), "{:?}", raw.end.ended);
    assert_eq!(raw.end.pushes.len(), 1);
}

#[test]
fn no_hello_in_time_ends_the_connection() {
    let mut raw = Raw::silent(&Config::default());
    raw.step(10 * SECOND - MS);
    assert!(raw.end.ended.is_none());
    raw.step(MS);
    raw.assert_ended(EndCode::Timeout, "HELLO");
}

#[test]
fn no_ready_in_time_ends_the_connection() {
    let mut raw = Raw::silent(&Config::default());
    raw.say(raw_hello(1, true));
    for _ in 0..9 {
        raw.step(SECOND);
        raw.say(Frame::Pad);
    }
    raw.step(SECOND);
    raw.assert_ended(EndCode::Timeout, "READY");
}

#[test]
fn an_end_that_wants_auth_binds_us_from_its_ready_on() {
    let mut raw = Raw::silent(&Config::default());
    let mut settings = Settings::initial();
    settings.message_limit = 1 << 20;
    settings.calls_credit = 1 << 22;
    settings.replies_credit = 1 << 22;
    raw.say(Frame::Hello(Box::new(Hello { version: 1, wants_auth: true, settings })));
    assert!(!raw.end.is_ready);
    assert!(raw.end.open(Ask::of(100_000)).expect("it may fit").is_none(), "65,536 until READY");
    let small = raw.end.call(Ask::of(8));
    raw.heard();
    raw.say_all([Frame::Auth(Bytes::from_static(b"hi")), reply(ours(small), whole(8)), ping(1)]);
    assert!(matches!(raw.heard()[..], [Frame::Pong(_)]));
    raw.say(Frame::Ready);
    assert!(raw.end.is_ready);
    raw.end.call(Ask::of(100_000));
    raw.say(Frame::Ready);
    raw.assert_ended(EndCode::Unexpected, "4.4");
}

#[test]
fn a_reply_over_the_initial_limit_waits_for_ready() {
    for limit in [65_536, 1 << 20] {
        let mut raw = Raw::silent(&Config::default());
        raw.end.handler = Handler::Wait;
        let settings = Settings { message_limit: limit, replies_credit: 1 << 22, ..Settings::initial() };
        raw.say(Frame::Hello(Box::new(Hello { version: 1, wants_auth: true, settings })));
        raw.say(call(1, whole(8)));
        raw.end.reply(1, body(1, 100_000));
        assert!(matches!(raw.heard()[..], [Frame::Hello(_)]));
        raw.say(Frame::Ready);
        let heard = raw.heard();
        let Some(Frame::Reply(reply)) = heard.first() else { panic!("{heard:?}") };
        assert_eq!(reply.status.is_some(), limit < 100_000, "6.5: over the peer's limit it must not be sent");
    }
}

#[test]
fn a_seventeenth_auth_is_one_too_many() {
    let mut raw = Raw::silent(&Config::default());
    raw.say(raw_hello(1, true));
    for _ in 0..16 {
        raw.say(Frame::Auth(Bytes::from_static(b"x")));
    }
    assert!(raw.end.ended.is_none());
    raw.say(Frame::Auth(Bytes::from_static(b"x")));
    raw.assert_ended(EndCode::LimitExceeded, "4.4");
}

#[test]
fn a_binding_over_the_limit_ends_the_connection() {
    let config = Config { max_bindings: 64, ..Config::default() };
    let mut raw = Raw::new(&config);
    (0..64).for_each(|number| raw.say(bind(number)));
    assert!(raw.end.ended.is_none());
    raw.say(bind(64));
    raw.assert_ended(EndCode::LimitExceeded, "5.2");
}

#[test]
fn ten_million_pings_that_nobody_answers_to_owe_one_pong() {
    let mut raw = Raw::new(&Config::default());
    for number in 0..10_000_000 {
        raw.end.conn.handle_frame(raw.end.now, ping(number));
    }
    assert_eq!(raw.end.conn.in_flight().unsent, 0);
    assert!(raw.end.conn.events.is_empty());
    assert_eq!(raw.heard(), [Frame::Pong(Pong { number: 9_999_999, pushes_taken: 0 })]);
    raw.say(ping(9_999_999));
    raw.say(ping(5));
    assert!(!raw.end.has_output(), "11.1: a number that has not grown needs no answer");
}

#[test]
fn a_pong_to_a_ping_never_sent_is_ignored() {
    let mut raw = Raw::new(&Config::default());
    raw.say_all([pong(0, 7), pong(1, 7)]);
    assert_eq!(raw.end.conn.push_counts().2, 0);
    raw.end.conn.ping();
    raw.say(pong(1, 7));
    assert_eq!(raw.end.conn.push_counts().2, 7);
}
