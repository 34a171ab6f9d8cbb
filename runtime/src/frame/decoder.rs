//! Splits received bytes into frames. The machine owns one for each connection and hands it the receive buffer
//! each time that the driver has read; the first step of everything that arrives.

use bytes::{Buf, Bytes, BytesMut};

use super::auth::decode_ready;
use super::checksum::crc32c;
use super::close::decode_end;
use super::error::{EndCode, FrameError};
use super::fields::Body;
use super::header::{FIXED, HEADER, Header, LENGTH, TRAILER, defined_flags, flag, kind};
use super::hello::HELLO_LIMIT;
use super::{
    Bind, Call, CallId, Cancel, Credit, Fragment, FragmentOf, Frame, GoAway, Headers, Hello, Item, ItemRun,
    Piece, Ping, Pong, Push, PushRun, Reply, Reset, Stop,
};

/// FRAGMENTs of which so much is still to come are handed out in parts, for what comes to be read to where it belongs: a
/// read for less costs more than to copy it.
pub(super) const PARTS_FROM: usize = 16 << 10;

/// Splits frames off a buffer.
///
/// It keeps no bytes of its own. A body stays where it was received: a frame's `Bytes` share the buffer, and the
/// buffer lives as long as one of them. An error is for good: every later call returns it again.
#[derive(Debug)]
pub(crate) struct Decoder {
    frame_limit: u32,
    accepts_checksum: bool,
    needed: usize,
    /// Of the FRAGMENT whose bytes are handed out as they come: whose they are, and how many are still to come.
    body: Option<(FragmentOf, usize)>,
    parts_from: usize,
    /// Boxed, since most never are.
    broken: Option<Box<FrameError>>,
}

impl Decoder {
    /// A decoder for frames up to `frame_limit` long (their `length`), at least as long as a HELLO may be.
    pub(crate) fn new(frame_limit: u32) -> Self {
        let mut decoder = Self {
            frame_limit: 0,
            accepts_checksum: false,
            needed: HEADER,
            body: None,
            parts_from: PARTS_FROM,
            broken: None,
        };
        decoder.set_frame_limit(frame_limit);
        decoder
    }

    /// The limit from now on: 16 KiB to 2 GiB, other values are brought into that range.
    // wire 4.6: every receiver accepts at least the initial 16,384.
    pub(crate) fn set_frame_limit(&mut self, limit: u32) {
        // Below 2^31, so that no sum of a length and a header overflows, on 32 bits either.
        self.frame_limit = limit.clamp(HELLO_LIMIT, u32::MAX >> 1);
    }

    /// From now on frames may have a checksum, because we announced that we take it.
    // wire 2.5
    pub(crate) fn accept_checksum(&mut self) {
        self.accepts_checksum = true;
    }

    /// FRAGMENTs of which so many bytes are still to come are handed out in parts.
    #[cfg(test)]
    pub(crate) fn set_parts_from(&mut self, bytes: usize) {
        self.parts_from = bytes.max(1);
    }

    /// Whose bytes come next, and how many, if those are the rest of a FRAGMENT that was handed out in part. Once the buffer
    /// is empty they may be read to where they belong.
    pub(crate) fn body(&self) -> Option<(FragmentOf, usize)> {
        self.body
    }

    /// So many bytes of the [`body`](Self::body) were read past the buffer.
    pub(crate) fn body_read(&mut self, bytes: usize) {
        let Some((of, left)) = self.body else { return };
        let rest = left.saturating_sub(bytes);
        self.enter_body(of, rest);
    }

    fn enter_body(&mut self, of: FragmentOf, rest: usize) {
        self.body = (rest > 0).then_some((of, rest));
        self.needed = if rest > 0 { rest } else { HEADER };
    }

    /// How many bytes more than those in the buffer the frame under way wants, as far as can be told: never more
    /// than a header and the frame limit. Valid after a decoding that found no error.
    pub(crate) fn needed(&self) -> usize {
        self.needed
    }

