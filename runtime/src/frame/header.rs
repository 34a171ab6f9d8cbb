//! The ten bytes that every frame begins with: kinds, flags, and what is done to a frame already written (a
//! checksum, a withdrawal). Called by every encoder here and by the [`Decoder`](super::Decoder).

use bytes::{BufMut, BytesMut};

use super::checksum::crc32c;
use super::id::CallId;

/// Length, kind, flags and id (wire 2).
pub(crate) const HEADER: usize = 10;
/// The length field, which does not count itself.
pub(super) const LENGTH: usize = 4;
/// Kind, flags and id: what `length` counts beside the body.
pub(super) const FIXED: usize = 6;
/// CRC-32C at the end of a frame (wire 2.5).
pub(super) const TRAILER: usize = 4;

/// The kinds (wire 3).
pub(super) mod kind {
    pub(crate) const HELLO: u8 = 0x01;
    pub(crate) const AUTH: u8 = 0x02;
    pub(crate) const READY: u8 = 0x03;
    pub(crate) const BIND: u8 = 0x04;
    pub(crate) const PING: u8 = 0x05;
    pub(crate) const PONG: u8 = 0x06;
    pub(crate) const GOAWAY: u8 = 0x07;
    pub(crate) const CREDIT: u8 = 0x08;
    pub(crate) const BLOCKED: u8 = 0x09;
    pub(crate) const CALL: u8 = 0x10;
    pub(crate) const REPLY: u8 = 0x11;
    pub(crate) const ITEM: u8 = 0x12;
    pub(crate) const FRAGMENT: u8 = 0x13;
    pub(crate) const HEADERS: u8 = 0x14;
    pub(crate) const END: u8 = 0x15;
    pub(crate) const RESET: u8 = 0x16;
    pub(crate) const STOP: u8 = 0x17;
    pub(crate) const CANCEL: u8 = 0x18;
    pub(crate) const PUSH: u8 = 0x20;
    pub(crate) const PAD: u8 = 0x80;
    /// The bit of kinds that a receiver may skip (wire 2.2).
    pub(crate) const IGNORABLE: u8 = 0x80;
}

/// The flags (wire 3). The same bit means the same wherever two kinds share it, but for 0x01, 0x10 and 0x20.
pub(super) mod flag {
    pub(crate) const WANTS_AUTH: u8 = 0x01;
    pub(crate) const FINAL: u8 = 0x01;
    pub(crate) const EXPIRED: u8 = 0x01;
    pub(crate) const FRAGMENTED: u8 = 0x01;
    pub(crate) const COMPRESSED: u8 = 0x02;
    pub(crate) const BLOCK: u8 = 0x04;
    pub(crate) const END: u8 = 0x08;
    pub(crate) const DEADLINE: u8 = 0x10;
    pub(crate) const LANE: u8 = 0x10;
    pub(crate) const STATUS: u8 = 0x10;
    pub(crate) const NAMED: u8 = 0x20;
    pub(crate) const NOT_RUN: u8 = 0x20;
    pub(crate) const REPLIES: u8 = 0x20;
    pub(crate) const STREAM: u8 = 0x40;
    pub(crate) const CHECKSUM: u8 = 0x80;
}

/// What a header says beside the length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) id: u32,
}

impl Header {
    /// The header that a frame begins with, if all of it is here.
    #[inline]
    pub(super) fn read(frame: &[u8]) -> Option<Self> {
        let &[_, _, _, _, kind, flags, a, b, c, d] = frame.first_chunk::<HEADER>()?;
        Some(Self { kind, flags, id: u32::from_be_bytes([a, b, c, d]) })
    }

    /// The header of a frame about the connection.
    #[inline]
    pub(super) const fn connection(kind: u8) -> Self {
        Self { kind, flags: 0, id: 0 }
    }

    #[inline]
    pub(super) const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Writes the header of a frame with `fields` bytes to follow from this encoder and `message` bytes from its
    /// caller, and makes room for the former.
    ///
    /// Frames are kept within a limit by `proto/`. One beyond what `length` can say is written with the greatest
    /// length, which every receiver refuses.
    #[inline]
    pub(super) fn put(self, fields: usize, message: usize, out: &mut BytesMut) {
        out.reserve(HEADER.saturating_add(fields));
        out.extend_from_slice(&self.bytes(fields.saturating_add(message)));
    }

