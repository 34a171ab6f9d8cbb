//! The largest of what is legal. (One more of each is among the errors.)

use bytes::Bytes;

use super::{Case, call, good, message};
use crate::frame::{
    Bind, Call, CallId, Frame, HEADER, ROUTE_LIMIT, Reply, ReplyStatus, Reset, Role, RouteRef,
    STATUS_TEXT_LIMIT,
};

pub(super) fn cases() -> Vec<Case> {
    let name = "a".repeat(ROUTE_LIMIT);
    let text = "a".repeat(STATUS_TEXT_LIMIT);
    let named = Call {
        id: call(1),
        route: RouteRef::Name(name.clone().into()),
        deadline: None,
        stream: false,
        block: Bytes::new(),
        message: Some(message(b"hi")),
    };
    let status = Some(ReplyStatus { code: u32::MAX, text: text.clone().into(), not_run: false });
    let reply = Reply { id: call(1), status, block: Bytes::new(), message: None };
    let of = crate::frame::FragmentOf::Call(CallId::new(Role::Acceptor, CallId::MAX));
    // The length field does not count itself.
    let fill = "00".repeat(16_384 + 4 - HEADER);
    vec![
        good("route_of_1024_bytes", "5.1", &format!("10 28 00000001 0400 '{name}' 'hi'"), Frame::Call(named)),
        good(
            "bind_route_of_1024_bytes",
            "5.1",
            &format!("04 00 00000000 0000 '{name}'"),
            Frame::Bind(Bind { number: 0, name: name.clone().into() }),
        ),
        good(
            "status_text_of_1024_bytes",
            "8.5",
            &format!("11 10 00000001 ffffffff 0400 '{text}'"),
            Frame::Reply(reply),
        )
        .by_acceptor(),
        good(
            "reset_text_of_1024_bytes",
            "8.5",
            &format!("16 00 ffffffff 00000001 '{text}'"),
            Frame::Reset(Reset { of, code: 1, text: text.clone().into() }),
        ),
        metadata(),
        good("length_at_the_limit", "2.1", &format!("80 00 00000000 {fill}"), Frame::Pad).theirs(),
    ]
}

/// A key of 255 bytes.
fn metadata() -> Case {
    let key = "k".repeat(255);
    let items = [&[0, 1, 0, 0, 1, 5, 0, 255][..], key.as_bytes(), &[0; 4]].concat();
    let call = Call {
        id: call(1),
        route: RouteRef::Number(0),
        deadline: None,
        stream: false,
        block: Bytes::from(items),
        message: Some(message(b"")),
    };
    let frame = format!("10 0c 00000001 0000 0000010b 0001 00000105 00ff '{key}' 00000000");
    good("metadata_key_of_255_bytes", "14.1", &frame, Frame::Call(call))
}
