//! The driver: the one task that reads and writes a connection's transport. It parses what it read unlocked, locks
//! once a batch, and wakes after unlocking. No user code runs on it.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as Cx, Poll, ready};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::runtime::RuntimeFlavor;
use tokio::time::Sleep;

use super::clock;
use super::{Shared, Todo};
use crate::Reason;
use crate::frame::{Decoder, Frame, FrameError};
use crate::proto::Batch;
use crate::transport::{Io, Transport};

/// Least room to read into.
const READ_ROOM: usize = 16 << 10;
/// Room to read into while much comes.
const READ_ROOM_BUSY: usize = 64 << 10;
/// Turns before the driver lets other tasks run.
const TURNS: usize = 16;
/// Slices in one write.
const SLICES: usize = 16;
/// After the end: how long, and how much, is read and discarded so that the reason arrives (wire 11.5).
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1 << 20;

/// The driver of one connection.
pub(crate) struct Driver {
    io: Box<dyn Io>,
    shared: Arc<Shared>,
    decoder: Decoder,
    input: BytesMut,
    frames: Vec<Frame>,
    /// Kept for its room.
    todo: Todo,
    broken: Option<FrameError>,
    batch: Batch,
    /// All bytes that the transport took.
    written: u64,
    sleep: Option<Pin<Box<Sleep>>>,
    wake_at: Option<Instant>,
    /// On a multi-threaded runtime a task just woken runs next: the driver lets the other ready ones run first.
    gathers: bool,
    gathered: bool,
    phase: Phase,
    /// The transport ended or failed: nothing more may be written.
    cut: bool,
}

enum Phase {
    Running,
    /// The machine is over: write what is left, within a bound, and discard what comes.
    Flushing,
    /// Shut down writing.
    Closing,
    /// Discard for a moment, so that the reason arrives.
    Lingering {
        left: usize,
    },
    Done,
}

/// What a read brought.
enum Input {
    Nothing,
    Bytes,
    End(String),
}

/// What to do after a turn.
enum Turn {
    Again,
    Gather,
    Sleep,
}

impl Driver {
    pub(crate) fn new(transport: Transport, shared: Arc<Shared>, flavor: &RuntimeFlavor) -> Self {
        let limit = shared.config.settings().frame_limit;
        Self {
            io: transport.io,
            decoder: Decoder::new(limit),
            shared,
            input: BytesMut::new(),
            frames: Vec::new(),
            todo: Todo::default(),
            broken: None,
            batch: Batch::default(),
            written: 0,
            sleep: None,
            wake_at: None,
            gathers: *flavor != RuntimeFlavor::CurrentThread,
            gathered: false,
            phase: Phase::Running,
            cut: false,
        }
    }

