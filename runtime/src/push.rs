//! What a client's push methods return: a one-way message that is sent when it is awaited. Made by generated clients.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, ready};
use std::time::Duration;

use crate::budget::poll_unit;
use crate::frame::Block;
use crate::request::{Phase, Request, RouteName, is_bound, request_setters};
use crate::session::pieces::BegunPush;
use crate::session::queue::Encoded;
use crate::session::wakers::Place;
use crate::session::{Fate, Pushed};
use crate::{Caller, Error, Message, Metadata, MethodSpec, Queued, Status, Timeout};

/// A one-way message: awaited, it waits for room in its lane and sends.
///
/// It is delivered at most once, in order with the other pushes of its service. That it was sent does not say that it
/// arrived: see [`Session::flushed`](crate::Session::flushed). It waits for room no longer than a call would for its
/// answer. [`try_send`](Self::try_send) and [`queue`](Self::queue) do not wait.
///
/// Made on a [`Group`](crate::Group) it goes to all who are in it, and never waits: awaited too it is
/// [queued](Self::queue) at each of them, and that somebody does not get it is no error.
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
pub struct Push<Q: Message>(Way<Q>);

/// How it goes.
enum Way<Q: Message> {
    /// As most do, which makes it small enough to be cheap: nothing was set, and it need not wait.
    Plain {
        caller: Caller,
        spec: &'static MethodSpec,
        message: Q,
    },
    Full(Box<Full<Q>>),
    Done,
}

/// What a push needs that has something beside its message, or waits.
struct Full<Q: Message> {
    request: Request<Q>,
    /// Among those who wait for room.
    place: Place,
}

impl<Q: Message> Push<Q> {
    pub(crate) fn new(caller: Caller, spec: &'static MethodSpec, message: Q) -> Self {
        Self(Way::Plain { caller, spec, message })
    }

    request_setters!();

    /// Sends it now, or not at all. A channel that has no connection does not make one. To a group it is
    /// [queued](Self::queue).
    ///
    /// # Errors
    /// With [`Error::NoRoom`] if it would have to wait, for room or for a channel's connection; [`Error::Closed`] on a
    /// session that is over; and as awaiting it.
    pub fn try_send(mut self) -> Result<(), Status> {
        if let Some(pushed) = self.push_at_once() {
            return pushed;
        }
        if self.request_mut().caller.is_many() {
            return self.send_to_many();
        }
        let request = self.request_mut();
        let Some(shared) = request.caller.session_now() else {
            return Err(Status::from(Error::NoRoom("there is no connection yet")).not_run());
        };
        request.begin();
        let block = request.take_block();
        let Some(message) = &request.message else { return Ok(()) };
        match shared.try_push(request.route.open(), &block, message, None)? {
            Pushed::Sent => Ok(()),
            Pushed::Full(why) => Err(Status::from(Error::NoRoom(why)).not_run()),
        }
    }

    /// Sends it without waiting: now if there is room, else it stands in the receiver's queue and goes as soon as there is.
    ///
    /// The queue is bounded by `push_queue` of the builders, for each receiver and service; when it is full,
    /// [`Overflow`](crate::Overflow) decides. A receiver that is slow so costs nobody else. The order among all pushes of a
    /// service is kept. On a group it goes to each that is in it, and is encoded once.
    ///
    /// ```
    /// # #[protocall::service(package = "news.v1")]
    /// # pub trait News {
    /// #     #[method(push)]
    /// #     async fn told(&self, ctx: &protocall::Context, text: protocall::Raw) -> Result<(), protocall::Status>;
    /// # }
    /// # fn tell(news: NewsClient) {
    /// let told = news.told("now or soon".into()).queue();
    /// println!("{} get it; {} were closed, they were too slow", told.reached(), told.closed);
    /// # }
    /// ```
    #[doc(alias = "broadcast")]
    pub fn queue(mut self) -> Queued {
        let mut queued = Queued::default();
        let encoded = match self.push_at_once() {
            Some(Ok(())) => {
                queued.count(Fate::Sent);
                return queued;
            }
            Some(Err(status)) => Err(status),
            None => self.encode(),
        };
        if let Err(status) = &encoded {
            tracing::error!(%status, "a push could not be encoded");
        }
        self.request_mut().caller.each_receiver(|receiver| {
            queued.count(match (&encoded, receiver) {
                (Ok(encoded), Some(receiver)) => receiver.queue_push(encoded),
                (Ok(_), None) => Fate::Gone,
                (Err(_), _) => Fate::Refused,
            });
        });
        queued
    }

