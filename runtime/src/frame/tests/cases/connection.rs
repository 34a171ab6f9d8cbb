//! Kinds that concern the connection: HELLO to GOAWAY, CREDIT, BLOCKED and PAD.

use bytes::Bytes;

use super::{Case, call, good, several};
use crate::frame::{
    Bind, CallId, Credit, EndCode, Frame, GoAway, Hello, Ping, Pong, Role, Scope, ServiceShape, Services,
    Settings, Taken, shape,
};

pub(super) fn cases() -> Vec<Case> {
    [hellos(), settings(), openings(), life(), credit(), skipped()].into_iter().flatten().collect()
}

pub(super) fn hello(settings: Settings) -> Frame {
    Frame::Hello(Box::new(Hello { version: 1, wants_auth: false, settings }))
}

fn hellos() -> Vec<Case> {
    let wants_auth = Hello { version: 1, wants_auth: true, settings: Settings::initial() };
    let later = Hello { version: 9, wants_auth: false, settings: Settings::initial() };
    vec![
        good("hello", "4.1", "01 00 00000000 'pCal' 01 00", hello(Settings::initial())),
        good("hello_wants_auth", "4.4", "01 01 00000000 'pCal' 01 00", Frame::Hello(Box::new(wants_auth)))
            .by_acceptor(),
        good("hello_of_a_later_version", "4.2", "01 00 00000000 'pCal' 09 07", Frame::Hello(Box::new(later)))
            .theirs(),
    ]
}

const EVERY_SETTING: &str = "01 00 00000000 'pCal' 01 00 \
    0001 00000004 00010000  0002 00000004 00400000  0003 00000004 00001000 \
    0008 00000004 00000010  0009 00000004 00010000  000a 00000004 00002000 \
    0004 00000008 0000000001000000  0005 00000008 0000000001000000 \
    0006 00000008 0000000000040000  0007 00000008 0000000000100000 \
    000b 00000003 0001ff  000c 00000002 0102  000d 00000000  0010 00000008 00004e2000002710 \
    0011 00000007 'agent/1' \
    000e 00000026 01 0009 'echo.Echo' d1091cd393b2e909 0002 9ff17c41c902c432 9b0ff51f3393318d \
    000f 00000001 00";

fn every_setting() -> Settings {
    let methods = [
        shape::method_shape("echo.Echo/Say", "unary"),
        shape::method_shape("echo.Echo/Watch", "server_stream"),
    ];
    let echo = ServiceShape {
        name: "echo.Echo".to_owned(),
        shape: shape::service_shape(&methods),
        methods: methods.to_vec(),
    };
    Settings {
        frame_limit: 65_536,
        message_limit: 4 << 20,
        in_flight_limit: 4_096,
        calls_credit: 16 << 20,
        replies_credit: 16 << 20,
        stream_credit: 256 << 10,
        lane_credit: 1 << 20,
        lanes: 16,
        bindings: 65_536,
        metadata_limit: 8_192,
        codecs: vec![0, 1, 255],
        compressions: vec![1, 2],
        checksum: true,
        serves: Some(Services { fallback: true, list: vec![echo] }),
        calls: Some(Services::default()),
        keepalive: Some((20_000, 10_000)),
        agent: Some("agent/1".into()),
    }
}

fn settings() -> Vec<Case> {
    let raised = Settings { in_flight_limit: u32::MAX >> 1, bindings: 65_536, ..Settings::initial() };
    let codecs = Settings { codecs: vec![0, 255], ..Settings::initial() };
    vec![
        good("hello_with_every_setting", "4.6", EVERY_SETTING, hello(every_setting())),
        good(
            "unknown_settings_are_skipped",
            "4.5",
            "01 00 00000000 'pCal' 01 00  0000 00000001 ff  7777 00000000  7777 00000002 0102",
            hello(Settings::initial()),
        )
        .theirs(),
        good(
            "settings_below_the_initial_count_as_initial",
            "4.5",
            "01 00 00000000 'pCal' 01 00  0001 00000004 00000000  0004 00000008 0000000000000001",
            hello(Settings::initial()),
        )
        .theirs(),
        good(
            "settings_above_what_counts",
            "4.6",
            "01 00 00000000 'pCal' 01 00  0003 00000004 ffffffff  0009 00000004 ffffffff",
            hello(raised),
        )
        .theirs(),
        good(
            "codec_0_is_always_accepted",
            "4.6",
            "01 00 00000000 'pCal' 01 00  000b 00000002 ffff",
            hello(codecs),
        )
        .theirs(),
    ]
}

