//! Who waits to push in each lane: tasks that await theirs, and pushes in a [queue](super::queue). First come, first
//! served, so that no large one waits for ever because smaller ones pass it (wire 7.6), and the order of a service is
//! kept whichever way its pushes are sent. Plain data under the session's lock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use super::queue::{Encoded, Joined, PushQueue};
use super::wakers::Place;
use crate::config::{Overflow, QueueLimits};

/// Who waits in each lane, in the order of coming.
#[derive(Debug, Default)]
pub(crate) struct Pushers {
    last: u64,
    lanes: Vec<Line>,
    /// How many are in the queues of all lanes.
    queued: usize,
    /// The lane whose queue was looked at last.
    turn: u32,
    /// Pushes that were in a queue, or came to one, and were never sent.
    pub(super) discarded: u64,
}

/// Who waits in one lane. Places are of one count.
#[derive(Debug, Default)]
struct Line {
    tasks: BTreeMap<u64, Waker>,
    queue: PushQueue,
}

impl Line {
    fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.queue.is_empty()
    }

    /// The first, if it is a task.
    fn first_task(&self) -> Option<(u64, &Waker)> {
        let (place, waker) = self.tasks.first_key_value()?;
        self.queue.first().is_none_or(|queued| *place < queued).then_some((*place, waker))
    }

    /// The first, if it is queued.
    fn first_queued(&self) -> Option<&Arc<Encoded>> {
        let before = self.tasks.first_key_value().is_none_or(|(task, _)| Some(*task) > self.queue.first());
        self.queue.front().filter(|_| before)
    }
}

impl Pushers {
    /// Whether nobody in the lane came before this one, who may have no place yet.
    pub(crate) fn is_turn(&self, lane: u32, place: Option<Place>) -> bool {
        let Some(line) = self.lanes.get(lane as usize).filter(|line| !line.is_empty()) else { return true };
        line.first_task().is_some_and(|(first, _)| place == Some(Place(first)))
    }

    /// Waits at `place`, or at the end of the lane if it has none.
    pub(crate) fn wait(&mut self, lane: u32, place: &mut Place, waker: &Waker) {
        if let Some(waiting) = self.line(lane).tasks.get_mut(&place.0) {
            waiting.clone_from(waker);
            return;
        }
        self.last += 1;
        *place = Place(self.last);
        let last = self.last;
        self.line(lane).tasks.insert(last, waker.clone());
    }

    /// Queues a push.
    pub(super) fn queue(
        &mut self,
        lane: u32,
        push: &Arc<Encoded>,
        limits: QueueLimits,
        overflow: Overflow,
    ) -> Joined {
        self.last += 1;
        let last = self.last;
        let joined = self.line(lane).queue.join(last, push, limits, overflow);
        match joined {
            Joined::Waits { displaced } => {
                self.queued = self.queued + 1 - displaced;
                self.discarded += displaced as u64;
            }
            Joined::Dropped | Joined::Overflows => self.discarded += 1,
        }
        joined
    }

    fn line(&mut self, lane: u32) -> &mut Line {
        let lane = lane as usize;
        if self.lanes.len() <= lane {
            self.lanes.resize_with(lane + 1, Line::default);
        }
        &mut self.lanes[lane]
    }

    /// Whether nobody waits in the lane.
    pub(crate) fn nobody(&self, lane: u32) -> bool {
        self.lanes.get(lane as usize).is_none_or(Line::is_empty)
    }

    /// Waits no more. True: somebody else stands first now.
    pub(crate) fn leave(&mut self, place: Place) -> bool {
        self.lanes.iter_mut().any(|line| line.tasks.remove(&place.0).is_some() && !line.is_empty())
    }

    /// Wakes the tasks that are the first of their lanes; they keep their places.
    pub(crate) fn wake_firsts(&self, wakes: &mut Vec<Waker>) {
        wakes.extend(self.lanes.iter().filter_map(Line::first_task).map(|(_, waker)| waker.clone()));
    }

    /// Wakes every task: nothing can be sent any more.
    pub(crate) fn wake_all(&mut self, wakes: &mut Vec<Waker>) {
        for line in &mut self.lanes {
            wakes.extend(std::mem::take(&mut line.tasks).into_values());
        }
    }

    /// So many lanes may have somebody who waits.
    pub(super) fn lanes(&self) -> u32 {
        self.lanes.len() as u32
    }

    /// The push that is the first of the lane, if it is in the queue.
    pub(super) fn first_queued(&self, lane: u32) -> Option<Arc<Encoded>> {
        self.lanes.get(lane as usize)?.first_queued().map(Arc::clone)
    }

    /// The lane whose queue is looked at next: they take turns. There must be one.
    pub(super) fn next_lane(&mut self) -> u32 {
        self.turn = (self.turn + 1) % self.lanes().max(1);
        self.turn
    }