    /// As it travels, for those who get it without waiting.
    fn encode(&mut self) -> Result<Arc<Encoded>, Status> {
        let request = self.request_mut();
        let block = match &request.phase {
            // It was polled before, and waited.
            Phase::On { block, .. } => block.clone(),
            _ => {
                request.begin();
                request.take_block()
            }
        };
        let Some(message) = &request.message else { panic!("a push was polled after it was done") };
        Encoded::new(request.route.clone(), block, message).map_err(|error| Status::from(error).not_run())
    }

    /// To many: it is queued at each of them.
    fn send_to_many(&mut self) -> Result<(), Status> {
        let encoded = self.encode()?;
        let caller = &self.request_mut().caller;
        caller.each_receiver(|receiver| {
            if let Some(receiver) = receiver {
                receiver.queue_push(&encoded);
            }
        });
        Ok(())
    }

    fn request_mut(&mut self) -> &mut Request<Q> {
        &mut self.full().request
    }

    fn full(&mut self) -> &mut Full<Q> {
        if !matches!(self.0, Way::Full(_)) {
            let Way::Plain { caller, spec, message } = std::mem::replace(&mut self.0, Way::Done) else {
                panic!("a push was polled after it was done");
            };
            let request = Request::new(caller, RouteName::Spec(spec), message);
            self.0 = Way::Full(Box::new(Full { request, place: Place::default() }));
        }
        match &mut self.0 {
            Way::Full(full) => full,
            Way::Plain { .. } | Way::Done => unreachable!("it was made one"),
        }
    }
}

impl<Q: Message> Push<Q> {
    pub(crate) fn raw(caller: Caller, route: String, message: Q) -> Self {
        let request = Request::new(caller, RouteName::Name(route), message);
        Self(Way::Full(Box::new(Full { request, place: Place::default() })))
    }

    /// Takes over what a push that is forwarded had beside its metadata, and adds the address that it came from.
    pub(crate) fn forwarding(mut self, came: Option<&Block>, from: String) -> Self {
        self.request_mut().forward(came, from);
        self
    }

    /// Begins it, for who sends it as it comes.
    pub(crate) async fn open(mut self) -> Result<BegunPush, Status> {
        poll_fn(|cx| self.full().poll_sent(cx)).await?;
        let Way::Full(full) = &self.0 else { return Err(Status::internal("the push was not begun")) };
        let Phase::On { shared, .. } = &full.request.phase else {
            return Err(Status::internal("the push was not begun"));
        };
        let lane = shared.state.lock().lane_for(full.request.route.open());
        Ok(BegunPush::new(Arc::clone(shared), lane))
    }
}

impl<Q: Message> Future for Push<Q> {
    type Output = Result<(), Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let unit = ready!(poll_unit(cx));
        let polled = match this.push_at_once() {
            Some(pushed) => Poll::Ready(pushed),
            None if this.request_mut().caller.is_many() => Poll::Ready(this.send_to_many()),
            None => this.full().poll_sent(cx),
        };
        if polled.is_ready() {
            unit.spent();
            // Nobody in its lane waits behind a push that is done.
            this.0 = Way::Done;
        }
        polled
    }
}

impl<Q: Message> Push<Q> {
    /// The way of most pushes: one that need not wait needs no time limit, no place among others and no clock.
    #[inline]
    fn push_at_once(&self) -> Option<Result<(), Status>> {
        let Way::Plain { caller, spec, message } = &self.0 else { return None };
        if is_bound(caller, spec.timeout) {
            return None;
        }
        caller.push_known(spec, message)
    }
}

impl<Q: Message> Full<Q> {
    fn poll_sent(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), Status>> {
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
}

impl<Q: Message> Unpin for Push<Q> {}

impl<Q: Message> Drop for Full<Q> {
    fn drop(&mut self) {
        if let Phase::On { shared, .. } = &self.request.phase {
            shared.drop_push(self.request.route.open(), self.place);
        }
    }
}

impl<Q: Message> fmt::Debug for Push<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let route = match &self.0 {
            Way::Plain { spec, .. } => spec.route,
            Way::Full(full) => full.request.route.name(),
            Way::Done => "",
        };
        f.debug_struct("Push").field("route", &route).finish_non_exhaustive()
    }
}
