//! Streams that are given more credit than their first (wire 7.5, 7.12): those whose sender waits for credit while their
//! reader waits for items, so that neither waits while credit travels. Nobody else holds what a reader like that takes.

use super::Connection;
use super::stream::StreamKey;
use crate::frame::CallId;

/// A stream may be given so many times its first credit.
pub(super) const TIMES: u64 = 4;
/// All of a connection's together may be given so many first credits beyond their own.
const SHARED: u64 = 16;

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
        let inn = self.stream(key).and_then(|stream| stream.inn.as_ref());
        let Some(inn) = inn.filter(|inn| inn.waits && !inn.discards() && inn.grant.is_short()) else {
            return;
        };
        let window = inn.grant.window();
        let more = window.min(first.saturating_mul(TIMES).saturating_sub(window));
        if more == 0 || self.given_beyond(first).saturating_add(more) > first.saturating_mul(SHARED) {
            return;
        }
        if let Some(inn) = self.stream(key).and_then(|stream| stream.inn.as_mut()) {
            inn.grant.grow(more);
        }
        if !self.grown.iter().any(|other| *other == key) {
            self.grown.used().push_back(key);
        }
        self.owe_stream(key.id, true);
    }

    /// What streams were given beyond their first credit; those that are gone have given it back.
    fn given_beyond(&mut self, first: u64) -> u64 {
        let (mut grown, mut sum) = (std::mem::take(&mut self.grown), 0);
        grown.retain(|key| {
            let stream = self.stream_of(key.id).filter(|stream| stream.key(key.id) == *key);
            let inn = stream.and_then(|stream| stream.inn.as_ref());
            sum += inn.map_or(0, |inn| inn.grant.window().saturating_sub(first));
            inn.is_some()
        });
        self.grown = grown;
        sum
    }
}
