//! A push of ours on a session: room in its lane, order, and when the peer has taken it. Called by
//! [`Push`](crate::Push).

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::Shared;
use super::outside;
use super::state::State;
use super::wakers::Place;
use crate::frame::Settings;
use crate::proto::{OpenRoute, PushRoom, Pushing};
use crate::{Error, Message, MethodSpec, Status};

/// Whether a push was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    Sent,
    /// There is no room now: why.
    Full(&'static str),
}

enum Step {
    Sent,
    Full(&'static str),
    EncodeOutside,
}

impl Shared {
    /// Sends a small push that need not wait, of a method that was pushed before; most do. `None`: it must be looked at
    /// more closely, with [`try_push`](Self::try_push).
    pub(crate) fn push_known<M: Message>(
        &self,
        spec: &'static MethodSpec,
        message: &M,
    ) -> Option<Result<(), Status>> {
        let len = message.encoded_len();
        let mut state = self.state.lock();
        let known = state.conn.known_push(spec)?;
        if !state.pushers.nobody(known.lane) || !state.conn.takes_push(&known, len) {
            return None;
        }
        let pushed = state.conn.push_known(&known, len, |out| message.encode(out));
        self.unlock(state);
        Some(pushed.map_err(|error| Status::from(error).not_run()))
    }

    /// Sends a push if there is room. If not, whoever waits is woken when there may be; the place must be given to
    /// [`drop_push`](Self::drop_push).
    pub(crate) fn try_push<M: Message>(
        self: &Arc<Self>,
        route: OpenRoute<'_>,
        block: &[u8],
        message: &M,
        mut waiter: Option<(&mut Place, &Waker)>,
    ) -> Result<Pushed, Status> {
        let len = message.encoded_len();
        let step = self.with(|state| {
            let lane = state.lane_for(route);
            state.step(Pushing { route, lane, block, len }, message, &mut waiter)
        })?;
        match step {
            Step::Sent => Ok(Pushed::Sent),
            Step::Full(why) => Ok(Pushed::Full(why)),
            Step::EncodeOutside => {
                let payload =
                    outside::encode(self, message, len).map_err(|error| Status::from(error).not_run())?;
                self.with(|state| {
                    let lane = state.lane_for(route);
                    let pushing = Pushing { route, lane, block, len };
                    state.conn.check_push(&pushing)?;
                    // Another push may have taken the room meanwhile.
                    match state.conn.push_room(&pushing) {
                        PushRoom::Full(why) => {
                            state.pusher_waits(lane, &mut waiter);
                            Ok(Pushed::Full(why))
                        }
                        PushRoom::InPlace | PushRoom::Large => {
                            state.conn.push_large(pushing, payload);
                            state.pusher_leaves(lane, &mut waiter);
                            Ok(Pushed::Sent)
                        }
                    }
                })
            }
        }
    }

    /// Nobody waits any more to send this push.
    pub(crate) fn drop_push(&self, route: OpenRoute<'_>, place: Place) {
        if place != Place::default() {
            self.with(|state| {
                state.pusher_left |= state.pushers.leave(place);
                let lane = state.lane_for(route);
                state.room_unwanted(lane);
            });
        }
    }

    /// Waits until the peer has taken all pushes that were sent before (wire 10.5).
    pub(crate) async fn flushed(&self) -> Result<(), Error> {
        let mut waits = Flushing { shared: self, place: Place::default() };
        let queued = self.state.lock().pushers.last();
        let (mut begun, mut target) = (None, None);
        poll_fn(|cx| {
            self.with(|state| {
                if let Some(reason) = state.conn.ended() {
                    return Poll::Ready(Err(Error::Closed(reason.clone())));
                }
                if begun.is_none() && state.pushers.has_sent(queued) {
                    begun = Some(state.conn.push_counts().0);
                }
                let (_, ended, taken) = state.conn.push_counts();
                // A large one may be on its way: look again when it has left.
                if target.is_none() && begun.is_some_and(|begun| state.conn.pushes_ended(begun)) {
                    target = Some(ended);
                    if taken < ended {
                        state.conn.ping();
                    }
                }
                if target.is_some_and(|target| taken >= target) {
                    return Poll::Ready(Ok(()));
                }
                state.flushers.wait(&mut waits.place, cx.waker());
                Poll::Pending
            })
        })
        .await
    }
}

/// The place of one who waits for pushes to be taken; left when dropped.
struct Flushing<'a> {
    shared: &'a Shared,
    place: Place,
}

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        self.shared.state.lock().flushers.leave(self.place);
    }
}

