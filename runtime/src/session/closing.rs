//! The end of a connection: once the machine is over its driver does this and nothing else. What is left is written,
//! writing is shut down, and input is discarded for a moment, so that the reason arrives. None of it may take for ever.

use std::pin::Pin;
use std::task::{Context as Cx, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::Sleep;

use super::pipe::Pipe;
use super::{Shared, State, clock};
use crate::Reason;

/// Room to discard into.
const ROOM: usize = 16 << 10;
/// Reads before other tasks run.
const READS: usize = 16;
/// How long, and how much, is read and discarded so that the reason arrives (wire 11.5).
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1 << 20;

pub(super) struct Closing {
    stage: Stage,
    /// When this stage is over.
    alarm: Pin<Box<Sleep>>,
    discarded: BytesMut,
}

enum Stage {
    /// Write what is left, and discard what comes.
    Flushing,
    /// Shut down writing.
    Shutting,
    /// Discard for a moment, so that the reason arrives.
    Lingering { left: usize },
}

impl Closing {
    /// What is left may take as long as a peer may read nothing, but not that long again if that, or silence, is why
    /// it ended.
    pub(super) fn new(shared: &Shared) -> Self {
        let dead = shared.state.lock().conn.ended().is_some_and(Reason::is_dead);
        let limit = if dead { LINGER } else { shared.config.write_stall };
        Self {
            stage: Stage::Flushing,
            alarm: Box::pin(tokio::time::sleep(limit)),
            discarded: BytesMut::with_capacity(ROOM),
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Cx<'_>, pipe: &mut Pipe, shared: &Shared) -> Poll<()> {
        if matches!(self.stage, Stage::Flushing) {
            if !ready!(self.poll_flush(cx, pipe, shared)) {
                return Poll::Ready(());
            }
            shared.with(State::left);
            self.enter(Stage::Shutting);
        }
        if matches!(self.stage, Stage::Shutting) {
            if pipe.poll_shutdown(cx).is_pending() && !self.is_late(cx) {
                return Poll::Pending;
            }
            self.enter(Stage::Lingering { left: LINGER_BYTES });
        }
        while !self.is_late(cx) {
            let Stage::Lingering { left } = &mut self.stage else { break };
            self.discarded.clear();
            match ready!(pipe.poll_read(cx, &mut self.discarded)) {
                Ok(0) | Err(_) => break,
                Ok(n) if n >= *left => break,
                Ok(n) => *left -= n,
            }
        }
        Poll::Ready(())
    }

    /// Writes what the machine left behind. False: the transport takes it no more, or not in time.
    fn poll_flush(&mut self, cx: &mut Cx<'_>, pipe: &mut Pipe, shared: &Shared) -> Poll<bool> {
        self.discard(cx, pipe);
        while !pipe.is_cut() {
            if pipe.batch.is_empty() {
                let mut state = shared.state.lock();
                if !state.conn.has_output() {
                    return Poll::Ready(true);
                }
                state.conn.poll_batch(clock::now(), &mut pipe.batch);
            }
            if pipe.poll_write(cx).is_err() {
                return Poll::Ready(false);
            }
            if !pipe.batch.is_empty() {
                return if self.is_late(cx) { Poll::Ready(false) } else { Poll::Pending };
            }
        }
        Poll::Ready(true)
    }

    /// Reads past what is there: a peer that writes until we read would never come to read what we say.
    fn discard(&mut self, cx: &mut Cx<'_>, pipe: &mut Pipe) {
        for _ in 0..READS {
            self.discarded.clear();
            if !matches!(pipe.poll_read(cx, &mut self.discarded), Poll::Ready(Ok(n)) if n > 0) {
                return;
            }
        }
        // More may be there, and nobody else would say so.
        cx.waker().wake_by_ref();
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.alarm = Box::pin(tokio::time::sleep(LINGER));
    }

    /// Whether the time of this stage is over.
    fn is_late(&mut self, cx: &mut Cx<'_>) -> bool {
        self.alarm.as_mut().poll(cx).is_ready()
    }
}
