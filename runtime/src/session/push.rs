//! A push of ours on a session: room in its lane, order, and when the peer has taken it. Called by
//! [`Push`](crate::Push).

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::Shared;
use super::responder::encode_outside;
use super::state::{State, note_waker};
use crate::proto::{OpenRoute, PushRoom, Pushing};
use crate::{Error, Message, Status};

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
    /// Sends a push if there is room. If not, and there is a waker, it is woken when there may be.
    pub(crate) fn try_push<M: Message>(
        self: &Arc<Self>,
        route: OpenRoute<'_>,
        block: &[u8],
        message: &M,
        waker: Option<&Waker>,
    ) -> Result<Pushed, Status> {
        let len = message.encoded_len();
        let step = self.with(|state| {
            let lane = state.lane_for(route);
            state.step(Pushing { route, lane, block, len }, message, waker)
        })?;
        match step {
            Step::Sent => Ok(Pushed::Sent),
            Step::Full(why) => Ok(Pushed::Full(why)),
            Step::EncodeOutside => {
                let bytes = encode_outside(message, len).map_err(|error| Status::from(error).not_run())?;
                self.with(|state| {
                    let lane = state.lane_for(route);
                    let pushing = Pushing { route, lane, block, len };
                    state.conn.check_push(&pushing)?;
                    // Another push may have taken the room meanwhile.
                    match state.conn.push_room(&pushing) {
                        PushRoom::Full(why) => {
                            state.note_pusher(waker);
                            Ok(Pushed::Full(why))
                        }
                        PushRoom::InPlace | PushRoom::Large => {
                            state.conn.push_large(pushing, bytes);
                            Ok(Pushed::Sent)
                        }
                    }
                })
            }
        }
    }

    /// Waits until the peer has taken all pushes that were sent before (wire 10.5).
    pub(crate) async fn flushed(&self) -> Result<(), Error> {
        let (begun, ..) = self.state.lock().conn.push_counts();
        let mut target = None;
        poll_fn(|cx| {
            self.with(|state| {
                if let Some(reason) = state.conn.ended() {
                    return Poll::Ready(Err(Error::Closed(reason.clone())));
                }
                let (_, ended, taken) = state.conn.push_counts();
                if target.is_none() {
                    if !state.conn.pushes_ended(begun) {
                        // A large one is on its way: look again when it has left.
                        note_waker(&mut state.pushers, cx.waker());
                        return Poll::Pending;
                    }
                    target = Some(ended);
                    if taken < ended {
                        state.conn.ping();
                    }
                }
                if target.is_some_and(|target| taken >= target) {
                    return Poll::Ready(Ok(()));
                }
                note_waker(&mut state.flushers, cx.waker());
                Poll::Pending
            })
        })
        .await
    }
}

impl State {
    fn lane_for(&mut self, route: OpenRoute<'_>) -> u32 {
        match route {
            OpenRoute::Spec(spec) => self.lane(spec),
            OpenRoute::Name(_) => 0,
        }
    }

    fn note_pusher(&mut self, waker: Option<&Waker>) {
        if let Some(waker) = waker {
            note_waker(&mut self.pushers, waker);
        }
    }

    fn step<M: Message>(
        &mut self,
        pushing: Pushing<'_>,
        message: &M,
        waker: Option<&Waker>,
    ) -> Result<Step, Status> {
        self.conn.check_push(&pushing)?;
        match self.conn.push_room(&pushing) {
            PushRoom::Full(why) => {
                self.note_pusher(waker);
                Ok(Step::Full(why))
            }
            PushRoom::Large => Ok(Step::EncodeOutside),
            PushRoom::InPlace => {
                let pushed = self.conn.push_in_place(pushing, |out| message.encode(out));
                pushed.map_err(|error| Status::from(error).not_run())?;
                Ok(Step::Sent)
            }
        }
    }
}