impl State {
    pub(crate) fn lane_for(&mut self, route: OpenRoute<'_>) -> u32 {
        match route {
            OpenRoute::Spec(spec) => self.lane(spec),
            OpenRoute::Name(name) | OpenRoute::PassedOn(name) => raw_lane(name),
        }
    }

    fn pusher_waits(&mut self, lane: u32, waiter: &mut Option<(&mut Place, &Waker)>) {
        match waiter {
            Some((place, waker)) => self.pushers.wait(lane, place, waker),
            None => self.room_unwanted(lane),
        }
    }

    /// The peer may have been asked for room that nobody wants any more: the promise is kept (wire 7.8).
    pub(super) fn room_unwanted(&mut self, lane: u32) {
        if self.pushers.nobody(lane) {
            self.conn.push_unwanted(lane);
        }
    }

    /// It was sent, or is not wanted any more: the next of its lane may look.
    fn pusher_leaves(&mut self, lane: u32, waiter: &mut Option<(&mut Place, &Waker)>) {
        let Some((place, _)) = waiter else { return };
        let place = std::mem::take(*place);
        if place != Place::default() {
            self.pusher_left |= self.pushers.leave(place);
            self.room_unwanted(lane);
        }
    }

    fn step<M: Message>(
        &mut self,
        pushing: Pushing<'_>,
        message: &M,
        waiter: &mut Option<(&mut Place, &Waker)>,
    ) -> Result<Step, Status> {
        self.conn.check_push(&pushing)?;
        let place = waiter.as_ref().map(|(place, _)| **place);
        if !self.pushers.is_turn(pushing.lane, place) {
            self.pusher_waits(pushing.lane, waiter);
            return Ok(Step::Full("earlier pushes of the same lane wait"));
        }
        match self.conn.push_room(&pushing) {
            PushRoom::Full(why) => {
                self.pusher_waits(pushing.lane, waiter);
                Ok(Step::Full(why))
            }
            PushRoom::Large => Ok(Step::EncodeOutside),
            PushRoom::InPlace if outside::is_coming::<M>() => Ok(Step::EncodeOutside),
            PushRoom::InPlace => {
                let pushed = self.conn.push_in_place(pushing, |out| message.encode(out));
                pushed.map_err(|error| Status::from(error).not_run())?;
                self.pusher_leaves(pushing.lane, waiter);
                Ok(Step::Sent)
            }
        }
    }
}

/// The lane of a push by route: always the same for a service, so that its order holds, and one of those that every
/// receiver has. A table would grow with the names that a proxy hands through.
fn raw_lane(route: &str) -> u32 {
    let service = route.rsplit_once('/').map_or(route, |(service, _)| service);
    // FNV-1a: short names, and no secret.
    let hash = service
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash >> 16) % Settings::initial().lanes
}

#[cfg(test)]
mod tests {
    use super::raw_lane;

    #[test]
    fn pushes_by_route_have_one_lane_a_service_and_use_all_that_every_receiver_has() {
        assert_eq!(raw_lane("chat.v1.Chat/Typing"), raw_lane("chat.v1.Chat/Left"));
        let mut lanes: Vec<u32> = (0..64).map(|n| raw_lane(&format!("some.v{n}.Service/Note"))).collect();
        lanes.sort_unstable();
        lanes.dedup();
        assert_eq!(lanes, [0, 1, 2, 3]);
        assert!(raw_lane("") < 4 && raw_lane("no slash") < 4);
    }
}
