//! What a client's push methods return: a one-way message that is sent when it is awaited. Made by generated clients.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Cx, Poll, ready};
use std::time::Duration;

use tokio::task::coop::poll_proceed;

use crate::frame::Block;
use crate::request::{Phase, Request, RouteName, request_setters};
use crate::session::Pushed;
use crate::session::wakers::Place;
use crate::{Caller, Error, Message, Metadata, MethodSpec, Raw, Status, Timeout};

/// A one-way message: awaited, it waits for room in its lane and sends.
///
/// It is delivered at most once, in order with the other pushes of its service. That it was sent does not say that it
/// arrived: see [`Session::flushed`](crate::Session::flushed). It waits for room no longer than a call would for its
/// answer.
///
/// ```
/// # #[protocall::service(package = "news.v1")]
/// # pub trait News {
/// #     #[method(push)]
/// #     async fn told(&self, ctx: &protocall::Context, text: protocall::Raw) -> Result<(), protocall::Status>;
/// # }
/// # async fn tell(news: NewsClient) -> Result<(), protocall::Status> {
/// news.told("now or later".into()).await?;
/// news.told("now or never".into()).try_send()?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// What failed at this end; the other end answers nothing. It was then not run:
/// [`Error::Deadline`](crate::Error::Deadline) without room in time, [`Error::Closed`](crate::Error::Closed) and
/// [`Error::Draining`](crate::Error::Draining), [`Error::MessageTooLarge`](crate::Error::MessageTooLarge), and what kept a
/// channel from connecting.
///
/// # Panics
/// If it is polled again after it was sent.
#[must_use = "a push does nothing unless it is awaited"]
pub struct Push<Q: Message> {
    request: Request<Q>,
    /// Among those who wait for room.
    place: Place,
}

impl<Q: Message> Push<Q> {
    pub(crate) fn new(caller: Caller, spec: &'static MethodSpec, message: Q) -> Self {
        Self { request: Request::new(caller, RouteName::Spec(spec), message), place: Place::default() }
    }

    request_setters!();

    /// Sends it now, or not at all. A channel that has no connection does not make one.
    ///
    /// # Errors
    /// With [`Error::NoRoom`] if it would have to wait, for room or for a channel's connection; [`Error::Closed`] on a
    /// session that is over; and as awaiting it.
    pub fn try_send(mut self) -> Result<(), Status> {
        let Some(shared) = self.request.caller.session_now() else {
            return Err(Status::from(Error::NoRoom("there is no connection yet")).not_run());
        };
        self.request.begin();
        let block = self.request.take_block();
        let Some(message) = &self.request.message else { return Ok(()) };
        match shared.try_push(self.request.route.open(), &block, message, None)? {
            Pushed::Sent => Ok(()),
            Pushed::Full(why) => Err(Status::from(Error::NoRoom(why)).not_run()),
        }
    }
}

impl Push<Raw> {
    pub(crate) fn raw(caller: Caller, route: String, message: Raw) -> Self {
        Self { request: Request::new(caller, RouteName::Name(route), message), place: Place::default() }
    }

    /// Takes over what a push that is forwarded had beside its metadata, and adds the address that it came from.
    pub(crate) fn forwarding(mut self, came: Option<&Block>, from: String) -> Self {
        self.request.forward(came, from);
        self
    }
}

impl<Q: Message> Future for Push<Q> {
    type Output = Result<(), Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        // Lets others run when it is time: whoever pushes in a loop need never wait for anything else.
        let unit = match SENT.get() % PUSHES_A_UNIT {
            0 => Some(ready!(poll_proceed(cx))),
            _ => None,
        };
        let polled = this.poll_sent(cx);
        if polled.is_ready() {
            SENT.set(SENT.get().wrapping_add(1));
            if let Some(unit) = unit {
                unit.made_progress();
            }
            // Nobody in its lane waits behind a push that is done.
            this.let_go();
        }
        polled
    }
}

impl<Q: Message> Push<Q> {
    fn poll_sent(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), Status>> {
        if let Some(pushed) = self.push_at_once() {
            return Poll::Ready(pushed);
        }
        let Self { request, place } = self;
        match request.poll_session(cx) {
            Poll::Ready(Ok(())) => {}
            other => return other,
        }
        let Phase::On { shared, block, .. } = &request.phase else { return Poll::Pending };
        let Some(message) = &request.message else { return Poll::Pending };
        match shared.try_push(request.route.open(), block, message, Some((place, cx.waker())))? {
            Pushed::Sent => Poll::Ready(Ok(())),
            Pushed::Full(why) => request.poll_expired(cx, why).map(Err),
        }
    }

    /// The way of most pushes: one that need not wait needs no time limit, no place among others and no clock.
    fn push_at_once(&mut self) -> Option<Result<(), Status>> {
        let Request { phase: Phase::Fresh, route: RouteName::Spec(spec), block: None, message, .. } =
            &self.request
        else {
            return None;
        };
        let message = message.as_ref()?;
        if self.request.is_bound() {
            return None;
        }
        let pushed = self.request.caller.session_now()?.push_known(spec, message)?;
        self.request.phase = Phase::Done;
        Some(pushed)
    }

    fn let_go(&mut self) {
        let phase = std::mem::replace(&mut self.request.phase, Phase::Done);
        if let Phase::On { shared, .. } = phase {
            shared.drop_push(self.request.route.open(), std::mem::take(&mut self.place));
        }
    }
}

/// Pushes that cost as much as one unit of a task's budget.
const PUSHES_A_UNIT: u32 = 4;

thread_local! {
    /// Pushes that were sent by tasks on this thread.
    static SENT: Cell<u32> = const { Cell::new(0) };
}

impl<Q: Message> Unpin for Push<Q> {}

impl<Q: Message> Drop for Push<Q> {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl<Q: Message> fmt::Debug for Push<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push").field("route", &self.request.route.name()).finish_non_exhaustive()
    }
}