fn openings() -> Vec<Case> {
    let bind = |number| Frame::Bind(Bind { number, name: "echo.Echo/Say".into() });
    vec![
        good("auth", "4.4", "02 00 00000000 'secret'", Frame::Auth(Bytes::from("secret"))),
        good("auth_without_bytes", "4.4", "02 00 00000000", Frame::Auth(Bytes::new())),
        good("ready", "4.4", "03 00 00000000", Frame::Ready).by_acceptor(),
        good("bind", "5.2", "04 00 00000000 0000 'echo.Echo/Say'", bind(0)),
        good("bind_the_last_number", "5.2", "04 00 00000000 ffff 'echo.Echo/Say'", bind(u16::MAX)),
    ]
}

fn life() -> Vec<Case> {
    let go_away =
        |code, last, reason: &'static str| Frame::GoAway(GoAway { code, last, reason: reason.into() });
    let taken = Some(Taken { calls: 7, pushes: 300 });
    vec![
        good("ping", "11.1", "05 00 00000000 0000000000000007", Frame::Ping(Ping { number: 7 })),
        good(
            "pong",
            "10.5",
            "06 00 00000000 0000000000000007 000000000000012c",
            Frame::Pong(Pong { number: 7, pushes_taken: 300 }),
        ),
        good(
            "goaway_intent",
            "11.3",
            "07 00 00000000 00000000 0000000000000000 0000000000000000",
            go_away(EndCode::None, None, ""),
        ),
        good(
            "goaway_final",
            "11.4",
            "07 01 00000000 00000000 0000000000000007 000000000000012c",
            go_away(EndCode::None, taken, ""),
        ),
        good(
            "goaway_final_with_a_reason",
            "11.5",
            "07 01 00000000 00000002 0000000000000007 000000000000012c 'too much (wire 2.1)'",
            go_away(EndCode::FrameTooLarge, taken, "too much (wire 2.1)"),
        ),
        good(
            "goaway_with_an_unknown_code",
            "12.2",
            "07 01 00000000 00001234 0000000000000000 0000000000000000",
            go_away(EndCode::Internal, Some(Taken::default()), ""),
        )
        .theirs(),
    ]
}

fn credit() -> Vec<Case> {
    let theirs = CallId::new(Role::Acceptor, 5);
    let credit = |scope, total| Frame::Credit(Credit { scope, total });
    let blocked = |scope, total| Frame::Blocked(Credit { scope, total });
    vec![
        good("credit_calls", "7.2", "08 00 00000000 0000000000030000", credit(Scope::Calls, 196_608)),
        good("credit_replies", "7.2", "08 20 00000000 0000000000030000", credit(Scope::Replies, 196_608)),
        good(
            "credit_stream",
            "7.10",
            "08 00 00000005 0000000000008000",
            credit(Scope::Stream(call(5)), 32_768),
        ),
        good(
            "credit_stream_of_the_acceptors_call",
            "7.10",
            "08 00 80000005 0000000000008000",
            credit(Scope::Stream(theirs), 32_768),
        ),
        good("credit_lane_0", "7.2", "08 10 00000000 ffffffffffffffff", credit(Scope::Lane(0), u64::MAX)),
        good("credit_lane", "7.2", "08 10 80000003 0000000000000000", credit(Scope::Lane(0x8000_0003), 0)),
        good("blocked_calls", "7.6", "09 00 00000000 0000000000030000", blocked(Scope::Calls, 196_608)),
        good("blocked_replies", "7.6", "09 20 00000000 0000000000030000", blocked(Scope::Replies, 196_608)),
        good(
            "blocked_stream",
            "7.8",
            "09 00 00000005 0000000000008000",
            blocked(Scope::Stream(call(5)), 32_768),
        ),
        good("blocked_lane", "7.8", "09 10 00000001 0000000000008000", blocked(Scope::Lane(1), 32_768)),
    ]
}

fn skipped() -> Vec<Case> {
    vec![
        good("pad", "3", "80 00 00000000", Frame::Pad),
        good("pad_with_anything_in_it", "2.2", "80 ff ffffffff 'anything'", Frame::Pad).theirs(),
        good("unknown_ignorable_kind", "2.2", "ff a5 12345678 00ff", Frame::Pad).theirs(),
        several(
            "a_withdrawn_call_is_a_pad",
            "13",
            &["80 18 00000001 0000 00007530 'hi'", "05 00 00000000 0000000000000001"],
            vec![Frame::Pad, Frame::Ping(Ping { number: 1 })],
        )
        .theirs(),
        several(
            "checksums",
            "2.5",
            &["05 80 00000000 0000000000000007 bbefcfad", "15 80 00000001 562a4685"],
            vec![Frame::Ping(Ping { number: 7 }), Frame::End(call(1))],
        )
        .with_checksum(),
    ]
}
