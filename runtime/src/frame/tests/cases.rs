//! The bytes of frames, written by hand from the tables of `docs/wire.md`: what the encoders and the decoder are
//! held against, and what `docs/wire-vectors.json` is made of.
//!
//! A frame is written without its length, which is counted: `"10 18 00000001 'text' 00"`, hex and quoted text.

mod blocks;
mod boundaries;
mod calls;
mod connection;
mod conversations;
mod errors;

use bytes::Bytes;

use crate::frame::{CallId, EndCode, Frame, Piece, Role};

/// Bytes, and what a receiver makes of them.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) rule: &'static str,
    pub(super) from: Role,
    pub(super) bytes: Vec<u8>,
    pub(super) expect: Expect,
    /// The receiver announced that it takes checksums.
    pub(super) checksum: bool,
    /// A sender of ours writes it so too.
    pub(super) ours: bool,
}

pub(super) enum Expect {
    Frames(Vec<Frame>),
    Error(EndCode),
}

impl Case {
    fn new(name: &'static str, rule: &'static str, bytes: Vec<u8>, expect: Expect) -> Self {
        Self { name, rule, from: Role::Dialler, bytes, expect, checksum: false, ours: true }
    }

    fn by_acceptor(mut self) -> Self {
        self.from = Role::Acceptor;
        self
    }

    fn with_checksum(mut self) -> Self {
        self.checksum = true;
        self.ours = false;
        self
    }

    /// Legal, but not as we write it.
    fn theirs(mut self) -> Self {
        self.ours = false;
        self
    }
}

/// All cases, in the order of the file.
pub(super) fn all() -> Vec<Case> {
    [
        connection::cases(),
        calls::cases(),
        blocks::cases(),
        boundaries::cases(),
        conversations::cases(),
        errors::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn good(name: &'static str, rule: &'static str, frame: &str, expect: Frame) -> Case {
    Case::new(name, rule, whole(frame), Expect::Frames(vec![expect]))
}

fn several(name: &'static str, rule: &'static str, frames: &[&str], expect: Vec<Frame>) -> Case {
    let bytes = frames.iter().flat_map(|frame| whole(frame)).collect();
    Case::new(name, rule, bytes, Expect::Frames(expect))
}

fn bad(name: &'static str, rule: &'static str, frame: &str, code: EndCode) -> Case {
    bad_raw(name, rule, whole(frame), code)
}

fn bad_raw(name: &'static str, rule: &'static str, bytes: Vec<u8>, code: EndCode) -> Case {
    Case::new(name, rule, bytes, Expect::Error(code))
}

/// The frame with its length ahead.
fn whole(frame: &str) -> Vec<u8> {
    let frame = written(frame);
    let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
    [&length[..], &frame].concat()
}

fn written(frame: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, part) in frame.split('\'').enumerate() {
        if at % 2 == 1 {
            bytes.extend_from_slice(part.as_bytes());
            continue;
        }
        let digits: Vec<u8> = part.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        assert_eq!(digits.len() % 2, 0, "odd hex: {part}");
        bytes.extend(
            digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()),
        );
    }
    bytes
}

/// The dialler's call.
fn call(number: u32) -> CallId {
    CallId::new(Role::Dialler, number)
}

fn message(bytes: &'static [u8]) -> Piece {
    Piece { missing: 0, fragmented: false, compressed: false, bytes: Bytes::from_static(bytes) }
}

fn first_piece(total: u32, bytes: &'static [u8]) -> Piece {
    Piece { missing: total - bytes.len() as u32, fragmented: true, ..message(bytes) }
}