    /// Takes the frames off `buf` that are whole, and appends them to `frames` until it has `most`; a run counts as one.
    /// True: there may be more.
    ///
    /// Many at a time, because a frame is large for a value: from here it goes straight to where it waits.
    pub(crate) fn decode_most(
        &mut self,
        buf: &mut BytesMut,
        most: usize,
        frames: &mut Vec<Frame>,
    ) -> Result<bool, FrameError> {
        while frames.len() < most {
            if !self.decode_next(buf, frames)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next frame, if all of it is here.
    #[cfg(test)]
    pub(crate) fn decode(&mut self, buf: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        let mut frames = Vec::new();
        self.decode_next(buf, &mut frames)?;
        Ok(frames.pop())
    }

    /// Takes one frame. False: there is no whole one.
    #[inline]
    fn decode_next(&mut self, buf: &mut BytesMut, frames: &mut Vec<Frame>) -> Result<bool, FrameError> {
        if let Some(error) = &self.broken {
            return Err(FrameError::clone(error));
        }
        self.split(buf, frames).inspect_err(|error| self.broken = Some(Box::new(error.clone())))
    }

    #[inline]
    fn split(&mut self, buf: &mut BytesMut, frames: &mut Vec<Frame>) -> Result<bool, FrameError> {
        if self.body.is_some() {
            return Ok(self.take_part(buf, frames));
        }
        if let Some(reply) = self.take_plain_reply(buf)? {
            frames.push(Frame::Reply(reply));
            return Ok(true);
        }
        let Some(end) = self.check_front(buf)? else { return Ok(false) };
        if buf.len() < end {
            self.needed = end - buf.len();
            return self.begin_body(buf, frames);
        }
        // Not shorter: `end` is at least HEADER.
        let Some(header) = Header::read(buf) else { return Ok(false) };
        let Some(defined) = defined_flags(header.kind) else {
            // wire 2.2: an ignorable kind; the others were refused by `check_front`.
            buf.advance(end);
            frames.push(Frame::Pad);
            return Ok(true);
        };
        let body_end = end - self.check_flags(header, defined, &buf[..end])?;
        check_id(header)?;
        if header.flags == 0 {
            if let Some(run) = take_run(header, buf, (end, self.frame_limit))? {
                frames.push(run);
                return Ok(true);
            }
        }
        let after = buf.len() - end;
        match decode_plain(header, &buf[HEADER..body_end]) {
            Some(frame) => frames.push(frame?),
            None => decode_shared(header, Body::within(buf, HEADER, body_end), frames)?,
        }
        // What no field took: a frame that keeps nothing of the buffer, a checksum.
        buf.advance(buf.len() - after);
        Ok(true)
    }

    /// The frame that a client reads most: a REPLY that is its message alone, whole. For all others `None`, and nothing was done.
    #[inline]
    fn take_plain_reply(&self, buf: &mut BytesMut) -> Result<Option<Reply>, FrameError> {
        let Some(&[l0, l1, l2, l3, kind::REPLY, 0, i0, i1, i2, i3]) = buf.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        // Not empty, so that it is no concern whether it keeps the buffer.
        let here =
            length as usize > FIXED && length <= self.frame_limit && LENGTH + length as usize <= buf.len();
        if !here {
            return Ok(None);
        }
        let id = CallId::decode(u32::from_be_bytes([i0, i1, i2, i3]))?;
        buf.advance(HEADER);
        let message = Piece::whole(buf.split_to(length as usize - FIXED).freeze());
        Ok(Some(Reply { id, status: None, block: Bytes::new(), message: Some(message) }))
    }

    /// A frame is here in part: if it is a FRAGMENT of which much is still to come, what there is of it is handed out. True:
    /// it was. One with a checksum is looked at when it is whole.
    #[cold]
    fn begin_body(&mut self, buf: &mut BytesMut, frames: &mut Vec<Frame>) -> Result<bool, FrameError> {
        let Some(header) = Header::read(buf) else { return Ok(false) };
        if header.kind != kind::FRAGMENT || header.has(flag::CHECKSUM) || self.needed < self.parts_from {
            return Ok(false);
        }
        self.check_flags(header, defined_flags(header.kind).unwrap_or_default(), buf)?;
        let of = FragmentOf::decode(header)?;
        buf.advance(HEADER);
        let rest = self.needed;
        frames.push(fragment_part(of, buf.split(), rest));
        self.enter_body(of, rest);
        Ok(true)
    }

    /// A part more of the FRAGMENT under way. False: nothing of it is here.
    fn take_part(&mut self, buf: &mut BytesMut, frames: &mut Vec<Frame>) -> bool {
        let Some((of, left)) = self.body.filter(|_| !buf.is_empty()) else { return false };
        let bytes = buf.split_to(left.min(buf.len()));
        let rest = left - bytes.len();
        frames.push(fragment_part(of, bytes, rest));
        self.enter_body(of, rest);
        true
    }

    /// Looks at what can be told before the frame is whole, and says where it will end. `None`: not even that can
    /// be told yet.
    #[inline]
    fn check_front(&mut self, buf: &BytesMut) -> Result<Option<usize>, FrameError> {
        let Some(length) = buf.first_chunk::<LENGTH>() else {
            self.needed = HEADER - buf.len();
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length);
        // wire 2.1: a length under 6 is MALFORMED.
        if (length as usize) < FIXED {
            return Err(FrameError::malformed("2.1", format!("a frame of length {length}")));
        }
        let Some(&kind) = buf.get(LENGTH) else {
            self.needed = HEADER - buf.len();
            return Ok(None);
        };
        self.check_length(kind, length)?;
        // wire 2.2: an unknown kind that is not ignorable is UNKNOWN_KIND.
        if kind & kind::IGNORABLE == 0 && defined_flags(kind).is_none() {
            return Err(FrameError::new(EndCode::UnknownKind, "2.2", format!("unknown kind {kind:#04x}")));
        }
        // Neither overflows: the length is within the limit, which is under 2^31.
        Ok(Some(LENGTH + length as usize))
    }

    #[inline]
    fn check_length(&self, kind: u8, length: u32) -> Result<(), FrameError> {
        // wire 4.1: a HELLO longer than 16 KiB is BAD_HELLO.
        if kind == kind::HELLO && length > HELLO_LIMIT {
            return Err(FrameError::new(EndCode::BadHello, "4.1", format!("a HELLO of length {length}")));
        }
        // wire 2.1: a length over the limit is FRAME_TOO_LARGE, before anything is allocated for the frame.
        if length > self.frame_limit {
            let text = format!("a frame of length {length}, over the limit of {}", self.frame_limit);
            return Err(FrameError::new(EndCode::FrameTooLarge, "2.1", text));
        }
        Ok(())
    }

    /// How many bytes at the end of `frame` are no part of the body.
    #[inline]
    fn check_flags(&self, header: Header, defined: u8, frame: &[u8]) -> Result<usize, FrameError> {
        // wire 2.5: CHECKSUM is defined on every kind below 0x80 but HELLO, if the receiver announced it.
        let checksum = if self.accepts_checksum && header.kind != kind::HELLO { flag::CHECKSUM } else { 0 };
        let unknown = header.flags & !(defined | checksum);
        // wire 2.3: a flag bit that is not defined for its kind is UNKNOWN_FLAG.
        if unknown != 0 {
            let text = format!("unknown flags {unknown:#04x} on kind {:#04x}", header.kind);
            return Err(FrameError::new(EndCode::UnknownFlag, "2.3", text));
        }
        if header.has(flag::CHECKSUM) { check_trailer(frame).map(|()| TRAILER) } else { Ok(0) }
    }
}

fn fragment_part(of: FragmentOf, bytes: BytesMut, rest: usize) -> Frame {
    // Below 2^31, as the frame limit is.
    Frame::Fragment(Fragment { of, bytes: bytes.freeze(), rest: u32::try_from(rest).unwrap_or(u32::MAX) })
}

// wire 2.5: the last four bytes are the CRC-32C of everything from `kind` up to them.
fn check_trailer(frame: &[u8]) -> Result<(), FrameError> {
    let short = || FrameError::malformed("2.4", "the frame ends before its checksum");
    let (head, trailer) = frame.split_last_chunk::<TRAILER>().ok_or_else(short)?;
    if head.len() < HEADER {
        return Err(short());
    }
    let (said, is) = (u32::from_be_bytes(*trailer), crc32c(&head[LENGTH..]));
    if said != is {
        let text = format!("the checksum says {said:08x}, the frame's is {is:08x}");
        return Err(FrameError::new(EndCode::Checksum, "2.5", text));
    }
    Ok(())
}

// wire 2.7: a kind that concerns the connection, with another id than 0, is MALFORMED.
#[inline]
fn check_id(header: Header) -> Result<(), FrameError> {
    if header.id != 0 && (kind::HELLO..=kind::GOAWAY).contains(&header.kind) {
        let text = format!("id {:#010x} on kind {:#04x}", header.id, header.kind);
        return Err(FrameError::malformed("2.7", text));
    }
    Ok(())
}

/// The frames that are taken as one with the first, which ends at `end`, if it is of a kind that comes so.
#[inline]
fn take_run(
    header: Header,
    buf: &mut BytesMut,
    (end, limit): (usize, u32),
) -> Result<Option<Frame>, FrameError> {
    Ok(match header.kind {
        kind::PUSH => PushRun::take(buf, end, limit).map(Frame::Pushes),
        kind::ITEM => ItemRun::take(buf, CallId::decode(header.id)?, end, limit).map(Frame::Items),
        _ => None,
    })
}

/// The kinds that share the buffer. Those of small calls and pushes are put down where they are made: a frame that
/// can be one of many kinds is moved to where it waits.
#[inline]
fn decode_shared(header: Header, body: Body<'_>, frames: &mut Vec<Frame>) -> Result<(), FrameError> {
    match header.kind {
        kind::CALL => frames.push(Frame::Call(Call::decode(header, body)?)),
        kind::REPLY => frames.push(Frame::Reply(Reply::decode(header, body)?)),
        kind::PUSH => frames.push(Frame::Push(Push::decode(header, body)?)),
        _ => frames.push(decode_other(header, body)?),
    }
    Ok(())
}

fn decode_other(header: Header, body: Body<'_>) -> Result<Frame, FrameError> {
    Ok(match header.kind {
        kind::ITEM => Frame::Item(Item::decode(header, body)?),
        kind::FRAGMENT => Frame::Fragment(Fragment::decode(header, body)?),
        kind::HEADERS => Frame::Headers(Headers::decode(header, body)?),
        kind::RESET => Frame::Reset(Reset::decode(header, body)?),
        kind::GOAWAY => Frame::GoAway(GoAway::decode(header, body)?),
        kind::BIND => Frame::Bind(Bind::decode(body)?),
        kind::AUTH => Frame::Auth(body.rest()),
        // No other kind is defined; `check_front` refused those that may not be skipped.
        _ => Frame::Pad,
    })
}

/// The kinds that keep nothing of the buffer. `None`: another kind.
#[inline]
fn decode_plain(header: Header, body: &[u8]) -> Option<Result<Frame, FrameError>> {
    Some(match header.kind {
        kind::CREDIT => Credit::decode(header, body).map(Frame::Credit),
        kind::BLOCKED => Credit::decode(header, body).map(Frame::Blocked),
        kind::END => decode_end(header, body).map(Frame::End),
        kind::STOP => Stop::decode(header, body).map(Frame::Stop),
        kind::CANCEL => Cancel::decode(header, body).map(Frame::Cancel),
        kind::PING => Ping::decode(body).map(Frame::Ping),
        kind::PONG => Pong::decode(body).map(Frame::Pong),
        kind::READY => decode_ready(body).map(|()| Frame::Ready),
        kind::HELLO => Hello::decode(header, body).map(|hello| Frame::Hello(Box::new(hello))),
        _ => return None,
    })
}
