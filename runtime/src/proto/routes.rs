//! Route numbers (wire 5): ours by the method's spec, the peer's by their order.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::MethodSpec;
use crate::frame::{EndCode, FrameError, RouteRef};

/// The numbers given in both directions.
#[derive(Debug)]
pub(crate) struct Routes {
    ours: HashMap<usize, u16, BuildHasherDefault<AddressHasher>>,
    /// The one that was asked for last: one call asks some times, and the next is often of the same method.
    last: Option<(usize, u16)>,
    our_count: u32,
    peer_limit: u32,
    /// How many numbers the peer has given: their names are the session's.
    their_count: u32,
    our_limit: u32,
}

/// What to write of a route, and the BIND that must go first.
pub(crate) enum OurRoute {
    Bound(u16),
    Bind(u16),
    Named,
}

impl Routes {
    pub(crate) fn new(peer_limit: u32, our_limit: u32) -> Self {
        Self { ours: HashMap::default(), last: None, our_count: 0, peer_limit, their_count: 0, our_limit }
    }

    pub(crate) fn set_peer_limit(&mut self, limit: u32) {
        self.peer_limit = limit.min(65_536);
    }

    pub(crate) fn set_our_limit(&mut self, limit: u32) {
        self.our_limit = limit;
    }

    /// The number of a method of ours, given now if there is one left (wire 5.2). A spec is a static, so its
    /// address tells it apart; a second address for one route costs a second number, no more.
    pub(crate) fn ours(&mut self, spec: &'static MethodSpec) -> OurRoute {
        let address = std::ptr::from_ref(spec) as usize;
        if let Some((_, number)) = self.last.filter(|(last, _)| *last == address) {
            return OurRoute::Bound(number);
        }
        if let Some(number) = self.ours.get(&address) {
            self.last = Some((address, *number));
            return OurRoute::Bound(*number);
        }
        if self.our_count >= self.peer_limit {
            return OurRoute::Named;
        }
        let number = self.our_count as u16;
        self.our_count += 1;
        self.ours.insert(address, number);
        OurRoute::Bind(number)
    }

    /// BIND arrived.
    pub(crate) fn bind(&mut self, number: u16) -> Result<(), FrameError> {
        if u32::from(number) != self.their_count {
            return Err(FrameError::unexpected("5.2", "BIND out of order"));
        }
        if u32::from(number) >= self.our_limit {
            return Err(FrameError::new(EndCode::LimitExceeded, "5.2", "more bindings than `max_bindings`"));
        }
        self.their_count += 1;
        Ok(())
    }

    /// A number that the peer uses must be bound (wire 5.3).
    pub(crate) fn check(&self, route: &RouteRef) -> Result<(), FrameError> {
        match route {
            RouteRef::Number(number) if u32::from(*number) >= self.their_count => {
                Err(FrameError::unexpected("5.3", "a route number that is not bound"))
            }
            _ => Ok(()),
        }
    }
}

/// Spreads an address; the table is ours alone, so nobody can choose its keys.
#[derive(Debug, Default)]
pub(crate) struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        debug_assert!(false, "only addresses are hashed");
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}
