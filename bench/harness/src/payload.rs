//! What a call brings, and the check that it came back.

use bytes::Bytes;

use crate::Result;

/// What a call brings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Payload {
    /// A number that no other call in flight has.
    pub seq: u64,
    pub body: Bytes,
    /// The encoded message with both, in bytes.
    pub size: usize,
    pub burn_us: u32,
}

/// A reply that was compared with its call.
#[derive(Debug)]
pub struct Checked(());

impl Payload {
    /// A message that takes `size` bytes as protobuf: a fixed64 with its key, then bytes with key and length.
    pub fn new(size: usize) -> Self {
        let length_bytes = |body: usize| (body.max(1).ilog2() as usize) / 7 + 1;
        let body = (1..=5).map(|n| size.saturating_sub(10 + n)).find(|&b| 10 + length_bytes(b) + b <= size);
        let body = (0..body.unwrap_or(0)).map(|i| (i * 31 + i / 251) as u8).collect();
        Self { seq: 0, body, size, burn_us: 0 }
    }

    pub(crate) fn numbered(&self, seq: u64) -> Self {
        Self { seq, ..self.clone() }
    }

    /// Compares what came of a large body, at either end, with what it was. Not byte for byte, so that looking at it takes no time from
    /// what goes on beside.
    ///
    /// # Errors
    /// It differs.
    pub fn check_digest(&self, seq: u64, digest: u64) -> Result<Checked> {
        if seq == self.seq && digest == crate::digest(&self.body) {
            return Ok(Checked(()));
        }
        Err(format!("of call {} with {} bytes something else came", self.seq, self.body.len()).into())
    }

    /// Compares a reply with the call.
    ///
    /// # Errors
    /// It differs.
    pub fn check(&self, seq: u64, body: &[u8]) -> Result<Checked> {
        if seq == self.seq && body == self.body {
            return Ok(Checked(()));
        }
        Err(format!(
            "call {} with {} bytes was answered with {seq}, {} bytes",
            self.seq,
            self.body.len(),
            body.len()
        )
        .into())
    }
}

/// Of the length of a body and of a byte here and there, four of each 64 KiB.
pub fn digest(body: &[u8]) -> u64 {
    let some = body.iter().enumerate().step_by(16_381);
    some.fold(body.len() as u64, |sum, (at, byte)| sum.wrapping_add((at as u64 + 1) * u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::{Payload, digest};

    #[test]
    fn a_body_with_a_piece_lost_or_elsewhere_has_another_digest() {
        const PIECE: usize = 64 << 10;
        let body = Payload::new(1 << 20).body;
        let lost = body.slice(PIECE..);
        let swapped = [&body[PIECE..2 * PIECE], &body[..PIECE], &body[2 * PIECE..]].concat();
        assert_ne!(digest(&body), digest(&lost));
        assert_ne!(digest(&body), digest(&swapped));
    }

    #[test]
    fn a_message_has_the_size_that_was_asked_for() {
        for (size, body) in [(16, 5), (110, 99), (4_096, 4_084), (1 << 20, (1 << 20) - 13)] {
            assert_eq!(Payload::new(size).body.len(), body);
        }
    }
}
