//! A push of ours that nobody waits for: it goes at once, or stands in its lane's [queue](super::queue) until there is
//! room. Called by [`Push::queue`](crate::Push::queue), and wherever room has come.

use std::sync::Arc;
use std::task::Waker;

use super::Shared;
use super::queue::{Encoded, Joined};
use super::state::State;
use crate::config::Config;
use crate::frame::EndCode;
use crate::proto::{OpenRoute, PushRoom, Pushing};

/// Bytes that go from the queues into the write buffer at once: what is copied under the lock (design section 6.13).
const AT_ONCE: usize = 64 << 10;

/// What became of a push at one receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is in the write buffer.
    Sent,
    /// It waits, and so many before it were dropped for it.
    Queued { displaced: usize },
    /// The queue is full.
    Dropped,
    /// The queue is full, and the connection was closed for it.
    Closed,
    /// It is larger than one of the ends allows.
    Refused,
    /// The connection is over, or on its way out.
    Gone,
}

impl Shared {
    /// Sends a push, or queues it; never waits.
    pub(crate) fn queue_push(&self, push: &Arc<Encoded>) -> Fate {
        let mut state = self.state.lock();
        let fate = state.queue_push(push, &self.config);
        self.unlock(state);
        fate
    }
}

impl State {
    fn queue_push(&mut self, push: &Arc<Encoded>, config: &Config) -> Fate {
        if self.push_known_bytes(push) {
            return Fate::Sent;
        }
        let lane = self.lane_for(push.route.open());
        let pushing = push.pushing(lane);
        if self.conn.check_push(&pushing).is_err() {
            return if self.conn.takes_calls() { Fate::Refused } else { Fate::Gone };
        }
        if self.pushers.nobody(lane) && self.send_encoded(pushing, push) {
            return Fate::Sent;
        }
        let overflow = self.overflow.unwrap_or(config.overflow);
        let joined = self.pushers.queue(lane, push, config.push_queue, overflow);
        self.conn.pushes_queued(self.pushers.queued());
        match joined {
            Joined::Waits { displaced } => Fate::Queued { displaced },
            Joined::Dropped => Fate::Dropped,
            Joined::Overflows => {
                let text = "too slow: its queue of pushes is full (`push_queue`, `overflow` of the sender)";
                self.conn.fail(EndCode::Slow, text);
                Fate::Closed
            }
        }
    }

    /// The way of most: of a method that was pushed before, with room, and nobody waits.
    fn push_known_bytes(&mut self, push: &Encoded) -> bool {
        let (OpenRoute::Spec(spec), true) = (push.route.open(), push.block.is_empty()) else { return false };
        let Some(known) = self.conn.known_push(spec) else { return false };
        let len = push.message.len();
        self.pushers.nobody(known.lane)
            && self.conn.takes_push(&known, len)
            && self.conn.push_known(&known, len, |out| push.message.put_to(out)).is_ok()
    }

    /// Sends it if there is room. Nobody waits before it in its lane.
    fn send_encoded(&mut self, pushing: Pushing<'_>, push: &Encoded) -> bool {
        match self.conn.queued_room(&pushing) {
            PushRoom::Full(_) => false,
            PushRoom::InPlace => self.conn.push_in_place(pushing, |out| push.message.put_to(out)).is_ok(),
            PushRoom::Large => {
                self.conn.push_large(pushing, push.message.clone());
                true
            }
        }
    }

    /// There may be room: sends of what is queued as much as may go at once, the lanes taking turns.
    pub(super) fn pump_queues(&mut self, wakes: &mut Vec<Waker>) {
        let before = self.pushers.queued();
        if before == 0 {
            return;
        }
        if !self.conn.takes_queued() {
            self.pushers.discard_all();
        }
        let (mut pumped, mut full) = (0, 0);
        while full < self.pushers.lanes() && self.pushers.queued() > 0 {
            if pumped >= AT_ONCE {
                // The rest when others have had the lock.
                self.pusher_left = true;
                break;
            }
            let lane = self.pushers.next_lane();
            match self.pump_lane(lane) {
                Some(bytes) => (pumped, full) = (pumped + bytes, 0),
                None => full += 1,
            }
        }
        if self.pushers.queued() != before {
            self.conn.pushes_queued(self.pushers.queued());
            self.flushers.wake_all(wakes);
        }
    }

    /// Sends the first of a lane, if it is queued and there is room: so many bytes.
    fn pump_lane(&mut self, lane: u32) -> Option<usize> {
        let push = self.pushers.first_queued(lane)?;
        let pushing = push.pushing(lane);
        if !self.conn.allows_push(&pushing) {
            // The peer has said only now how much it takes.
            self.pushers.discard(lane);
        } else if self.send_encoded(pushing, &push) {
            self.pushers.sent(lane);
        } else {
            return None;
        }
        self.room_unwanted(lane);
        Some(push.message.len())
    }
}