    fn poll_running(&mut self, cx: &mut Cx<'_>) -> Poll<()> {
        for _ in 0..TURNS {
            let wrote = self.poll_write(cx);
            let input = self.poll_input(cx);
            self.parse();
            let now = clock::now();
            let turn = self.turn(cx, now, &input, wrote);
            if matches!(self.phase, Phase::Flushing) {
                return Poll::Ready(());
            }
            match turn {
                Turn::Again => {}
                Turn::Gather => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Turn::Sleep if self.arm(cx) => self.shrink(),
                Turn::Sleep => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes the batch as far as the transport takes it. The bytes it took, or why it takes none.
    fn poll_write(&mut self, cx: &mut Cx<'_>) -> Result<usize, String> {
        let mut wrote = 0;
        while !self.batch.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.batch.slices(&mut slices);
            let io = Pin::new(&mut *self.io);
            let result = match count {
                1 => io.poll_write(cx, &slices[0]),
                _ => io.poll_write_vectored(cx, &slices[..count]),
            };
            match result {
                Poll::Ready(Ok(0)) => return Err("the transport takes no more bytes".into()),
                Poll::Ready(Ok(n)) => {
                    self.batch.advance(n);
                    self.written += n as u64;
                    wrote += n;
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Err(format!("writing failed: {error}")),
                Poll::Pending => break,
            }
        }
        Ok(wrote)
    }

    fn poll_input(&mut self, cx: &mut Cx<'_>) -> Input {
        let wanted = self.decoder.needed().clamp(READ_ROOM, READ_ROOM_BUSY);
        if self.input.capacity() - self.input.len() < wanted.min(READ_ROOM) {
            self.input.reserve(wanted.max(READ_ROOM_BUSY));
        }
        match read_into(&mut *self.io, cx, &mut self.input) {
            Poll::Pending => Input::Nothing,
            Poll::Ready(Ok(0)) => Input::End("the other end closed it without a word".into()),
            Poll::Ready(Ok(_)) => Input::Bytes,
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => Input::Bytes,
            Poll::Ready(Err(error)) => Input::End(format!("reading failed: {error}")),
        }
    }

    fn parse(&mut self) {
        while self.broken.is_none() {
            match self.decoder.decode(&mut self.input) {
                Ok(Some(frame)) => self.frames.push(frame),
                Ok(None) => break,
                Err(error) => self.broken = Some(error),
            }
        }
    }

    /// One visit to the state: gives it what was read, takes what is to be written and done.
    fn turn(&mut self, cx: &Cx<'_>, now: Instant, input: &Input, wrote: Result<usize, String>) -> Turn {
        let mut todo = std::mem::take(&mut self.todo);
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state.lock();
        let conn = &mut state.conn;
        if matches!(input, Input::Bytes) {
            conn.handle_read(now);
        }
        for frame in self.frames.drain(..) {
            conn.handle_frame(now, frame);
        }
        if let Some(error) = self.broken.take() {
            conn.handle_broken(&error);
        }
        match wrote {
            Ok(0) => {}
            Ok(_) => conn.handle_written(now, !self.batch.is_empty()),
            Err(what) => {
                self.cut = true;
                conn.handle_transport_end(self.written, &what);
            }
        }
        if let Input::End(what) = input {
            // What is left must not leave: its callers are told that it was not run. (Unless the end came before.)
            self.cut |= !conn.is_over();
            conn.handle_transport_end(self.written, what);
        }
        if conn.poll_timeout().is_some_and(|at| now >= at) {
            conn.handle_timeout(now);
        }
        state.take_events(&mut todo);
        if let Some(announced) = todo.announced.take() {
            super::compatible::check(&shared, &announced, &mut state.conn);
        }
        let mut turn = self.next_turn(cx, &mut state, now, input);
        // Filling the batch may have let calls go that were held; what that leads to may have to be written.
        state.take_events(&mut todo);
        if matches!(turn, Turn::Sleep) && self.batch.is_empty() && state.conn.has_output() {
            state.park.awake();
            turn = Turn::Again;
        }
        drop(state);
        self.follow_up(&mut todo, now);
        self.todo = todo;
        turn
    }

    /// What comes next, decided under the lock that saw what there is to do.
    fn next_turn(&mut self, cx: &Cx<'_>, state: &mut super::State, now: Instant, input: &Input) -> Turn {
        let conn = &mut state.conn;
        if conn.is_over() {
            self.phase = Phase::Flushing;
            state.park.awake();
            return Turn::Again;
        }
        let mut turn = Turn::Sleep;
        if self.batch.is_empty() && conn.has_output() {
            let others = conn.in_flight().calling + conn.in_flight().serving > 1;
            if self.gathers && !self.gathered && others {
                self.gathered = true;
                turn = Turn::Gather;
            } else {
                self.gathered = false;
                conn.poll_batch(now, &mut self.batch);
                turn = Turn::Again;
            }
        } else if matches!(input, Input::Bytes) {
            turn = Turn::Again;
        }
        self.wake_at = conn.poll_timeout();
        match turn {
            Turn::Sleep => state.park.sleep(cx.waker()),
            _ => state.park.awake(),
        }
        turn
    }

    /// Wakes and hands on, with the lock released.
    fn follow_up(&mut self, todo: &mut Todo, now: Instant) {
        if !todo.work.is_empty() {
            self.shared.runs.deliver(&self.shared, &mut todo.work, now);
        }
        if let Some(at) = self.shared.runs.check_busy(&self.shared, now) {
            self.wake_at = Some(self.wake_at.map_or(at, |wake| wake.min(at)));
        }
        self.shared.settle(todo);
    }

    /// An alarm woke us, so little is going on: the buffers are given back.
    fn shrink(&mut self) {
        self.batch.shrink();
        self.frames = Vec::new();
        self.todo = Todo::default();
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
    }

    /// Sets the alarm for the next timeout. True: it is due already.
    fn arm(&mut self, cx: &mut Cx<'_>) -> bool {
        let Some(at) = self.wake_at else { return false };
        let at = tokio::time::Instant::from_std(at);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        // An alarm that is too early is kept: it costs one turn, resetting costs one a call.
        if sleep.deadline() > at || sleep.is_elapsed() {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx).is_ready()
    }

    /// Writes what is left, shuts down writing, then discards input for a moment. None of it may take for ever.
    fn poll_end(&mut self, cx: &mut Cx<'_>) -> Poll<()> {
        if matches!(self.phase, Phase::Flushing) && ready!(self.poll_flush(cx)) {
            self.phase = Phase::Closing;
            self.shared.with(super::State::left);
            self.sleep = Some(Box::pin(tokio::time::sleep(LINGER)));
        }
        if matches!(self.phase, Phase::Closing) {
            let shut = Pin::new(&mut *self.io).poll_shutdown(cx);
            if shut.is_pending() && !self.is_late(cx) {
                return Poll::Pending;
            }
            self.phase = Phase::Lingering { left: LINGER_BYTES };
            self.sleep = Some(Box::pin(tokio::time::sleep(LINGER)));
        }
        while matches!(self.phase, Phase::Lingering { .. }) && !self.is_late(cx) {
            let Phase::Lingering { left } = &mut self.phase else { break };
            self.input.clear();
            match ready!(read_into(&mut *self.io, cx, &mut self.input)) {
                Ok(0) | Err(_) => break,
                Ok(n) if n >= *left => break,
                Ok(n) => *left -= n,
            }
        }
        self.phase = Phase::Done;
        Poll::Ready(())
    }

    /// Writes what the machine left behind. False: the transport takes it no more, or not in time.
    fn poll_flush(&mut self, cx: &mut Cx<'_>) -> Poll<bool> {
        // A peer that writes until we read would never come to read what we say.
        let mut reads = 0;
        while reads < TURNS {
            self.input.clear();
            match read_into(&mut *self.io, cx, &mut self.input) {
                Poll::Ready(Ok(n)) if n > 0 => reads += 1,
                _ => break,
            }
        }
        if reads == TURNS {
            // More may be there, and nobody else would say so.
            cx.waker().wake_by_ref();
        }
        while !self.cut {
            if self.batch.is_empty() {
                let mut state = self.shared.state.lock();
                if !state.conn.has_output() {
                    return Poll::Ready(true);
                }
                state.conn.poll_batch(clock::now(), &mut self.batch);
            }
            if self.poll_write(cx).is_err() {
                self.phase = Phase::Done;
                return Poll::Ready(false);
            }
            if !self.batch.is_empty() {
                break;
            }
        }
        if self.cut {
            return Poll::Ready(true);
        }
        if self.is_late(cx) {
            self.phase = Phase::Done;
            return Poll::Ready(false);
        }
        Poll::Pending
    }

    /// Whether the time of this phase is over.
    fn is_late(&mut self, cx: &mut Cx<'_>) -> bool {
        self.sleep.as_mut().is_none_or(|sleep| sleep.as_mut().poll(cx).is_ready())
    }

    /// How long what is left may take: as long as a peer may read nothing, but not that long again if that, or
    /// silence, is why it ended.
    fn begin_end(&mut self) {
        let dead = self.shared.state.lock().conn.ended().is_some_and(Reason::is_dead);
        let limit = if dead { LINGER } else { self.shared.config.write_stall };
        self.sleep = Some(Box::pin(tokio::time::sleep(limit)));
        self.input = BytesMut::with_capacity(READ_ROOM);
        self.frames = Vec::new();
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<()> {
        let this = self.get_mut();
        if matches!(this.phase, Phase::Running) {
            ready!(this.poll_running(cx));
            this.begin_end();
        }
        this.poll_end(cx)
    }
}

impl Drop for Driver {
    /// The runtime is going down, or the driver is done: whatever is still open is answered.
    fn drop(&mut self) {
        let mut todo = Todo::default();
        let mut state = self.shared.state.lock();
        state.conn.handle_transport_end(self.written, "the runtime that drove it is gone");
        state.left();
        state.take_events(&mut todo);
        let sleeper = state.park.rouse();
        drop(state);
        drop(sleeper);
        self.shared.settle(&mut todo);
    }
}

/// Reads into the spare room of a buffer, as much as is there. The future holds nothing between polls.
fn read_into(io: &mut dyn Io, cx: &mut Cx<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
    let mut io = io;
    pin!(AsyncReadExt::read_buf(&mut io, input)).poll(cx)
}
