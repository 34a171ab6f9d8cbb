//! Signs of life: HELLO in time, silence, pings, writes that make no progress (wire 11.1, 11.2).

use std::time::{Duration, Instant};

/// The waits of a connection's life.
#[derive(Debug, Clone)]
pub(crate) struct Waits {
    pub(crate) hello: Duration,
    pub(crate) idle: Duration,
    pub(crate) pong: Duration,
    pub(crate) stall: Duration,
}

/// When what was last seen, and what follows from it.
#[derive(Debug)]
pub(crate) struct Life {
    waits: Waits,
    /// Until when the peer must be ready; `None` once it is.
    hello_by: Option<Instant>,
    last_read: Instant,
    /// When we pinged, if no byte was read since.
    pinged: Option<Instant>,
    /// Since when something waits to be written and nothing was.
    stalled_since: Option<Instant>,
}

/// What time has brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fine,
    Ping,
    Dead(&'static str),
}

impl Life {
    pub(crate) fn new(now: Instant, waits: Waits) -> Self {
        let hello_by = Some(now + waits.hello);
        Self { waits, hello_by, last_read: now, pinged: None, stalled_since: None }
    }

    pub(crate) fn peer_ready(&mut self) {
        self.hello_by = None;
    }

    pub(crate) fn read(&mut self, now: Instant) {
        self.last_read = now;
        self.pinged = None;
    }

    /// Bytes were handed to the transport, or the transport took some.
    pub(crate) fn write_progress(&mut self, now: Instant, more_to_write: bool) {
        self.stalled_since = more_to_write.then_some(now);
    }

    pub(crate) fn next(&self) -> Instant {
        let mut next = match self.pinged {
            None => self.last_read + self.waits.idle,
            Some(at) => at + self.waits.pong,
        };
        if let Some(at) = self.hello_by {
            next = next.min(at);
        }
        if let Some(since) = self.stalled_since {
            next = next.min(since + self.waits.stall);
        }
        next
    }

    pub(crate) fn check(&mut self, now: Instant) -> Verdict {
        if self.hello_by.is_some_and(|at| now >= at) {
            return Verdict::Dead("no HELLO or READY within `connect_timeout`");
        }
        if self.stalled_since.is_some_and(|since| now >= since + self.waits.stall) {
            return Verdict::Dead("the other end reads nothing: no write progress within `write_stall`");
        }
        match self.pinged {
            Some(at) if now >= at + self.waits.pong => Verdict::Dead("silence: no byte within `keepalive`"),
            None if now >= self.last_read + self.waits.idle => {
                self.pinged = Some(now);
                Verdict::Ping
            }
            _ => Verdict::Fine,
        }
    }
}
