//! `docs/wire-vectors.json`, made from the cases and compared with what is there (wire 16). To rewrite it:
//! `PROTOCALL_BLESS=1 cargo test -p protocall wire_vectors`.

mod fields;
mod json;

use std::collections::HashSet;
use std::fmt::Write;

use super::cases::{Case, Expect, all};
use super::{decode_all, encoded};
use crate::frame::{Block, BlockError, Decoder, Frame, Role};

use self::json::Json;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/wire-vectors.json");

fn decoder(case: &Case) -> Decoder {
    let mut decoder = Decoder::new(0);
    if case.checksum {
        decoder.accept_checksum();
    }
    decoder
}

#[test]
fn every_case_decodes_as_it_says() {
    for case in all() {
        let (frames, end) = decode_all(&mut decoder(&case), &case.bytes);
        match &case.expect {
            Expect::Frames(expected) => {
                assert_eq!((&frames, &end), (expected, &Ok(0)), "{}", case.name);
                let costs_the_call = case.name.ends_with("_costs_the_call");
                for block in frames.iter().filter_map(read_block) {
                    assert_eq!(matches!(block, Err(BlockError::Invalid(_))), costs_the_call, "{}", case.name);
                    assert!(!matches!(block, Err(BlockError::Malformed(_))), "{}: {block:?}", case.name);
                }
            }
            Expect::Error(code) => {
                // A block is read by whoever takes the frame.
                let block = frames.iter().find_map(|frame| match read_block(frame) {
                    Some(Err(BlockError::Malformed(error))) => Some(error),
                    _ => None,
                });
                let error = end.err().or(block).unwrap_or_else(|| panic!("{}: {frames:?}", case.name));
                assert_eq!((error.code, error.rule), (*code, case.rule), "{}: {error}", case.name);
            }
        }
    }
}

#[test]
fn every_case_of_ours_is_encoded_so() {
    for case in all().iter().filter(|case| case.ours) {
        if let Expect::Frames(frames) = &case.expect {
            assert_eq!(hex(&encoded(frames)), hex(&case.bytes), "{}", case.name);
        }
    }
}

#[test]
fn every_block_item_is_encoded_so() {
    let mut compared = 0;
    for case in all().iter().filter(|case| case.name.starts_with("block_with_every_item")) {
        let Expect::Frames(frames) = &case.expect else { panic!("{}", case.name) };
        let out = read_block(&frames[0]).unwrap().unwrap().encode();
        assert!(hex(&case.bytes).contains(&hex(&out)), "{}: {}", case.name, hex(&out));
        compared += out.len();
    }
    assert_eq!(compared, 0x65 + 0x36);
}

#[test]
fn names_of_cases_are_unique() {
    let mut names = HashSet::new();
    for case in all() {
        assert!(names.insert(case.name), "{} twice", case.name);
    }
}

#[test]
fn wire_vectors_are_those_in_the_docs() {
    let rows: Vec<String> = all().iter().map(|case| format!("  {}", vector(case))).collect();
    let text = format!("[\n{}\n]\n", rows.join(",\n"));
    if std::env::var_os("PROTOCALL_BLESS").is_some() {
        std::fs::write(FILE, &text).unwrap();
    }
    let there = std::fs::read_to_string(FILE).unwrap_or_default();
    let differs = text.lines().zip(there.lines()).find(|(new, old)| new != old);
    assert!(text == there, "rewrite it with PROTOCALL_BLESS=1; the first difference: {differs:?}");
}

fn vector(case: &Case) -> Json {
    let from = match case.from {
        Role::Dialler => "dialler",
        Role::Acceptor => "acceptor",
    };
    let mut vector = vec![
        ("name", Json::text(case.name)),
        ("rule", Json::text(case.rule)),
        ("from", Json::text(from)),
        ("hex", Json::Text(hex(&case.bytes))),
    ];
    if case.checksum {
        vector.push(("receiver", Json::Object(vec![("checksum", Json::Bool(true))])));
    }
    vector.push(match &case.expect {
        Expect::Frames(frames) => ("frames", Json::List(with_headers(&case.bytes, frames))),
        Expect::Error(code) => ("error", Json::text(code.name())),
    });
    Json::Object(vector)
}

/// Each frame with the flags and the id of its header.
fn with_headers(bytes: &[u8], frames: &[Frame]) -> Vec<Json> {
    let mut rest = bytes;
    let mut list = Vec::new();
    for frame in frames {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        let id = u32::from_be_bytes(rest[6..10].try_into().unwrap());
        list.push(fields::frame(frame, rest[5], id));
        rest = &rest[4 + length..];
    }
    list
}

/// The block that the frame carries, read as in its place.
fn read_block(frame: &Frame) -> Option<Result<Block, BlockError>> {
    let (block, opening) = match frame {
        Frame::Call(call) => (&call.block, true),
        Frame::Push(push) => (&push.block, true),
        Frame::Reply(reply) => (&reply.block, false),
        Frame::Headers(headers) => (&headers.block, false),
        _ => return None,
    };
    Some(match opening {
        true => Block::decode(block),
        false => Block::decode_answer(block).map_err(BlockError::Malformed),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}
