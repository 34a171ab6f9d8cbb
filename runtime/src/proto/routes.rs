//! Route numbers (wire 5): ours by the method's spec, those that are passed on by their names, the peer's by their order.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::MethodSpec;
use crate::frame::{EndCode, FrameError, RouteRef};

/// The numbers given in both directions.
#[derive(Debug)]
pub(crate) struct Routes {
    ours: HashMap<usize, u16, BuildHasherDefault<AddressHasher>>,
    /// The one that was asked for last: one call asks some times, and the next is often of the same method.
    last: Option<(usize, u16)>,
    /// Of the routes that are passed on; most connections pass none on.
    named: Option<Box<Named>>,
    our_count: u32,
    peer_limit: u32,
    /// How many numbers the peer has given: their names are the session's.
    their_count: u32,
    our_limit: u32,
}

/// Numbers of routes whose names came from somebody else: hashed so that he cannot choose where they lie.
#[derive(Debug, Default)]
struct Named {
    numbers: HashMap<Arc<str>, u16>,
    last: Option<(Arc<str>, u16)>,
}

/// What to write of a route, and the BIND that must go first.
pub(crate) enum OurRoute {
    Bound(u16),
    Bind(u16),
    Named,
}

impl Routes {
    pub(crate) fn new(peer_limit: u32, our_limit: u32) -> Self {
        Self {
            ours: HashMap::default(),
            last: None,
            named: None,
            our_count: 0,
            peer_limit,
            their_count: 0,
            our_limit,
        }
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

    /// The number of a method of ours that has one, if it is the one that was asked for last.
    #[inline]
    pub(crate) fn bound(&self, spec: &'static MethodSpec) -> Option<u16> {
        let (last, number) = self.last?;
        (last == std::ptr::from_ref(spec) as usize).then_some(number)
    }

    /// As [`ours`](Self::ours), of a route that is passed on. Whoever sends those may use as many as he likes: half of the numbers
    /// stay with our own, and no more names are kept than we would take ourselves.
    pub(crate) fn passed_on(&mut self, name: &str) -> OurRoute {
        let named = self.named.get_or_insert_default();
        if let Some((_, number)) = named.last.as_ref().filter(|(last, _)| **last == *name) {
            return OurRoute::Bound(*number);
        }
        if let Some((name, number)) = named.numbers.get_key_value(name) {
            named.last = Some((Arc::clone(name), *number));
            return OurRoute::Bound(*number);
        }
        let most = (self.peer_limit / 2).min(self.our_limit) as usize;
        if named.numbers.len() >= most || self.our_count >= self.peer_limit {
            return OurRoute::Named;
        }
        let number = self.our_count as u16;
        self.our_count += 1;
        named.numbers.insert(name.into(), number);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_is_passed_on_is_bound_once_and_half_of_the_numbers_stay_for_our_own() {
        let mut routes = Routes::new(5, 1_024);
        assert!(matches!(routes.passed_on("a.B/C"), OurRoute::Bind(0)));
        assert!(matches!(routes.passed_on("a.B/D"), OurRoute::Bind(1)));
        for _ in 0..2 {
            assert!(matches!(routes.passed_on("a.B/C"), OurRoute::Bound(0)));
            assert!(matches!(routes.passed_on("a.B/D"), OurRoute::Bound(1)));
        }
        assert!(matches!(routes.passed_on("a.B/E"), OurRoute::Named), "that is half of them");
        assert_eq!(routes.our_count, 2);
        // Nor are more names kept than this end would take.
        let mut routes = Routes::new(1_024, 1);
        assert!(matches!(routes.passed_on("a.B/C"), OurRoute::Bind(0)));
        assert!(matches!(routes.passed_on("a.B/D"), OurRoute::Named));
    }
}
