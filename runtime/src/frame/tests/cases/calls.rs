//! Kinds that concern a call or a lane: CALL, REPLY, ITEM, FRAGMENT, HEADERS, END, RESET, STOP, CANCEL and PUSH.

use bytes::Bytes;

use super::{Case, call, first_piece, good, message};
use crate::frame::{
    Call, CallId, Cancel, Fragment, FragmentOf, Frame, Headers, Item, Piece, Push, Reply, ReplyStatus, Reset,
    Role, RouteRef, Stop,
};

pub(super) fn cases() -> Vec<Case> {
    [calls(), call_forms(), call_pieces(), replies(), statuses(), items(), fragments(), ends(), pushes()]
        .into_iter()
        .flatten()
        .collect()
}

/// Call 1 on route 0, without anything that may be left out.
fn plain() -> Call {
    Call {
        id: call(1),
        route: RouteRef::Number(0),
        deadline: None,
        stream: false,
        block: Bytes::new(),
        message: Some(message(b"hi")),
    }
}

fn named() -> RouteRef {
    RouteRef::Name("echo.Echo/Say".into())
}

/// An item with attempt 1.
const BLOCK: &[u8] = &[0, 5, 0, 0, 0, 2, 0, 1];

fn calls() -> Vec<Case> {
    let last = CallId::new(Role::Dialler, CallId::MAX);
    let theirs = CallId::new(Role::Acceptor, 1);
    let with_deadline = |milliseconds| Frame::Call(Call { deadline: Some(milliseconds), ..plain() });
    let stream = Call { stream: true, ..plain() };
    let client_stream = Call { message: None, ..plain() };
    let bidi = Call { stream: true, message: None, ..plain() };
    let far = Call { route: RouteRef::Number(u16::MAX), id: last, ..plain() };
    vec![
        good("call_unary", "8.1", "10 08 00000001 0000 'hi'", Frame::Call(plain())),
        good("call_with_deadline", "8.3", "10 18 00000001 0000 00007530 'hi'", with_deadline(30_000)),
        good("call_with_no_time_left", "8.3", "10 18 00000001 0000 00000000 'hi'", with_deadline(0)),
        good(
            "call_with_the_longest_deadline",
            "8.3",
            "10 18 00000001 0000 ffffffff 'hi'",
            with_deadline(u32::MAX),
        ),
        good("call_server_stream", "8.1", "10 48 00000001 0000 'hi'", Frame::Call(stream)),
        good("call_client_stream", "8.1", "10 00 00000001 0000", Frame::Call(client_stream)),
        good("call_bidi", "8.1", "10 40 00000001 0000", Frame::Call(bidi)),
        good("call_greatest_number_and_route", "2.6", "10 08 7fffffff ffff 'hi'", Frame::Call(far)),
        good(
            "call_of_the_acceptor",
            "2.6",
            "10 08 80000001 0000 'hi'",
            Frame::Call(Call { id: theirs, ..plain() }),
        )
        .by_acceptor(),
    ]
}

fn call_forms() -> Vec<Case> {
    let empty = Call { message: Some(message(b"")), ..plain() };
    vec![
        good(
            "call_named",
            "3.1",
            "10 28 00000001 000d 'echo.Echo/Say' 'hi'",
            Frame::Call(Call { route: named(), ..plain() }),
        ),
        good(
            "call_named_without_a_message",
            "5.4",
            "10 20 00000001 000d 'echo.Echo/Say'",
            Frame::Call(Call { route: named(), message: None, ..plain() }),
        ),
        good(
            "call_on_any_text",
            "5.1",
            "10 28 00000001 0001 '?' 'hi'",
            Frame::Call(Call { route: RouteRef::Name("?".into()), ..plain() }),
        ),
        good("call_with_an_empty_message", "3.3", "10 08 00000001 0000", Frame::Call(empty)),
        good(
            "call_with_block",
            "3.2",
            "10 0c 00000001 0000 00000008 0005 00000002 0001 'hi'",
            Frame::Call(Call { block: Bytes::from_static(BLOCK), ..plain() }),
        ),
        good("call_with_an_empty_block", "3.2", "10 0c 00000001 0000 00000000 'hi'", Frame::Call(plain()))
            .theirs(),
    ]
}

