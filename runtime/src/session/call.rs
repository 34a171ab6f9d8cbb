//! A call of ours on a session: it waits for room, is encoded, waits for its answer. Called by [`Call`](crate::Call).

use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;

use super::Shared;
use super::clock;
use super::outside;
use super::state::State;
use super::waiters::Granted;
use crate::frame::RouteOut;
use crate::proto::{Kept, OpenRoute, Opening, Permit, Shape, cost_to};
use crate::{Message, Status};

/// What a call is waiting for. It must be given to [`Shared::drop_call`] if the caller goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallWait {
    /// Room: a place among those who wait.
    Room(u64),
    /// The answer: the call's number.
    Answer(u32),
}

/// A call that is to be made.
#[derive(Debug)]
pub(crate) struct Outgoing<'a, M> {
    pub(crate) route: OpenRoute<'a>,
    pub(crate) shape: Shape,
    /// How much of its time is left.
    pub(crate) left: Option<Duration>,
    pub(crate) limit: Option<Duration>,
    pub(crate) block: &'a [u8],
    pub(crate) message: &'a M,
    /// `message.encoded_len()`, taken before the lock.
    pub(crate) len: usize,
}

impl<M> Outgoing<'_, M> {
    pub(super) fn opening(&self) -> Opening<'_> {
        Opening {
            route: self.route,
            shape: self.shape,
            left: self.left,
            limit: self.limit,
            block: self.block,
            len: self.len,
        }
    }
}

/// How far a call came under one lock.
enum Step {
    Waits,
    Opened,
    /// It is too large to be encoded under the lock.
    EncodeOutside(Permit),
}

impl Shared {
    /// Opens a call that need not wait, as most. `None`: nothing was done, and [`advance_call`](Self::advance_call) tells why.
    #[inline(always)]
    pub(crate) fn open_plainly<M: Message>(
        &self,
        out: &Outgoing<'_, M>,
        wait: &mut Option<CallWait>,
        waker: &Waker,
    ) -> Option<Result<(), Status>> {
        let OpenRoute::Spec(spec) = out.route else { return None };
        let plain = out.shape == Shape::Unary && out.block.is_empty() && wait.is_none();
        if !plain || outside::is_coming::<M>() {
            return None;
        }
        let mut state = self.state.lock();
        if state.waiters.wait() {
            return None;
        }
        let (permit, route) = state.conn.reserve_plain(spec, out.len)?;
        let opened = state.open(out, wait, waker, (permit, route));
        debug_assert!(state.is_quiet(), "to open a call makes no events");
        let driver = state.park.rouse();
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
        Some(opened)
    }

    /// Begins a call, or goes on with one that waited for room. What it waits for now is left in `wait`, also if
    /// encoding the message panics.
    pub(crate) fn advance_call<M: Message>(
        self: &Arc<Self>,
        out: &Outgoing<'_, M>,
        wait: &mut Option<CallWait>,
        waker: &Waker,
    ) -> Result<(), Status> {
        let mut state = self.state.lock();
        let step = state.advance(out, wait, [waker; 2]);
        self.unlock(state);
        match step? {
            Step::Waits | Step::Opened => Ok(()),
            Step::EncodeOutside(permit) => self.open_large(out, permit, waker),
        }
    }

    fn open_large<M: Message>(
        self: &Arc<Self>,
        out: &Outgoing<'_, M>,
        permit: Permit,
        waker: &Waker,
    ) -> Result<(), Status> {
        let message =
            outside::encode(self, out.message, out.len).map_err(|error| Status::from(error).not_run())?;
        self.with(|state| {
            state.conn.check_open(out.route, out.len, out.block.len())?;
            state.set_caller(permit.number, waker);
            state.conn.open_large_call(clock::now(), permit, out.opening(), message);
            Ok(())
        })
    }

    /// The answer of call `number`, once.
    pub(crate) fn poll_answer(&self, number: u32, waker: &Waker) -> Poll<Kept> {
        self.with_little(|state| match state.conn.take_answer(number) {
            Some(answer) => {
                state.take_caller(number);
                Poll::Ready(answer)
            }
            None => {
                state.set_caller(number, waker);
                Poll::Pending
            }
        })
    }