    /// As [`put`](Self::put), with the fields, six bytes of them.
    #[inline]
    pub(super) fn put_with(self, fields: [u8; 6], message: usize, out: &mut BytesMut) {
        let mut head = [0; HEADER + 6];
        head[..HEADER].copy_from_slice(&self.bytes(message.saturating_add(fields.len())));
        head[HEADER..].copy_from_slice(&fields);
        out.extend_from_slice(&head);
    }

    #[inline]
    fn bytes(self, body: usize) -> [u8; HEADER] {
        let length = body.saturating_add(FIXED);
        debug_assert!(u32::try_from(length).is_ok(), "a frame of {length} bytes");
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&length.to_be_bytes());
        header[4] = self.kind;
        header[5] = self.flags;
        header[6..].copy_from_slice(&self.id.to_be_bytes());
        header
    }
}

/// The flags that a kind defines beside CHECKSUM; `None` for a kind that this version does not know.
// wire 3, the table; wire 2.3.
pub(super) const fn defined_flags(kind: u8) -> Option<u8> {
    use flag::{
        BLOCK, COMPRESSED, DEADLINE, END, EXPIRED, FINAL, FRAGMENTED, LANE, NAMED, NOT_RUN, REPLIES, STATUS,
        STREAM, WANTS_AUTH,
    };
    Some(match kind {
        kind::HELLO => WANTS_AUTH,
        kind::AUTH | kind::READY | kind::BIND | kind::PING | kind::PONG => 0,
        kind::GOAWAY => FINAL,
        kind::CREDIT | kind::BLOCKED => LANE | REPLIES,
        kind::CALL => FRAGMENTED | COMPRESSED | BLOCK | END | DEADLINE | NAMED | STREAM,
        kind::REPLY => FRAGMENTED | COMPRESSED | BLOCK | STATUS | NOT_RUN,
        kind::ITEM => FRAGMENTED | COMPRESSED | END,
        kind::FRAGMENT | kind::RESET => LANE,
        kind::HEADERS | kind::END | kind::STOP => 0,
        kind::CANCEL => EXPIRED,
        kind::PUSH => FRAGMENTED | COMPRESSED | BLOCK | NAMED,
        _ => return None,
    })
}

/// Ends the frame that begins at `start` and goes on to the end of `out` with a checksum, for a receiver that
/// announced it. Not for HELLO. The frame's `length` grows by four: leave room within the limit.
// wire 2.5
pub(crate) fn seal(out: &mut BytesMut, start: usize) {
    let Some(frame) = out.get_mut(start..).filter(|frame| frame.len() >= HEADER) else {
        debug_assert!(false, "no frame to seal");
        return;
    };
    let length = u32::try_from(frame.len() - LENGTH + TRAILER).unwrap_or(u32::MAX);
    frame[..LENGTH].copy_from_slice(&length.to_be_bytes());
    frame[5] |= flag::CHECKSUM;
    let crc = crc32c(&frame[LENGTH..]);
    out.put_u32(crc);
}

/// Turns a frame that waits in a buffer into PAD, in place: it was then never sent.
// wire 13: a CALL that waits in a buffer may be withdrawn by making its kind PAD.
pub(crate) fn withdraw(frame: &mut [u8]) {
    debug_assert!(frame.len() >= HEADER, "no frame to withdraw");
    if let Some(kind) = frame.get_mut(LENGTH) {
        *kind = kind::PAD;
    }
}

/// As [`withdraw`], all frames of a call among those in a buffer, which begins with a whole frame.
pub(crate) fn withdraw_all(mut frames: &mut [u8], id: CallId) {
    while let Some(&[a, b, c, d, kind, _, i, j, k, l]) = frames.first_chunk::<HEADER>() {
        let end = LENGTH + u32::from_be_bytes([a, b, c, d]) as usize;
        let of_call =
            (kind::CALL..kind::PUSH).contains(&kind) || kind == kind::CREDIT || kind == kind::BLOCKED;
        let lane_or_replies = frames[LENGTH + 1] & (flag::LANE | flag::REPLIES) != 0;
        let flagged = !matches!(kind, kind::CALL | kind::REPLY) && lane_or_replies;
        if of_call && !flagged && u32::from_be_bytes([i, j, k, l]) == id.to_wire() {
            withdraw(frames);
        }
        frames = frames.get_mut(end..).unwrap_or_default();
    }
}
