//! Signs of life: HELLO in time, silence, pings, writes that make no progress (wire 11.1, 11.2).

use std::time::Instant;

use crate::config::Config;

/// When what was last seen, and what follows from it.
#[derive(Debug)]
pub(crate) struct Life {
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
    pub(crate) fn new(now: Instant, config: &Config) -> Self {
        let hello_by = now.checked_add(config.connect_timeout);
        Self { hello_by, last_read: now, pinged: None, stalled_since: None }
    }

    pub(crate) fn peer_ready(&mut self) {
        self.hello_by = None;
    }

    pub(crate) fn read(&mut self, now: Instant) {
        self.last_read = now;
        self.pinged = None;
    }

    /// When bytes were read last.
    pub(crate) fn last_read(&self) -> Instant {
        self.last_read
    }

    /// Bytes were handed to the transport, or the transport took some.
    pub(crate) fn write_progress(&mut self, now: Instant, more_to_write: bool) {
        self.stalled_since = more_to_write.then_some(now);
    }

    /// When the peer must be pinged, or answer our ping; none if it is never pinged.
    fn silence_until(&self, config: &Config) -> Option<Instant> {
        match self.pinged {
            // As in setting 16: 0 is never (wire 4.6).
            None if config.keepalive_idle.is_zero() => None,
            // Until the peer is ready, the time for that is what counts.
            _ if self.hello_by.is_some() => None,
            None => self.last_read.checked_add(config.keepalive_idle),
            Some(at) => at.checked_add(config.keepalive_pong),
        }
    }

    fn stall_until(&self, config: &Config) -> Option<Instant> {
        self.stalled_since?.checked_add(config.write_stall)
    }

    pub(crate) fn next(&self, config: &Config) -> Option<Instant> {
        [self.silence_until(config), self.hello_by, self.stall_until(config)].into_iter().flatten().min()
    }

    pub(crate) fn check(&mut self, now: Instant, config: &Config) -> Verdict {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        if is_due(self.hello_by) {
            return Verdict::Dead("no HELLO or READY within `connect_timeout`");
        }
        if is_due(self.stall_until(config)) {
            return Verdict::Dead("the other end reads nothing: no write progress within `write_stall`");
        }
        match (is_due(self.silence_until(config)), self.pinged) {
            (true, Some(_)) => Verdict::Dead("silence: no byte within `keepalive`"),
            (true, None) => {
                self.pinged = Some(now);
                Verdict::Ping
            }
            (false, _) => Verdict::Fine,
        }
    }
}
