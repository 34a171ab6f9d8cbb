//! Streams that are given more credit than their first (wire 7.5, 7.12): those whose sender waits for credit while their
//! reader waits for items, so that neither waits while credit travels. Nobody else holds what a reader like that takes.

use std::time::{Duration, Instant};

use super::Connection;
use super::stream::StreamKey;
use crate::frame::CallId;

/// A stream may be given so many times its first credit.
pub(super) const TIMES: u64 = 4;
/// All of a connection's together may be given so many first credits beyond their own.
pub(super) const SHARED: u64 = 16;
/// Its two ends wait for each other twice in such a time, or it is given no more: where its credit takes longer to come, the line
/// may be what is slow, and whatever stands behind more of it would wait for longer.
const SOON: Duration = Duration::from_millis(5);
/// Streams that are watched.
const WATCHED: usize = 16;

/// A stream whose ends waited for each other.
#[derive(Debug)]
pub(super) struct Grown {
    key: StreamKey,
    /// When they did last.
    at: Instant,
}

impl Connection {
    /// As [`grow_stream`](Self::grow_stream), of this call's stream.
    pub(super) fn grow_stream_of(&mut self, id: CallId) {
        if let Some(key) = self.stream_of(id).map(|stream| stream.key(id)) {
            self.grow_stream(key);
        }
    }

    /// Doubles a stream's credit if its two ends wait for each other, and there is some left.
    pub(super) fn grow_stream(&mut self, key: StreamKey) {
        let first = self.ours.stream_credit;
        let Some(inn) = self.stream(key).and_then(|stream| stream.inn.as_mut()) else { return };
        let most = first.saturating_mul(TIMES);
        let more = inn.grant.window().min(most.saturating_sub(inn.grant.window()));
        if more == 0 || !inn.waits || inn.discards() || inn.has_ended() || !inn.grant.starts_to_wait() {
            return;
        }
        if !self.waited_lately(key) {
            return;
        }
        let beyond: u64 = self.beyond().iter().sum();
        if beyond + more <= first.saturating_mul(SHARED) {
            if let Some(inn) = self.stream(key).and_then(|stream| stream.inn.as_mut()) {
                inn.grant.grow(more);
            }
            self.owe_stream(key.id, true);
        }
    }

    /// Notes that the ends of this stream wait for each other. True: they did so a short time ago.
    fn waited_lately(&mut self, key: StreamKey) -> bool {
        let now = self.life.last_read();
        if let Some(grown) = self.grown.iter_mut().find(|grown| grown.key == key) {
            return now.saturating_duration_since(std::mem::replace(&mut grown.at, now)) <= SOON;
        }
        let beyond = self.beyond();
        if self.grown.len() == WATCHED {
            // In the place of one that was given nothing.
            let Some(at) = beyond.iter().position(|beyond| *beyond == 0) else { return false };
            self.grown.remove(at);
        }
        self.grown.used().push_back(Grown { key, at: now });
        false
    }

    /// What each of those that are watched was given beyond its first credit. Those that are gone have given it back, and are
    /// watched no more.
    pub(super) fn beyond(&mut self) -> Vec<u64> {
        let first = self.ours.stream_credit;
        let (mut grown, mut beyond) = (std::mem::take(&mut self.grown), Vec::new());
        grown.retain(|Grown { key, .. }| {
            let stream = self.stream_of(key.id).filter(|stream| stream.key(key.id) == *key);
            let window = stream.and_then(|stream| stream.inn.as_ref()).map(|inn| inn.grant.window());
            beyond.extend(window.map(|window| window.saturating_sub(first)));
            window.is_some()
        });
        self.grown = grown;
        beyond
    }
}
