//! What the driver reads: bytes, and the frames in them.

use std::io;
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::task::{Context as Cx, Poll};
use std::time::Instant;

use bytes::{BufMut, BytesMut};
use tokio::io::ReadBuf;

use super::pipe::Pipe;
use crate::frame::{Decoder, Frame, FrameError, Scope};
use crate::proto::{Connection, Place, Seldom};

/// Read into by a connection without traffic, on the stack: what comes is then copied to where it just fits.
const LITTLE: usize = 4 << 10;
/// Reads of that before others run.
const LITTLE_READS: usize = 4;
/// Least room to read into.
const ROOM: usize = 16 << 10;
/// Room to read into while much comes.
const ROOM_BUSY: usize = 64 << 10;
/// Of the buffers that were full, so many are kept.
const SHARED: usize = 4;
/// After a message that was read to its place, so many reads are of no more than the least: what follows may be one too.
const PLACED_READS: u32 = 4;

pub(super) struct Input {
    decoder: Decoder,
    buffer: BytesMut,
    /// Where the next bytes belong, if that is elsewhere; boxed, since most are small.
    place: Option<Box<Place>>,
    /// How many reads more are small ones.
    placed: u32,
    /// Handles of no length on buffers that messages shared when they were full. Asked of the allocator each time, they
    /// would be given back to the system and faulted in anew.
    shared: Seldom<BytesMut>,
    frames: Vec<Frame>,
    /// Boxed, since it happens once.
    broken: Option<Box<FrameError>>,
}

/// What reading brought.
#[derive(Default)]
pub(super) struct Read {
    pub(super) bytes: usize,
    /// There was no room for more: otherwise the transport wakes the driver when more is there.
    pub(super) more: bool,
    /// More came than a connection without traffic is read for.
    pub(super) much: bool,
    pub(super) end: Option<String>,
}

impl Read {
    /// What one read brought. Break: there is no more to read now.
    #[inline]
    fn took(&mut self, polled: Poll<io::Result<usize>>) -> ControlFlow<()> {
        match polled {
            Poll::Pending => ControlFlow::Break(()),
            Poll::Ready(Ok(n)) if n > 0 => {
                self.bytes += n;
                ControlFlow::Continue(())
            }
            Poll::Ready(other) => self.ended(other),
        }
    }

    #[cold]
    fn ended(&mut self, read: io::Result<usize>) -> ControlFlow<()> {
        self.end = Some(match read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return ControlFlow::Continue(()),
            Err(error) => format!("reading failed: {error}"),
            Ok(_) => "the other end closed it without a word".into(),
        });
        ControlFlow::Break(())
    }
}

impl Input {
    pub(super) fn new(frame_limit: u32) -> Self {
        Self {
            decoder: Decoder::new(frame_limit),
            buffer: BytesMut::new(),
            place: None,
            placed: 0,
            shared: Seldom::default(),
            frames: Vec::new(),
            broken: None,
        }
    }

    /// As [`poll_read`](Self::poll_read), for a connection without traffic: it has no buffer while nothing comes. Continue:
    /// there is more than a little.
    #[cold]
    pub(super) fn poll_little(
        &mut self,
        cx: &mut Cx<'_>,
        pipe: &mut Pipe,
        read: &mut Read,
    ) -> ControlFlow<()> {
        let mut room = [MaybeUninit::uninit(); LITTLE];
        for _ in 0..LITTLE_READS {
            if self.place.is_some() || self.decoder.needed() > LITTLE {
                break;
            }
            let mut little = ReadBuf::uninit(&mut room);
            let polled = pipe.poll_read_little(cx, &mut little).map_ok(|()| little.filled().len());
            self.buffer.extend_from_slice(little.filled());
            read.took(polled)?;
            if little.remaining() == 0 {
                break;
            }
        }
        read.much = true;
        ControlFlow::Continue(())
    }

