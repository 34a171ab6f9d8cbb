//! What the driver reads: bytes, and the frames in them.

use std::io;
use std::task::{Context as Cx, Poll};
use std::time::Instant;

use bytes::BytesMut;

use super::pipe::Pipe;
use crate::frame::{Decoder, Frame, FrameError};
use crate::proto::Connection;

/// Least room to read into.
const ROOM: usize = 16 << 10;
/// Room to read into while much comes.
const ROOM_BUSY: usize = 64 << 10;
/// Room to read into while large messages come: each read makes the kernel tell the sender of the room, and costs both.
const ROOM_LARGE: usize = 256 << 10;
/// So many reads without a large message, and the buffer is one for small ones again.
const LARGE_READS: u32 = 64;

pub(super) struct Input {
    decoder: Decoder,
    buffer: BytesMut,
    /// How many reads more `buffer` is one for large messages; 0: it is not. Nothing shares one for large messages.
    large: u32,
    frames: Vec<Frame>,
    broken: Option<FrameError>,
}

/// What reading brought.
#[derive(Default)]
pub(super) struct Read {
    pub(super) bytes: bool,
    /// There was no room for more: otherwise the transport wakes the driver when more is there.
    pub(super) more: bool,
    pub(super) end: Option<String>,
}

impl Input {
    pub(super) fn new(frame_limit: u32) -> Self {
        Self {
            decoder: Decoder::new(frame_limit),
            buffer: BytesMut::new(),
            large: 0,
            frames: Vec::new(),
            broken: None,
        }
    }

    /// Reads what is there, as far as there is room.
    pub(super) fn poll_read(&mut self, cx: &mut Cx<'_>, pipe: &mut Pipe) -> Read {
        self.make_room();
        let mut read = Read::default();
        while self.buffer.len() < self.buffer.capacity() {
            match pipe.poll_read(cx, &mut self.buffer) {
                Poll::Pending => return read,
                Poll::Ready(Ok(n)) if n > 0 => read.bytes = true,
                Poll::Ready(Ok(_)) => {
                    read.end = Some("the other end closed it without a word".into());
                    return read;
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => {
                    read.end = Some(format!("reading failed: {error}"));
                    return read;
                }
            }
        }
        read.more = true;
        read
    }

    fn make_room(&mut self) {
        let (needed, len) = (self.decoder.needed(), self.buffer.len());
        if needed > ROOM && Decoder::is_fragment(&self.buffer) {
            if self.large == 0 {
                self.replace(ROOM_LARGE.max(len + needed));
            }
            self.large = LARGE_READS;
        } else if self.large > 0 {
            self.large -= 1;
            if self.large == 0 {
                self.replace(ROOM_BUSY.max(len + needed));
            }
        }
        let spare = self.buffer.capacity() - len;
        if self.large > 0 {
            if spare < needed.max(ROOM_LARGE / 2) {
                // No more than it has, if that is enough: then what is there is moved to the front.
                self.buffer.reserve(needed.max(ROOM_LARGE.saturating_sub(len)));
            }
        } else if spare < ROOM {
            self.buffer.reserve(ROOM_BUSY);
        }
    }

    /// Another buffer of this size. What is copied out of one for large messages would otherwise keep all of it alive.
    fn replace(&mut self, capacity: usize) {
        let mut buffer = BytesMut::with_capacity(capacity);
        buffer.extend_from_slice(&self.buffer);
        self.buffer = buffer;
    }

    /// Parses at most so many frames. True: there may be more.
    pub(super) fn parse(&mut self, most: usize) -> bool {
        self.decoder.set_copies(self.large > 0);
        match self.decoder.decode_most(&mut self.buffer, most, &mut self.frames) {
            Ok(more) => more,
            Err(error) => {
                self.broken = Some(error);
                false
            }
        }
    }

    /// How many frames were parsed, and not told.
    pub(super) fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Tells the machine what was read.
    pub(super) fn tell(&mut self, conn: &mut Connection, now: Instant) {
        for frame in self.frames.drain(..) {
            conn.handle_frame(now, frame);
        }
        if let Some(error) = self.broken.take() {
            conn.handle_broken(&error);
        }
    }

    /// Gives memory back: nothing is going on.
    pub(super) fn shrink(&mut self) {
        self.frames = Vec::new();
        if self.buffer.is_empty() {
            (self.buffer, self.large) = (BytesMut::new(), 0);
        }
    }
}