    /// The caller goes: room is handed on, a call that is open is cancelled.
    pub(crate) fn drop_call(&self, wait: CallWait) {
        self.with(|state| match wait {
            CallWait::Room(key) => {
                if let Some(permit) = state.waiters.leave(key) {
                    state.conn.drop_permit(permit);
                }
                // It may have stood first: those behind it may go on now.
                state.regrant = true;
            }
            CallWait::Answer(number) => {
                state.take_caller(number);
                state.conn.give_up(number);
            }
        });
    }
}

impl State {
    /// As [`Shared::advance_call`], for a call of several that are opened under one lock. False: it is too large for that,
    /// and nothing was done. Nobody is woken by its answer until [`Shared::poll_answer`] asks for it.
    pub(crate) fn advance_among<M: Message>(
        &mut self,
        out: &Outgoing<'_, M>,
        wait: &mut Option<CallWait>,
        room: &Waker,
    ) -> Result<bool, Status> {
        if let Some(CallWait::Answer(_)) = wait {
            // Its encoding panicked, and somebody caught that: it has a number already.
            return Ok(true);
        }
        if !self.conn.fits_in_place(out.route, out.len, out.block.len()) {
            return Ok(false);
        }
        self.advance(out, wait, [room, Waker::noop()]).map(|_| true)
    }

    // Into both that use it: a call alone does not pay for pipelines, 80 instructions otherwise.
    #[inline(always)]
    fn advance<M: Message>(
        &mut self,
        out: &Outgoing<'_, M>,
        wait: &mut Option<CallWait>,
        [room, answer]: [&Waker; 2],
    ) -> Result<Step, Status> {
        let (len, block) = (out.len, out.block.len());
        let mut permit = None;
        if let Some(CallWait::Room(key)) = *wait {
            match self.waiters.poll(key, room) {
                None => return Ok(Step::Waits),
                Some(Granted::Recheck) => *wait = None,
                Some(Granted::Permit(granted)) => {
                    *wait = Some(CallWait::Answer(granted.number));
                    permit = Some(granted);
                }
            }
        }
        self.conn.check_open(out.route, len, block)?;
        let route = self.conn.route_out(out.route);
        let permit = match permit {
            Some(permit) => permit,
            None => match self.find_room(cost_to(route, len, block)) {
                Ok(permit) => permit,
                Err(cost) => {
                    *wait = Some(CallWait::Room(self.waiters.join(cost, room)));
                    if self.waiters.first_cost() == Some(cost) {
                        self.conn.ask_call_credit(cost);
                    }
                    return Ok(Step::Waits);
                }
            },
        };
        if outside::is_coming::<M>() || !self.conn.fits_in_place(out.route, len, block) {
            // From here on the number is given back by whoever drops the call, whatever happens.
            *wait = Some(CallWait::Answer(permit.number));
            return Ok(Step::EncodeOutside(permit));
        }
        self.open(out, wait, answer, (permit, route))?;
        Ok(Step::Opened)
    }

    /// Opens a call whose message is encoded under the lock.
    #[inline(always)]
    fn open<M: Message>(
        &mut self,
        out: &Outgoing<'_, M>,
        wait: &mut Option<CallWait>,
        answer: &Waker,
        (permit, route): (Permit, RouteOut<'_>),
    ) -> Result<(), Status> {
        // From here on the number is given back by whoever drops the call, whatever happens.
        *wait = Some(CallWait::Answer(permit.number));
        self.set_caller(permit.number, answer);
        let write = |buffer: &mut BytesMut| out.message.encode(buffer);
        let opened = self.conn.open_call_to(route, permit, out.opening(), write);
        opened.map_err(|error| {
            // The machine has taken the number back already.
            *wait = None;
            Status::from(error).not_run()
        })
    }

    /// A permit, or the cost that the call must wait for.
    #[inline]
    pub(super) fn find_room(&mut self, cost: u64) -> Result<Permit, u64> {
        if self.waiters.must_queue(cost) {
            return Err(cost);
        }
        self.conn.reserve_call(cost, self.waiters.keep(cost)).ok_or(cost)
    }
}
