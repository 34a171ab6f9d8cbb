//! Frames that end the connection, for every rule that one frame can break by itself.

use super::{Case, bad, bad_raw, written};
use crate::frame::EndCode::{BadHello, Checksum, FrameTooLarge, Malformed, UnknownFlag, UnknownKind};

pub(super) fn cases() -> Vec<Case> {
    [
        lengths(),
        kinds_and_flags(),
        ids(),
        bodies(),
        hellos(),
        settings(),
        services(),
        calls(),
        answers(),
        checksums(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn lengths() -> Vec<Case> {
    vec![
        bad_raw("length_0", "2.1", written("00000000"), Malformed),
        bad_raw("length_5", "2.1", written("00000005 1500000000"), Malformed),
        bad_raw("length_over_the_limit", "2.1", written("00004001 10"), FrameTooLarge),
        bad_raw("length_far_over_the_limit", "2.1", written("ffffffff 10"), FrameTooLarge),
        bad_raw("pad_over_the_limit", "2.1", written("00004001 80"), FrameTooLarge),
        bad_raw("hello_over_16_kib", "4.1", written("00004001 01"), BadHello),
        bad_raw("an_http_request", "2.1", b"GET / HTTP/1.1\r\n".to_vec(), FrameTooLarge),
    ]
}

fn kinds_and_flags() -> Vec<Case> {
    let flagged = [
        ("hello_unknown_flag", "01 02 00000000 'pCal' 01 00"),
        ("auth_unknown_flag", "02 01 00000000"),
        ("ready_unknown_flag", "03 01 00000000"),
        ("bind_unknown_flag", "04 01 00000000 0000 'a'"),
        ("ping_unknown_flag", "05 01 00000000 0000000000000000"),
        ("pong_unknown_flag", "06 01 00000000 0000000000000000 0000000000000000"),
        ("goaway_unknown_flag", "07 02 00000000 00000000 0000000000000000 0000000000000000"),
        ("credit_unknown_flag", "08 01 00000000 0000000000000000"),
        ("blocked_unknown_flag", "09 01 00000000 0000000000000000"),
        ("reply_unknown_flag", "11 08 00000001"),
        ("item_unknown_flag", "12 04 00000001"),
        ("fragment_unknown_flag", "13 01 00000001 'a'"),
        ("headers_unknown_flag", "14 01 00000001 00000000"),
        ("end_unknown_flag", "15 01 00000001"),
        ("reset_unknown_flag", "16 01 00000001 00000001"),
        ("stop_unknown_flag", "17 01 00000001 00000001"),
        ("cancel_unknown_flag", "18 02 00000001"),
        ("push_unknown_flag", "20 08 00000000 0000"),
        ("checksum_not_announced", "15 80 00000001 562a4685"),
    ];
    let flagged = flagged.map(|(name, frame)| bad(name, "2.3", frame, UnknownFlag));
    let unknown = [
        ("unknown_kind_00", "00 00 00000000"),
        ("unknown_kind_0a", "0a 00 00000000"),
        ("unknown_kind_7f", "7f 00 00000000"),
    ];
    let unknown = unknown.map(|(name, frame)| bad(name, "2.2", frame, UnknownKind));
    unknown.into_iter().chain(flagged).collect()
}

fn ids() -> Vec<Case> {
    let connection = [
        ("hello_with_an_id", "01 00 00000001 'pCal' 01 00"),
        ("auth_with_an_id", "02 00 00000001"),
        ("ready_with_an_id", "03 00 80000000"),
        ("bind_with_an_id", "04 00 00000001 0000 'a'"),
        ("ping_with_an_id", "05 00 00000001 0000000000000000"),
        ("pong_with_an_id", "06 00 00000001 0000000000000000 0000000000000000"),
        ("goaway_with_an_id", "07 00 00000001 00000000 0000000000000000 0000000000000000"),
    ];
    let calls = [
        ("call_number_0", "10 08 00000000 0000"),
        ("call_number_0_of_the_acceptor", "10 08 80000000 0000"),
        ("reply_number_0", "11 00 00000000"),
        ("item_number_0", "12 00 00000000"),
        ("fragment_number_0", "13 00 00000000 'a'"),
        ("headers_number_0", "14 00 00000000 00000000"),
        ("end_number_0", "15 00 00000000"),
        ("reset_number_0", "16 00 00000000 00000001"),
        ("stop_number_0", "17 00 00000000 00000001"),
        ("cancel_number_0", "18 00 00000000"),
        ("credit_number_0_of_the_acceptor", "08 00 80000000 0000000000000000"),
    ];
    let accounts = [
        ("credit_lane_and_replies", "08 30 00000000 0000000000000000"),
        ("credit_replies_with_an_id", "08 20 00000001 0000000000000000"),
        ("blocked_lane_and_replies", "09 30 00000000 0000000000000000"),
        ("blocked_replies_with_an_id", "09 20 00000001 0000000000000000"),
    ];
    let connection = connection.map(|(name, frame)| bad(name, "2.7", frame, Malformed));
    let calls = calls.map(|(name, frame)| bad(name, "2.6", frame, Malformed));
    let accounts = accounts.map(|(name, frame)| bad(name, "7.9", frame, Malformed));
    connection.into_iter().chain(calls).chain(accounts).collect()
}

fn bodies() -> Vec<Case> {
    [
        ("ready_with_a_body", "03 00 00000000 00"),
        ("bind_too_short", "04 00 00000000 00"),
        ("bind_not_text", "04 00 00000000 0000 ff"),
        ("ping_too_short", "05 00 00000000 00000000000000"),
        ("ping_too_long", "05 00 00000000 000000000000000000"),
        ("pong_too_short", "06 00 00000000 0000000000000000"),
        ("pong_too_long", "06 00 00000000 0000000000000000 0000000000000000 00"),
        ("goaway_too_short", "07 00 00000000 00000000 0000000000000000"),
        ("goaway_not_text", "07 00 00000000 00000000 0000000000000000 0000000000000000 c3"),
        ("credit_too_short", "08 00 00000000 00000000000000"),
        ("credit_too_long", "08 00 00000000 000000000000000000"),
        ("headers_too_short", "14 00 00000001"),
        ("headers_too_long", "14 00 00000001 00000000 00"),
        ("headers_block_overruns", "14 00 00000001 00000001"),
        ("end_with_a_body", "15 00 00000001 00"),
        ("reset_too_short", "16 00 00000001 000000"),
        ("reset_not_text", "16 00 00000001 00000001 80"),
        ("stop_too_short", "17 00 00000001"),
        ("stop_too_long", "17 00 00000001 0000000000"),
        ("cancel_with_a_body", "18 00 00000001 00"),
        ("push_too_short", "20 00 00000000 00"),
    ]
    .into_iter()
    .map(|(name, frame)| bad(name, "2.4", frame, Malformed))
    .collect()
}

fn hellos() -> Vec<Case> {
    vec![
        bad("hello_wrong_magic", "4.1", "01 00 00000000 'pcal' 01 00", BadHello),
        bad("hello_version_0", "4.1", "01 00 00000000 'pCal' 00 00", BadHello),
        bad("hello_too_short", "2.4", "01 00 00000000 'pCal' 01", Malformed),
    ]
}

fn settings() -> Vec<Case> {
    [
        ("setting_twice", "4.5", "0008 00000004 00000010  0008 00000004 00000010"),
        ("setting_too_short", "4.5", "0001 00000003 000000"),
        ("setting_too_long", "4.5", "0004 00000009 000000000000000000"),
        ("setting_checksum_with_a_value", "4.5", "000d 00000001 01"),
        ("setting_keepalive_too_short", "4.5", "0010 00000004 00000001"),
        ("setting_agent_not_text", "2.4", "0011 00000001 ff"),
        ("setting_overruns", "2.4", "0001 00000005 00000000"),
        ("setting_overruns_by_far", "2.4", "0001 ffffffff 00000000"),
        ("setting_cut", "2.4", "0001 0000"),
    ]
    .into_iter()
    .map(|(name, rule, items)| in_hello(name, rule, items))
    .collect()
}

fn services() -> Vec<Case> {
    [
        ("services_empty", "2.4", "000e 00000000"),
        ("services_name_overruns", "2.4", "000e 00000004 00 0002 'a'"),
        ("services_name_not_text", "2.4", "000e 0000000e 00 0001 ff 0000000000000000 0000"),
        ("services_methods_overrun", "2.4", "000f 0000000e 00 0001 'a' 0000000000000000 ffff"),
    ]
    .into_iter()
    .map(|(name, rule, items)| in_hello(name, rule, items))
    .collect()
}

fn in_hello(name: &'static str, rule: &'static str, items: &str) -> Case {
    bad(name, rule, &format!("01 00 00000000 'pCal' 01 00 {items}"), Malformed)
}

fn calls() -> Vec<Case> {
    let long = format!("10 28 00000001 0401 '{}'", "a".repeat(1_025));
    let long_bind = format!("04 00 00000000 0000 '{}'", "a".repeat(1_025));
    let mut cases = vec![
        bad("call_route_of_1025_bytes", "5.1", &long, Malformed),
        bad("bind_route_of_1025_bytes", "5.1", &long_bind, Malformed),
    ];
    cases.extend(
        [
            ("call_too_short", "2.4", "10 08 00000001 00"),
            ("call_name_overruns", "2.4", "10 28 00000001 0003 'ab'"),
            ("call_name_not_text", "2.4", "10 28 00000001 0001 ff"),
            ("call_name_empty", "5.1", "10 28 00000001 0000"),
            ("bind_name_empty", "5.1", "04 00 00000000 0000"),
            ("call_deadline_cut", "2.4", "10 18 00000001 0000 000000"),
            ("call_block_overruns", "2.4", "10 0c 00000001 0000 00000001"),
            ("call_block_overruns_by_far", "2.4", "10 0c 00000001 0000 ffffffff 00"),
            ("call_block_cut", "2.4", "10 0c 00000001 0000 0000"),
            ("call_without_end_with_a_message", "2.4", "10 00 00000001 0000 'a'"),
            ("call_fragmented_without_end", "3.4", "10 01 00000001 0000"),
            ("call_compressed_without_end", "3.4", "10 02 00000001 0000"),
            ("call_total_cut", "2.4", "10 09 00000001 0000 000000"),
            ("call_first_piece_over_the_total", "6.2", "10 09 00000001 0000 00000001 'ab'"),
            ("push_first_piece_over_the_total", "6.2", "20 01 00000000 0000 00000000 'a'"),
            ("fragment_empty", "6.2", "13 00 00000001"),
            ("fragment_of_a_push_empty", "6.2", "13 10 00000000"),
            ("call_item_overruns_its_block", "14.1", "10 0c 00000001 0000 00000006 0002 00000001 'hi'"),
            ("call_item_cut", "14.1", "10 0c 00000001 0000 00000005 0002 000000 'hi'"),
        ]
        .map(|(name, rule, frame)| bad(name, rule, frame, Malformed)),
    );
    cases
}

fn answers() -> Vec<Case> {
    let long = format!("11 10 00000001 00000001 0401 '{}'", "a".repeat(1_025));
    let long_reset = format!("16 00 00000001 00000001 '{}'", "a".repeat(1_025));
    let mut cases = vec![
        bad("reply_status_text_of_1025_bytes", "8.5", &long, Malformed),
        bad("reset_text_of_1025_bytes", "8.5", &long_reset, Malformed),
    ];
    cases.extend(
        [
            ("reply_not_run_without_status", "3.4", "11 20 00000001"),
            ("reply_status_fragmented", "3.4", "11 11 00000001 00000001 0000"),
            ("reply_status_compressed", "3.4", "11 12 00000001 00000001 0000"),
            ("reply_status_0", "8.5", "11 10 00000001 00000000 0000"),
            ("reset_code_0", "8.5", "16 00 00000001 00000000"),
            ("reply_status_cut", "2.4", "11 10 00000001 00000001 00"),
            ("reply_status_text_overruns", "2.4", "11 10 00000001 00000001 0002 'a'"),
            ("reply_status_text_not_text", "2.4", "11 10 00000001 00000001 0001 ff"),
            ("reply_status_with_a_message", "2.4", "11 10 00000001 00000001 0000 'a'"),
            ("reply_first_piece_over_the_total", "6.2", "11 01 00000001 00000000 'a'"),
            ("reply_item_overruns_its_block", "14.1", "11 04 00000001 00000006 0004 00000004"),
            ("headers_item_overruns_its_block", "14.1", "14 00 00000001 00000007 0001 00000002 00"),
        ]
        .map(|(name, rule, frame)| bad(name, rule, frame, Malformed)),
    );
    cases.into_iter().map(Case::by_acceptor).collect()
}

fn checksums() -> Vec<Case> {
    vec![
        bad("checksum_wrong", "2.5", "15 80 00000001 562a4684", Checksum).with_checksum(),
        bad("checksum_missing", "2.4", "15 80 00000001 562a46", Malformed).with_checksum(),
        bad("hello_with_checksum", "2.3", "01 80 00000000 'pCal' 01 00 00000000", UnknownFlag)
            .with_checksum(),
    ]
}