fn call_pieces() -> Vec<Case> {
    let compressed = Call {
        message: Some(Piece { compressed: true, ..message(&[1, 0, 0, 0, 2, 0x20, b'h', b'i']) }),
        ..plain()
    };
    let pieces = |piece| Frame::Call(Call { message: Some(piece), ..plain() });
    let everything = Call {
        id: call(1),
        route: named(),
        deadline: Some(1),
        stream: true,
        block: Bytes::from_static(BLOCK),
        message: Some(Piece { compressed: true, ..first_piece(9, b"abc") }),
    };
    vec![
        good("call_compressed", "6.4", "10 0a 00000001 0000 01 00000002 20 'hi'", Frame::Call(compressed)),
        good("call_first_piece", "6.1", "10 09 00000001 0000 00000006 'abc'", pieces(first_piece(6, b"abc"))),
        good("call_empty_first_piece", "6.2", "10 09 00000001 0000 00000006", pieces(first_piece(6, b""))),
        good(
            "call_first_piece_is_all",
            "6.2",
            "10 09 00000001 0000 00000003 'abc'",
            pieces(first_piece(3, b"abc")),
        ),
        good("call_fragmented_and_empty", "6.2", "10 09 00000001 0000 00000000", pieces(first_piece(0, b""))),
        good(
            "call_total_of_all_that_fits",
            "6.1",
            "10 09 00000001 0000 ffffffff",
            pieces(first_piece(u32::MAX, b"")),
        ),
        good(
            "call_with_every_flag",
            "3",
            "10 7f 00000001 000d 'echo.Echo/Say' 00000001 00000008 0005 00000002 0001 00000009 'abc'",
            Frame::Call(everything),
        ),
    ]
}

fn replies() -> Vec<Case> {
    let reply =
        |block, message| Frame::Reply(Reply { id: call(1), status: None, block, message: Some(message) });
    let block = Bytes::from_static(&[0, 1, 0, 0, 0, 9, 0, 1, b'k', 0, 0, 0, 2, b'v', b'w']);
    let compressed = Piece { compressed: true, ..message(&[1, 0, 0, 0, 2, 0x20, b'h', b'i']) };
    let both = Piece { compressed: true, ..first_piece(9, &[1]) };
    vec![
        good("reply", "8.5", "11 00 00000001 'hi'", reply(Bytes::new(), message(b"hi"))),
        good("reply_empty", "8.5", "11 00 00000001", reply(Bytes::new(), message(b""))),
        good(
            "reply_first_piece",
            "6.1",
            "11 01 00000001 00000006 'abc'",
            reply(Bytes::new(), first_piece(6, b"abc")),
        ),
        good(
            "reply_compressed",
            "6.4",
            "11 02 00000001 01 00000002 20 'hi'",
            reply(Bytes::new(), compressed),
        ),
        good(
            "reply_with_block",
            "3.2",
            "11 04 00000001 0000000f 0001 00000009 0001 'k' 00000002 'vw' 'hi'",
            reply(block.clone(), message(b"hi")),
        ),
        good(
            "reply_with_every_flag_of_a_message",
            "3",
            "11 07 00000001 0000000f 0001 00000009 0001 'k' 00000002 'vw' 00000009 01",
            reply(block, both),
        ),
    ]
    .into_iter()
    .map(Case::by_acceptor)
    .collect()
}

fn statuses() -> Vec<Case> {
    let status = |code, text: &'static str, not_run, block| {
        let status = ReplyStatus { code, text: text.into(), not_run };
        Frame::Reply(Reply { id: call(1), status: Some(status), block, message: None })
    };
    let retry = Bytes::from_static(&[0, 4, 0, 0, 0, 4, 0, 0, 0, 100]);
    vec![
        good(
            "reply_status",
            "8.5",
            "11 10 00000001 00000005 0007 'no such'",
            status(5, "no such", false, Bytes::new()),
        ),
        good(
            "reply_status_without_text",
            "8.5",
            "11 10 00000001 00000001 0000",
            status(1, "", false, Bytes::new()),
        ),
        good(
            "reply_status_of_the_application",
            "8.6",
            "11 10 00000001 000003e8 0000",
            status(1_000, "", false, Bytes::new()),
        ),
        good(
            "reply_not_run",
            "13.4",
            "11 30 00000001 0000000c 0006 'no ' c3a4 'b'",
            status(12, "no äb", true, Bytes::new()),
        ),
        good(
            "reply_not_run_with_block",
            "14.1",
            "11 34 00000001 0000000e 0004 'busy' 0000000a 0004 00000004 00000064",
            status(14, "busy", true, retry),
        ),
    ]
    .into_iter()
    .map(Case::by_acceptor)
    .collect()
}