    /// The first of the lane's queue was sent.
    pub(super) fn sent(&mut self, lane: u32) {
        self.queued -= usize::from(self.line(lane).queue.pop().is_some());
    }

    /// The first of the lane's queue can never be sent.
    pub(super) fn discard(&mut self, lane: u32) {
        let before = self.queued;
        self.sent(lane);
        self.discarded += (before - self.queued) as u64;
    }

    /// Nothing that is queued can be sent any more.
    pub(super) fn discard_all(&mut self) {
        for line in &mut self.lanes {
            line.queue = PushQueue::default();
        }
        self.discarded += std::mem::take(&mut self.queued) as u64;
    }

    /// How many pushes are queued.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// What they count in bytes.
    pub(super) fn queued_bytes(&self) -> usize {
        self.lanes.iter().map(|line| line.queue.bytes()).sum()
    }

    /// The place of who came last.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Whether no push is queued that came at `place` or before.
    pub(super) fn has_sent(&self, place: u64) -> bool {
        self.lanes.iter().filter_map(|line| line.queue.first()).all(|first| first > place)
    }

    /// Gives memory back if nobody waits. True: nothing is left that could be given back later.
    pub(super) fn shrink(&mut self) -> bool {
        let is_empty = self.lanes.iter().all(Line::is_empty);
        if is_empty {
            self.lanes = Vec::new();
        }
        is_empty
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Raw;
    use crate::request::RouteName;

    const LIMITS: QueueLimits = QueueLimits { messages: 2, bytes: 1_000 };

    fn push() -> Arc<Encoded> {
        Encoded::new(RouteName::Name("a.B/C".into()), Bytes::new(), &Raw::from("abc")).unwrap()
    }

    fn queue(pushers: &mut Pushers, lane: u32) -> Joined {
        pushers.queue(lane, &push(), LIMITS, Overflow::DropOldest)
    }

    #[test]
    fn tasks_and_queued_pushes_go_in_the_order_of_coming() {
        let mut pushers = Pushers::default();
        let (mut early, mut late) = (Place::default(), Place::default());
        pushers.wait(1, &mut early, Waker::noop());
        queue(&mut pushers, 1);
        pushers.wait(1, &mut late, Waker::noop());
        assert!(
            pushers.is_turn(1, Some(early)) && !pushers.is_turn(1, Some(late)) && !pushers.is_turn(1, None)
        );
        assert!(pushers.first_queued(1).is_none(), "a task came before it");
        assert!(pushers.leave(early), "the queued one is first now");
        assert!(!pushers.is_turn(1, Some(late)) && pushers.first_queued(1).is_some());
        pushers.sent(1);
        assert!(pushers.is_turn(1, Some(late)) && !pushers.is_turn(1, None));
        assert!(!pushers.leave(late) && pushers.nobody(1));
    }

    #[test]
    fn one_lane_does_not_wait_for_another_nor_fill_it() {
        let mut pushers = Pushers::default();
        assert_eq!(queue(&mut pushers, 0), Joined::Waits { displaced: 0 });
        assert_eq!(queue(&mut pushers, 0), Joined::Waits { displaced: 0 });
        assert_eq!(queue(&mut pushers, 0), Joined::Waits { displaced: 1 });
        assert_eq!(queue(&mut pushers, 3), Joined::Waits { displaced: 0 });
        assert!(pushers.is_turn(2, None) && pushers.nobody(2) && !pushers.nobody(3));
        assert_eq!((pushers.queued(), pushers.queued_bytes(), pushers.discarded), (3, 3 * 67, 1));
    }

    #[test]
    fn what_was_queued_before_is_told_from_what_came_later() {
        let mut pushers = Pushers::default();
        assert!(pushers.has_sent(pushers.last()), "nothing was queued");
        queue(&mut pushers, 0);
        let before = pushers.last();
        queue(&mut pushers, 0);
        assert!(!pushers.has_sent(before));
        pushers.sent(0);
        assert!(pushers.has_sent(before));
        pushers.discard(0);
        assert_eq!(pushers.discarded, 1);
    }

    #[test]
    fn at_the_end_nothing_is_kept_and_all_is_counted() {
        let mut pushers = Pushers::default();
        let mut place = Place::default();
        pushers.wait(0, &mut place, Waker::noop());
        queue(&mut pushers, 0);
        queue(&mut pushers, 5);
        assert!(!pushers.shrink());
        let mut wakes = Vec::new();
        pushers.wake_all(&mut wakes);
        pushers.discard_all();
        assert_eq!((wakes.len(), pushers.queued(), pushers.queued_bytes(), pushers.discarded), (1, 0, 0, 2));
        assert!(pushers.shrink() && pushers.lanes.capacity() == 0);
    }
}
