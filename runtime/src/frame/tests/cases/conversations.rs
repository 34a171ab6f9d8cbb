//! Several frames: what one end sends in conversations.

use bytes::Bytes;

use super::connection::hello;
use super::{Case, call, first_piece, message, several};
use crate::frame::{
    Bind, Call, Credit, EndCode, Fragment, FragmentOf, Frame, GoAway, Item, Ping, Pong, Reply, RouteRef,
    Scope, Settings, Taken,
};

const HELLO: &str = "01 00 00000000 'pCal' 01 00";
const NAMED_CALL: &str = "10 28 00000001 000d 'echo.Echo/Say' 'hi'";

pub(super) fn cases() -> Vec<Case> {
    [unary(), fragmented(), streamed(), drained()].into_iter().flatten().collect()
}

fn initial() -> Frame {
    hello(Settings::initial())
}

fn say(route: RouteRef, message: Option<crate::frame::Piece>) -> Frame {
    let block = Bytes::new();
    Frame::Call(Call { id: call(1), route, deadline: None, stream: false, block, message })
}

fn named() -> RouteRef {
    RouteRef::Name("echo.Echo/Say".into())
}

fn reply(bytes: &'static [u8]) -> Frame {
    Frame::Reply(Reply { id: call(1), status: None, block: Bytes::new(), message: Some(message(bytes)) })
}

fn unary() -> Vec<Case> {
    let bind = Frame::Bind(Bind { number: 0, name: "echo.Echo/Say".into() });
    let raise = Frame::Credit(Credit { scope: Scope::Calls, total: 131_072 + 79 });
    vec![
        several(
            "unary_minimal_dialler",
            "15",
            &[HELLO, NAMED_CALL],
            vec![initial(), say(named(), Some(message(b"hi")))],
        ),
        several(
            "unary_minimal_acceptor",
            "15",
            &[HELLO, "11 00 00000001 'hi'"],
            vec![initial(), reply(b"hi")],
        )
        .by_acceptor(),
        several(
            "unary_bound_dialler",
            "5.2",
            &[HELLO, "04 00 00000000 0000 'echo.Echo/Say'", "10 08 00000001 0000 'hi'"],
            vec![initial(), bind, say(RouteRef::Number(0), Some(message(b"hi")))],
        ),
        several(
            "unary_answer_and_credit",
            "7.5",
            &["11 00 00000001 'hi'", "08 00 00000000 000000000002004f"],
            vec![reply(b"hi"), raise],
        )
        .by_acceptor(),
    ]
}

fn fragmented() -> Vec<Case> {
    let fragment = |bytes: &'static str| {
        Frame::Fragment(Fragment { of: FragmentOf::Call(call(1)), bytes: Bytes::from(bytes), rest: 0 })
    };
    vec![several(
        "fragmented_call_with_a_ping_between",
        "6.1",
        &[
            "10 29 00000001 000d 'echo.Echo/Say' 00000007 'abc'",
            "13 00 00000001 'de'",
            "05 00 00000000 0000000000000001",
            "13 00 00000001 'fg'",
        ],
        vec![
            say(named(), Some(first_piece(7, b"abc"))),
            fragment("de"),
            Frame::Ping(Ping { number: 1 }),
            fragment("fg"),
        ],
    )]
}

fn streamed() -> Vec<Case> {
    let item = |bytes| Frame::Item(Item { id: call(1), end: false, message: message(bytes) });
    let give = |total| Frame::Credit(Credit { scope: Scope::Stream(call(1)), total });
    vec![
        several(
            "client_stream_caller",
            "9.2",
            &[
                "10 20 00000001 000d 'echo.Echo/Say'",
                "12 00 00000001 'a'",
                "12 00 00000001 'b'",
                "15 00 00000001",
            ],
            vec![say(named(), None), item(b"a"), item(b"b"), Frame::End(call(1))],
        ),
        several(
            "client_stream_callee",
            "7.10",
            &["08 00 00000001 0000000000004041", "08 00 00000001 0000000000004082", "11 00 00000001 'ab'"],
            vec![give(16_449), give(16_514), reply(b"ab")],
        )
        .by_acceptor(),
    ]
}

fn drained() -> Vec<Case> {
    let go_away = |last| Frame::GoAway(GoAway { code: EndCode::None, last, reason: "".into() });
    vec![
        several(
            "drain",
            "11.4",
            &[
                "07 00 00000000 00000000 0000000000000000 0000000000000000",
                "05 00 00000000 0000000000000009",
                "07 01 00000000 00000000 0000000000000001 0000000000000000",
                "11 00 00000001 'hi'",
            ],
            vec![
                go_away(None),
                Frame::Ping(Ping { number: 9 }),
                go_away(Some(Taken { calls: 1, pushes: 0 })),
                reply(b"hi"),
            ],
        )
        .by_acceptor(),
        several(
            "drain_answered",
            "11.4",
            &["06 00 00000000 0000000000000009 0000000000000000"],
            vec![Frame::Pong(Pong { number: 9, pushes_taken: 0 })],
        ),
    ]
}