fn items() -> Vec<Case> {
    let item = |end, message| Frame::Item(Item { id: call(1), end, message });
    let both = Piece { compressed: true, ..first_piece(9, &[1]) };
    let block = Bytes::from_static(&[0, 1, 0, 0, 0, 9, 0, 1, b'k', 0, 0, 0, 2, b'v', b'w']);
    let headers = |block| Frame::Headers(Headers { id: call(1), block });
    vec![
        good("item", "9.1", "12 00 00000001 'hi'", item(false, message(b"hi"))),
        good("item_empty", "6.6", "12 00 00000001", item(false, message(b""))),
        good("item_end", "9.2", "12 08 00000001 'hi'", item(true, message(b"hi"))),
        good("item_first_piece", "6.1", "12 01 00000001 00000006 'abc'", item(false, first_piece(6, b"abc"))),
        good("item_with_every_flag", "3", "12 0b 00000001 00000009 01", item(true, both)),
        good(
            "headers",
            "9.5",
            "14 00 00000001 0000000f 0001 00000009 0001 'k' 00000002 'vw'",
            headers(block),
        )
        .by_acceptor(),
        good("headers_without_items", "9.5", "14 00 00000001 00000000", headers(Bytes::new())).by_acceptor(),
    ]
}

fn fragments() -> Vec<Case> {
    let fragment =
        |of, bytes: &'static str| Frame::Fragment(Fragment { of, bytes: Bytes::from(bytes), rest: 0 });
    vec![
        good("fragment", "6.1", "13 00 00000001 'def'", fragment(FragmentOf::Call(call(1)), "def")),
        good("fragment_of_one_byte", "6.2", "13 00 00000001 'd'", fragment(FragmentOf::Call(call(1)), "d")),
        good("fragment_of_a_push", "10.3", "13 10 00000000 'def'", fragment(FragmentOf::Lane(0), "def")),
    ]
}

fn ends() -> Vec<Case> {
    let reset = |of, code, text: &'static str| Frame::Reset(Reset { of, code, text: text.into() });
    vec![
        good("end", "9.2", "15 00 00000001", Frame::End(call(1))),
        good(
            "reset",
            "9.3",
            "16 00 00000001 00000001 'gave up'",
            reset(FragmentOf::Call(call(1)), 1, "gave up"),
        ),
        good(
            "reset_without_text",
            "9.3",
            "16 00 00000001 0000000d",
            reset(FragmentOf::Call(call(1)), 13, ""),
        )
        .by_acceptor(),
        good("reset_of_a_push", "10.3", "16 10 00000003 00000001", reset(FragmentOf::Lane(3), 1, "")),
        good("stop", "9.4", "17 00 00000001 00000000", Frame::Stop(Stop { id: call(1), code: 0 })),
        good(
            "stop_with_a_code",
            "9.4",
            "17 00 00000001 00000001",
            Frame::Stop(Stop { id: call(1), code: 1 }),
        )
        .by_acceptor(),
        good("cancel", "8.8", "18 00 00000001", Frame::Cancel(Cancel { id: call(1), expired: false })),
        good("cancel_expired", "8.8", "18 01 00000001", Frame::Cancel(Cancel { id: call(1), expired: true })),
    ]
}

fn pushes() -> Vec<Case> {
    let push = |lane, route, message| Frame::Push(Push { lane, route, block: Bytes::new(), message });
    let everything = Push {
        lane: 3,
        route: named(),
        block: Bytes::from_static(&[0, 3, 0, 0, 0, 1, 2]),
        message: Piece { compressed: true, ..first_piece(9, b"abc") },
    };
    vec![
        good("push", "10.1", "20 00 00000000 0002 'hi'", push(0, RouteRef::Number(2), message(b"hi"))),
        good("push_empty", "6.6", "20 00 00000003 0002", push(3, RouteRef::Number(2), message(b""))),
        good(
            "push_named",
            "5.4",
            "20 20 00000000 000d 'echo.Echo/Say' 'hi'",
            push(0, named(), message(b"hi")),
        ),
        good(
            "push_first_piece",
            "6.1",
            "20 01 00000000 0002 00000006 'abc'",
            push(0, RouteRef::Number(2), first_piece(6, b"abc")),
        ),
        good(
            "push_with_every_flag",
            "3",
            "20 27 00000003 000d 'echo.Echo/Say' 00000007 0003 00000001 02 00000009 'abc'",
            Frame::Push(everything),
        ),
    ]
}
