//! Pushes that wait for room: first come, first served in each lane, so that no large one waits for ever because smaller
//! ones pass it (wire 7.6). Plain data under the session's lock.

use std::collections::BTreeMap;
use std::task::Waker;

use super::wakers::Place;

/// Who waits in each lane, in the order of coming.
#[derive(Debug, Default)]
pub(crate) struct Pushers {
    last: u64,
    lanes: Vec<BTreeMap<u64, Waker>>,
}

impl Pushers {
    /// Whether nobody in the lane came before this one, who may have no place yet.
    pub(crate) fn is_turn(&self, lane: u32, place: Option<Place>) -> bool {
        let first = self.lanes.get(lane as usize).and_then(|lane| lane.first_key_value());
        first.is_none_or(|(first, _)| place.is_some_and(|place| place.0 == *first))
    }

    /// Waits at `place`, or at the end of the lane if it has none.
    pub(crate) fn wait(&mut self, lane: u32, place: &mut Place, waker: &Waker) {
        let lane = lane as usize;
        if self.lanes.len() <= lane {
            self.lanes.resize_with(lane + 1, BTreeMap::new);
        }
        if let Some(waiting) = self.lanes[lane].get_mut(&place.0) {
            waiting.clone_from(waker);
            return;
        }
        self.last += 1;
        *place = Place(self.last);
        self.lanes[lane].insert(self.last, waker.clone());
    }

    /// Whether nobody waits in the lane.
    pub(crate) fn nobody(&self, lane: u32) -> bool {
        self.lanes.get(lane as usize).is_none_or(BTreeMap::is_empty)
    }

    /// Waits no more. True: somebody else stands first now.
    pub(crate) fn leave(&mut self, place: Place) -> bool {
        self.lanes.iter_mut().any(|lane| lane.remove(&place.0).is_some() && !lane.is_empty())
    }

    /// Wakes the first of each lane; they keep their places.
    pub(crate) fn wake_firsts(&self, wakes: &mut Vec<Waker>) {
        let firsts = self.lanes.iter().filter_map(|lane| lane.first_key_value());
        wakes.extend(firsts.map(|(_, waker)| waker.clone()));
    }

    /// Wakes everybody: nothing can be sent any more.
    pub(crate) fn wake_all(&mut self, wakes: &mut Vec<Waker>) {
        wakes.extend(self.lanes.drain(..).flat_map(BTreeMap::into_values));
    }
}