    /// Reads what is there, as far as there is room.
    #[inline]
    pub(super) fn poll_read(&mut self, cx: &mut Cx<'_>, pipe: &mut Pipe, read: &mut Read) {
        if self.place.is_some() {
            return self.poll_placed(cx, pipe, read);
        }
        self.make_room();
        let mut most = self.buffer.capacity() - self.buffer.len();
        if self.placed > 0 {
            self.placed -= 1;
            most = most.min(ROOM);
        }
        let mut room = (&mut self.buffer).limit(most);
        while room.has_remaining_mut() {
            let polled = pipe.poll_read(cx, &mut room);
            if read.took(polled).is_break() {
                return;
            }
        }
        read.more = true;
    }

    /// Reads the rest of a FRAGMENT to where it belongs.
    fn poll_placed(&mut self, cx: &mut Cx<'_>, pipe: &mut Pipe, read: &mut Read) {
        let Some(place) = &mut self.place else { return };
        self.placed = PLACED_READS;
        while !place.is_full() {
            let before = read.bytes;
            let polled = pipe.poll_read(cx, &mut place.room());
            let went_on = read.took(polled);
            let own = place.filled(read.bytes - before, &mut self.buffer);
            self.decoder.body_read(own);
            if went_on.is_break() {
                return;
            }
        }
        read.more = true;
    }

    /// Asks for the place of what comes next.
    #[inline]
    pub(super) fn find_place(&mut self, conn: &mut Connection) {
        if let Some((of, left)) = self.decoder.body() {
            if self.buffer.is_empty() {
                self.place = conn.lend_place(of, left).map(Box::new);
            }
        }
    }

    fn make_room(&mut self) {
        let len = self.buffer.len();
        let spare = self.buffer.capacity() - len;
        if self.buffer.capacity() == 0 && self.shared.is_empty() {
            // There is none yet.
            self.buffer.reserve(ROOM_BUSY);
        } else if spare < ROOM && !self.buffer.try_reclaim(ROOM_BUSY) {
            self.renew(len + ROOM_BUSY);
        }
    }

    /// Messages that are still held share the buffer: one whose messages have all gone takes its place, or a new one.
    fn renew(&mut self, capacity: usize) {
        let free = self.shared.iter_mut().rposition(|shared| shared.try_reclaim(capacity));
        let buffer = free.and_then(|at| self.shared.remove(at));
        let mut buffer = buffer.unwrap_or_else(|| BytesMut::with_capacity(capacity));
        buffer.extend_from_slice(&self.buffer);
        let mut shared = std::mem::replace(&mut self.buffer, buffer);
        shared.clear();
        if self.shared.len() == SHARED {
            self.shared.pop_front();
        }
        self.shared.used().push_back(shared);
    }

    /// Parses at most so many frames. True: there may be more.
    pub(super) fn parse(&mut self, most: usize) -> bool {
        match self.decoder.decode_most(&mut self.buffer, most, &mut self.frames) {
            Ok(more) => more,
            Err(error) => {
                self.broken = Some(Box::new(error));
                false
            }
        }
    }

    /// Whether large messages come.
    pub(super) fn is_large(&self) -> bool {
        self.placed > 0
    }

    /// Whether what was parsed, and not told, is of several messages: a run of them is one frame here, and so is the credit for
    /// many items of ours.
    pub(super) fn has_several(&self) -> bool {
        match self.frames.as_slice() {
            [Frame::Items(_) | Frame::Pushes(_)] => true,
            [Frame::Credit(credit)] => matches!(credit.scope, Scope::Stream(_)),
            frames => frames.len() > 1,
        }
    }

    /// Tells the machine what was read.
    #[inline]
    pub(super) fn tell(&mut self, conn: &mut Connection, now: Instant) {
        if let Some(place) = self.place.take() {
            conn.handle_placed(*place);
        }
        for frame in self.frames.drain(..) {
            conn.handle_frame(now, frame);
        }
        if let Some(error) = self.broken.take() {
            conn.handle_broken(&error);
        }
    }

    /// Gives memory back: nothing is going on.
    pub(super) fn shrink(&mut self) {
        (self.frames, self.shared) = (Vec::new(), Seldom::default());
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }
}

#[cfg(test)]
mod tests;
