//! Blocks: every item, and what is skipped.

use bytes::Bytes;

use super::{Case, call, good, message, written};
use crate::frame::{Call, Frame, Reply, ReplyStatus, RouteRef};

pub(super) fn cases() -> Vec<Case> {
    [read(), costly()].into_iter().flatten().collect()
}

fn read() -> Vec<Case> {
    let status = Some(ReplyStatus { code: 5, text: "gone".into(), not_run: false });
    vec![
        opening(
            "block_with_every_item_of_an_opening",
            "14.1",
            "10 0c 00000001 0000 00000065 \
             0001 00000020  0006 'tenant' 00000004 'acme'  0001 'b' 00000002 ff00  0001 'b' 00000000 \
             0002 00000001 ff  0003 00000001 00  0005 00000002 0002 \
             0006 00000005 'trace'  0007 00000005 'state'  0009 00000003 'far'  0009 00000004 'near' 'hi'",
        ),
        opening(
            "unknown_items_are_skipped",
            "14.1",
            "10 0c 00000001 0000 00000015  0000 00000000  7777 00000003 010203  7777 00000000 'hi'",
        ),
        opening(
            "items_where_they_do_not_belong_are_skipped",
            "14.1",
            "10 0c 00000001 0000 00000008  0004 00000002 0102 'hi'",
        ),
        opening("priority_high", "14.1", "10 0c 00000001 0000 00000007  0003 00000001 02 'hi'"),
        answer(
            "block_with_every_item_of_an_answer",
            "14.1",
            "11 14 00000001 00000005 0004 'gone' 00000036 \
             0001 00000009 0001 'k' 00000002 'vw'  0004 00000004 000003e8 \
             0008 0000000c 0004 'a.Oh' 0a04 'what'  0008 00000005 0003 'b.C'",
            status.clone(),
        ),
        answer(
            "a_bad_item_in_an_answer_is_ignored",
            "14.2",
            "11 14 00000001 00000005 0004 'gone' 0000001a \
             0004 00000004 000003e8  0004 00000004 00000001  0001 00000000",
            status,
        ),
    ]
}

fn costly() -> Vec<Case> {
    vec![
        opening(
            "a_repeated_item_costs_the_call",
            "14.2",
            "10 0c 00000001 0000 0000000e  0002 00000001 00  0002 00000001 00 'hi'",
        ),
        opening(
            "a_bad_key_costs_the_call",
            "14.2",
            "10 0c 00000001 0000 0000000d  0001 00000007 0001 'K' 00000000 'hi'",
        ),
        opening(
            "a_value_of_the_wrong_length_costs_the_call",
            "14.2",
            "10 0c 00000001 0000 00000008  0003 00000002 0001 'hi'",
        ),
        opening(
            "an_unknown_priority_costs_the_call",
            "14.2",
            "10 0c 00000001 0000 00000007  0003 00000001 03 'hi'",
        ),
        opening(
            "trace_context_that_is_not_text_costs_the_call",
            "14.2",
            "10 0c 00000001 0000 00000007  0006 00000001 ff 'hi'",
        ),
    ]
}

/// Call 1 on route 0 with the message "hi".
fn opening(name: &'static str, rule: &'static str, frame: &str) -> Case {
    // Header without length 6, route 2, the block's length 4; the message 2.
    let bytes = written(frame);
    let block = Bytes::copy_from_slice(&bytes[12..bytes.len() - 2]);
    let call = Call {
        id: call(1),
        route: RouteRef::Number(0),
        deadline: None,
        stream: false,
        block,
        message: Some(message(b"hi")),
    };
    good(name, rule, frame, Frame::Call(call))
}

/// The answer to call 1 with a status of four bytes of text.
fn answer(name: &'static str, rule: &'static str, frame: &str, status: Option<ReplyStatus>) -> Case {
    // Header without length 6, code 4, text 2 + 4, the block's length 4.
    let block = Bytes::copy_from_slice(&written(frame)[20..]);
    good(name, rule, frame, Frame::Reply(Reply { id: call(1), status, block, message: None })).by_acceptor()
}
