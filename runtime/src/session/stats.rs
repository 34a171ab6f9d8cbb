//! What a session tells of itself in numbers.

use std::sync::atomic::Ordering;

use super::Session;

/// What a session holds at a moment, and what it has counted since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionStats {
    /// Calls of this end without an answer.
    pub calls_out: usize,
    /// Calls of the other end without an answer.
    pub calls_in: usize,
    /// Bytes that wait to be written, but for those that are being written.
    pub unsent_bytes: usize,
    /// What arrived and is still held: calls that no handler has taken and replies that are not whole, in bytes and 64 more
    /// for each. Pushes and items are not counted.
    pub held_bytes: u64,
    /// Calls that are streams, of both ends. They are among the calls above until they are answered.
    pub streams: usize,
    /// Items of streams that came and were not read, or wait to go, in bytes and 64 more for each. What
    /// [`RecvStream`](crate::RecvStream) has taken to read it next is given back half of the window at a time.
    pub stream_bytes: u64,
    /// Replies that came after their caller had gone: normal, and dropped.
    pub late_replies: u64,
    /// Pushes that nobody serves, that could not be read, or that were over a limit.
    pub dropped_pushes: u64,
    /// Pushes whose handler returned an error or panicked.
    pub failed_pushes: u64,
    /// Pushes of this end that wait in a [queue](crate::Push::queue) for room at the other.
    pub queued_pushes: usize,
    /// What those are in bytes, and 64 more for each.
    pub queued_bytes: usize,
    /// Pushes of this end that were queued and never sent: the queue was full, or the connection ended before.
    pub discarded_pushes: u64,
}

impl Session {
    /// What is in flight, and what was counted.
    #[must_use]
    pub fn stats(&self) -> SessionStats {
        let mut state = self.0.state.lock();
        let (in_flight, streams) = (state.conn.in_flight(), state.conn.streams_held());
        SessionStats {
            calls_out: in_flight.calling,
            calls_in: in_flight.serving,
            unsent_bytes: in_flight.unsent,
            held_bytes: in_flight.held,
            streams: streams.open,
            stream_bytes: streams.bytes,
            late_replies: in_flight.late_replies,
            dropped_pushes: in_flight.dropped_pushes,
            failed_pushes: self.0.failed_pushes.load(Ordering::Relaxed),
            queued_pushes: state.pushers.queued(),
            queued_bytes: state.pushers.queued_bytes(),
            discarded_pushes: state.pushers.discarded,
        }
    }
}
