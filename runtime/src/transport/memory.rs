//! Two ends in one process, joined by bounded buffers: for tests, mocks and services that call themselves.

use super::{PeerAddr, Transport};

/// Bytes that fit between the two ends.
const BUFFER: usize = 256 << 10;

/// The two ends of a connection in memory.
#[allow(dead_code, reason = "used with either feature `client` or `server`")]
pub(crate) fn pair() -> (Transport, Transport) {
    let (left, right) = tokio::io::duplex(BUFFER);
    (Transport::new(left, PeerAddr::Memory), Transport::new(right, PeerAddr::Memory))
}
