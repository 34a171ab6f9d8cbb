//! Large pushes that are passed on as they come. Begun by the runner in the push's turn; those of its lane wait behind it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context as Cx, Poll};

use bytes::{Bytes, BytesMut};

use super::super::Shared;
use super::super::runs::{Resolved, Runs};
use super::super::wakers::Place;
use crate::context::Context;
use crate::fallback::wait_to_push;
use crate::frame::RouteRef;
use crate::message::Coming;
use crate::proto::{Came, ComingPush, InboundPush};
use crate::{Caller, Push, Status};

/// A push of the peer's, which is under way. Dropped early, the rest of it is read past.
#[derive(Debug)]
pub(crate) struct IncomingPush {
    shared: Arc<Shared>,
    lane: u32,
    push: ComingPush,
    place: Place,
}

impl IncomingPush {
    pub(in crate::session) fn new(shared: &Arc<Shared>, lane: u32, push: ComingPush) -> Self {
        Self { shared: Arc::clone(shared), lane, push, place: Place::default() }
    }

    fn poll(&mut self, cx: &mut Cx<'_>) -> Poll<Came> {
        let Self { shared, lane, push, place } = self;
        shared.with_little(|state| match state.conn.push_piece(*lane, push.serial) {
            Came::Wait => {
                state.flushers.wait(place, cx.waker());
                Poll::Pending
            }
            came => Poll::Ready(came),
        })
    }

    /// All of it, for who does not pass it on. `None`: it broke off.
    pub(crate) async fn whole(mut self) -> Option<Bytes> {
        let mut gathered = BytesMut::new();
        loop {
            match poll_fn(|cx| self.poll(cx)).await {
                Came::Part(bytes) => gathered.extend_from_slice(&bytes),
                Came::Last(bytes) if gathered.is_empty() => return Some(bytes),
                Came::Last(bytes) => {
                    gathered.extend_from_slice(&bytes);
                    return Some(gathered.freeze());
                }
                Came::Broken(_) | Came::Wait => return None,
            }
        }
    }
}

impl Drop for IncomingPush {
    fn drop(&mut self) {
        let Self { shared, lane, push, place } = self;
        shared.with(|state| {
            state.flushers.leave(*place);
            state.conn.leave_push(*lane, *push);
        });
    }
}

/// A push of ours that was begun. Dropped before its end it breaks off.
pub(crate) struct BegunPush {
    shared: Arc<Shared>,
    lane: u32,
    place: Option<u64>,
}

impl BegunPush {
    /// The one that has just been sent in this lane.
    pub(crate) fn new(shared: Arc<Shared>, lane: u32) -> Self {
        let place = shared.state.lock().conn.push_on_its_way(lane);
        Self { shared, lane, place }
    }

    fn came(&self, bytes: Bytes) -> Result<(), Status> {
        let goes = self
            .place
            .is_some_and(|place| self.shared.with(|state| state.conn.push_came(self.lane, place, bytes)));
        match goes {
            true => Ok(()),
            false => Err(Status::unavailable("the next hop takes no more of the push")),
        }
    }
}

impl Drop for BegunPush {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.shared.with(|state| state.conn.break_push(self.lane, place));
        }
    }
}

/// Passes a push on that is under way. It is begun where it goes as soon as there is room for all of it.
pub(crate) async fn pass_push(ctx: &Context, to: &Caller, mut push: IncomingPush) -> Result<(), Status> {
    let route = ctx.route().to_owned();
    let begun = Push::<Coming>::raw(to.clone(), route, Coming(push.push.len));
    let begun = begun.all_metadata(ctx.metadata().clone());
    let begun = begun.forwarding(ctx.block(), ctx.peer_addr().to_string()).no_timeout();
    let begun = wait_to_push(ctx, to, begun.open()).await?;
    loop {
        match poll_fn(|cx| push.poll(cx)).await {
            Came::Part(bytes) => begun.came(bytes)?,
            Came::Last(bytes) => return begun.came(bytes),
            // Whoever pushed it gave it up: so it is where it went.
            Came::Broken(_) | Came::Wait => return Ok(()),
        }
    }
}

impl Runs {
    /// A push that is under way, if it is of a route that nobody serves, but a fallback: it may be passed on as it comes.
    pub(in crate::session) fn take_begun_push(
        &self,
        shared: &Shared,
        lane: u32,
        serial: u64,
    ) -> Option<InboundPush> {
        if !shared.router.has_fallback_push() {
            return None;
        }
        let served = match shared.state.lock().conn.push_begun(lane, serial)? {
            RouteRef::Number(number) => {
                let queue = self.queue.lock();
                !matches!(queue.targets.get(usize::from(number)), Some(Resolved::Unknown(_)))
            }
            RouteRef::Name(name) => shared.router.find(name.as_str()).is_some(),
        };
        if served { None } else { shared.state.lock().conn.take_begun_push(lane, serial) }
    }
}
