//! Pushes that nobody waits for: a queue in each lane, bounded, that goes into the write buffer as room comes (design
//! section 6.13). A message is encoded once, whoever gets it. Plain data under the session's lock, beside
//! [`Pushers`](super::pushers::Pushers).

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::outside;
use crate::config::{Overflow, QueueLimits};
use crate::message::Payload;
use crate::proto::{MESSAGE_COST, Pushing};
use crate::request::RouteName;
use crate::{Error, Message};

/// A push as it travels. All who are to get it share it.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) route: RouteName,
    pub(crate) block: Bytes,
    pub(crate) message: Payload,
}

impl Encoded {
    pub(crate) fn new<M: Message>(route: RouteName, block: Bytes, message: &M) -> Result<Arc<Self>, Error> {
        let message = outside::encode_alone(message, message.encoded_len())?;
        Ok(Arc::new(Self { route, block, message }))
    }

    pub(crate) fn pushing(&self, lane: u32) -> Pushing<'_> {
        Pushing { route: self.route.open(), lane, block: &self.block, len: self.message.len() }
    }

    /// What it counts in a queue.
    fn cost(&self) -> usize {
        MESSAGE_COST as usize + self.block.len() + self.message.len()
    }
}

/// What wait in one lane, in the order of coming.
#[derive(Debug, Default)]
pub(super) struct PushQueue {
    /// With its place among all who wait in the lane.
    waiting: VecDeque<(u64, Arc<Encoded>)>,
    bytes: usize,
}

/// What became of a push that came to a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joined {
    /// It waits, and so many that came before were dropped for it.
    Waits { displaced: usize },
    /// It was dropped.
    Dropped,
    /// There is no room, and the receiver is to be closed for it.
    Overflows,
}

impl PushQueue {
    /// One more, at `place`, which is after all that were given before. A push over the bound in bytes waits alone.
    pub(super) fn join(
        &mut self,
        place: u64,
        push: &Arc<Encoded>,
        limits: QueueLimits,
        overflow: Overflow,
    ) -> Joined {
        let mut displaced = 0;
        while self.is_over(limits, push.cost()) {
            match overflow {
                Overflow::DropOldest => {
                    self.pop();
                    displaced += 1;
                }
                Overflow::DropNewest => return Joined::Dropped,
                Overflow::Close => return Joined::Overflows,
            }
        }
        self.bytes += push.cost();
        self.waiting.push_back((place, Arc::clone(push)));
        Joined::Waits { displaced }
    }

    fn is_over(&self, limits: QueueLimits, more: usize) -> bool {
        let is_over = self.waiting.len() >= limits.messages || self.bytes + more > limits.bytes;
        is_over && !self.waiting.is_empty()
    }

    /// The place of the first.
    pub(super) fn first(&self) -> Option<u64> {
        self.waiting.front().map(|(place, _)| *place)
    }

    pub(super) fn front(&self) -> Option<&Arc<Encoded>> {
        self.waiting.front().map(|(_, push)| push)
    }

    pub(super) fn pop(&mut self) -> Option<Arc<Encoded>> {
        let (_, push) = self.waiting.pop_front()?;
        self.bytes -= push.cost();
        if self.waiting.is_empty() && self.waiting.capacity() > KEPT {
            self.waiting = VecDeque::new();
        }
        Some(push)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// An empty queue keeps room for so many.
const KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Raw;

    const LIMITS: QueueLimits = QueueLimits { messages: 3, bytes: 1_000 };

    fn push(number: u8, len: usize) -> Arc<Encoded> {
        let route = RouteName::Name("a.B/C".into());
        Encoded::new(route, Bytes::new(), &Raw(vec![number; len].into())).unwrap()
    }

    fn full(overflow: Overflow) -> PushQueue {
        let mut queue = PushQueue::default();
        for number in 1..=3 {
            let joined = queue.join(u64::from(number), &push(number, 10), LIMITS, overflow);
            assert_eq!(joined, Joined::Waits { displaced: 0 });
        }
        queue
    }

    fn first(message: &Payload) -> u8 {
        let mut bytes = Vec::new();
        message.put_to(&mut bytes);
        bytes[0]
    }

    fn numbers(queue: &mut PushQueue) -> Vec<u8> {
        std::iter::from_fn(|| queue.pop()).map(|push| first(&push.message)).collect()
    }

    #[test]
    fn the_oldest_go_for_a_new_one_and_no_more_than_must() {
        let mut queue = full(Overflow::DropOldest);
        assert_eq!(queue.join(4, &push(4, 10), LIMITS, Overflow::DropOldest), Joined::Waits { displaced: 1 });
        assert_eq!((queue.first(), queue.waiting.len(), queue.bytes()), (Some(2), 3, 3 * 74));
        // 1,000 bytes hold it beside one of 74, and not beside two.
        assert_eq!(
            queue.join(5, &push(5, 800), LIMITS, Overflow::DropOldest),
            Joined::Waits { displaced: 2 }
        );
        assert_eq!(numbers(&mut queue), [4, 5]);
        assert_eq!((queue.first(), queue.waiting.len(), queue.bytes()), (None, 0, 0));
    }

    #[test]
    fn the_newest_goes_and_the_others_stay() {
        let mut queue = full(Overflow::DropNewest);
        assert_eq!(queue.join(4, &push(4, 10), LIMITS, Overflow::DropNewest), Joined::Dropped);
        assert_eq!(queue.bytes(), 3 * 74);
        assert_eq!(numbers(&mut queue), [1, 2, 3]);
    }

    #[test]
    fn to_be_closed_it_is_left_as_it_is() {
        let mut queue = full(Overflow::Close);
        assert_eq!(queue.join(4, &push(4, 10), LIMITS, Overflow::Close), Joined::Overflows);
        assert_eq!(numbers(&mut queue), [1, 2, 3]);
    }

    #[test]
    fn a_push_over_the_bound_waits_alone() {
        for overflow in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Close] {
            let mut queue = PushQueue::default();
            let joined = queue.join(1, &push(1, 5_000), LIMITS, overflow);
            assert_eq!(joined, Joined::Waits { displaced: 0 }, "{overflow:?}");
            let second = queue.join(2, &push(2, 0), LIMITS, overflow);
            assert_eq!(second == Joined::Waits { displaced: 1 }, overflow == Overflow::DropOldest);
        }
    }

    #[test]
    fn an_empty_queue_keeps_little() {
        let mut queue = PushQueue::default();
        let limits = QueueLimits { messages: 1_000, bytes: 1 << 20 };
        for number in 0..1_000 {
            queue.join(number, &push(0, 1), limits, Overflow::Close);
        }
        while queue.pop().is_some() {}
        assert!(queue.waiting.capacity() <= KEPT, "{}", queue.waiting.capacity());
    }

    #[test]
    fn a_message_that_does_not_keep_to_its_length_is_not_sent() {
        struct Wrong;
        impl Message for Wrong {
            fn encoded_len(&self) -> usize {
                3
            }
            fn encode(&self, out: &mut impl bytes::BufMut) {
                out.put_u8(1);
            }
            fn decode(_: Bytes) -> Result<Self, crate::Status> {
                Ok(Self)
            }
        }
        let encoded = Encoded::new(RouteName::Name("a.B/C".into()), Bytes::new(), &Wrong);
        assert!(matches!(encoded, Err(Error::Encode { announced: 3, written: 1 })));
    }
}
