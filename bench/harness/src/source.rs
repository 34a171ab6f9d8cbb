//! Messages that flow: what is sent, and what the receiver counted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::{Payload, Wanted};

/// Messages in order, until the time is over. An iterator, so that a peer can make a stream of it.
#[derive(Debug)]
pub struct Source {
    payload: Payload,
    until: Instant,
    sent: Arc<Mutex<Tally>>,
    /// What `sent` will be told.
    tally: Tally,
}

/// Where sources come from, and what the last of them that ended has given.
#[derive(Clone, Debug, Default)]
pub struct Supply(Arc<Mutex<Tally>>);

/// What was sent, or what arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    pub count: u64,
    pub sum: u64,
    pub in_order: bool,
}

/// A receiver's count of what arrives.
#[derive(Debug, Default)]
pub struct Receipts(Mutex<Tally>);

impl Default for Tally {
    fn default() -> Self {
        Self { count: 0, sum: 0, in_order: true }
    }
}

impl Tally {
    /// One message, when it has been decoded.
    pub fn add(&mut self, seq: u64, body: &[u8]) {
        self.in_order &= seq == self.count;
        self.count += 1;
        self.sum =
            self.sum.wrapping_add(seq ^ u64::from(body.last().copied().unwrap_or(0)) ^ body.len() as u64);
    }
}

impl Receipts {
    /// One message, when it has been decoded.
    pub fn add(&self, seq: u64, body: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(seq, body);
    }

    /// What has come so far.
    pub fn tally(&self) -> Tally {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew.
    pub fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Tally::default();
    }
}

impl Supply {
    /// Its time begins now.
    pub fn source(&self, wanted: Wanted) -> Source {
        Source {
            payload: Payload::new(wanted.size),
            until: Instant::now() + wanted.time,
            sent: Arc::clone(&self.0),
            tally: Tally::default(),
        }
    }

    /// What the last source that ended has given.
    pub fn sent(&self) -> Tally {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Iterator for Source {
    type Item = Payload;

    fn next(&mut self) -> Option<Payload> {
        let seq = self.tally.count;
        // The clock is looked at now and then.
        if seq.is_multiple_of(64) && Instant::now() >= self.until {
            *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = self.tally;
            return None;
        }
        let payload = self.payload.numbered(seq);
        self.tally.add(seq, &payload.body);
        Some(payload)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Receipts, Supply};
    use crate::Wanted;

    #[test]
    fn a_message_lost_or_out_of_its_place_shows_in_the_tally() {
        let supply = Supply::default();
        let sent: Vec<_> = supply.source(Wanted { size: 110, time: Duration::from_millis(1) }).collect();
        let tally = |order: &[usize]| {
            let receipts = Receipts::default();
            order.iter().for_each(|&at| receipts.add(sent[at].seq, &sent[at].body));
            receipts.tally()
        };
        let all: Vec<usize> = (0..sent.len()).collect();
        assert!(sent.len() >= 64);
        assert_eq!(tally(&all), supply.sent());
        assert_ne!(tally(&all[1..]), supply.sent());
        assert_ne!(tally(&[&all[..3], &all[4..]].concat()), supply.sent());
        assert!(!tally(&[0, 2, 1]).in_order);
    }
}
