//! What opens a stream at a caller, and the answer to a stream of requests. Made by generated clients.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context as Cx, Poll, ready};
use std::time::Duration;

use super::{RecvStream, SendStream};
use crate::call::read_answer;
use crate::frame::Block;
use crate::proto::{Half, Shape};
use crate::request::{Phase, Request, RouteName, request_setters};
use crate::session::CallWait;
use crate::session::streams::{Found, StreamHandle};
use crate::{Caller, Message, Metadata, MethodSpec, Status, Timeout};

/// A stream that opens when it is awaited. That does not wait for the other end: only, if need be, for a connection and for
/// room to call, no longer than a call would for its answer.
///
/// It gives a [`RecvStream`], or a [`SendStream`] with the [`Reply`] or the [`RecvStream`] of its answers.
///
/// A stream has no time limit but what is set by [`timeout`](Self::timeout), by the method's option, or by the handler that it
/// is opened in; that is then for the whole of it. (The answer to a stream of requests is waited for, once that is finished,
/// as long as the answer to any call.)
///
/// ```
/// # use protocall::{Caller, Raw, Status};
/// # #[protocall::service(package = "log.v1")]
/// # pub trait Log {
/// #     async fn tail(&self, ctx: &protocall::Context, from: Raw, out: protocall::SendStream<Raw>) -> Result<(), Status>;
/// #     async fn append(&self, ctx: &protocall::Context, lines: protocall::RecvStream<Raw>) -> Result<Raw, Status>;
/// # }
/// # async fn streams(log: LogClient) -> Result<(), Status> {
/// let mut lines = log.tail("yesterday".into()).await?;
/// while let Some(line) = lines.next().await? {
///     println!("{line:?}");
/// }
/// let (mut lines, reply) = log.append().metadata("host", "here").await?;
/// lines.send("all is well".into()).await?;
/// lines.finish().await?;
/// println!("{:?}", reply.await?);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// What kept it from being opened at this end; it was then not run. What the other end says of it is told by the halves.
///
/// # Panics
/// If it is polled again after it was opened.
#[must_use = "a stream does not open unless it is awaited"]
pub struct Open<Q: Message, S> {
    request: Request<Q>,
    halves: PhantomData<fn() -> S>,
}

impl<Q: Message, S> Open<Q, S> {
    pub(crate) fn new(caller: Caller, spec: &'static MethodSpec, message: Q) -> Self {
        Self::of(Request::new(caller, RouteName::Spec(spec), message))
    }

    fn of(mut request: Request<Q>) -> Self {
        request.opens_only = true;
        Self { request, halves: PhantomData }
    }

    request_setters!();

    fn request_mut(&mut self) -> &mut Request<Q> {
        &mut self.request
    }

    fn poll_opened(&mut self, shape: Shape, cx: &mut Cx<'_>) -> Poll<Result<StreamHandle, Status>> {
        let opened = ready!(self.request.poll_opened(shape, cx));
        if let Err(status) = opened {
            self.request.let_go();
            return Poll::Ready(Err(status));
        }
        let phase = std::mem::replace(&mut self.request.phase, Phase::Done);
        let Phase::On { shared, wait: Some(CallWait::Answer(number)), .. } = phase else {
            return Poll::Ready(Err(Status::internal("the stream was not opened")));
        };
        Poll::Ready(StreamHandle::of_caller(&shared, number))
    }

    fn sender<T>(&self, handle: StreamHandle, reply_within: Option<Duration>) -> SendStream<T> {
        SendStream::of_caller(handle, self.request.route.max_message(), reply_within)
    }
}

impl<Q: Message, S> Open<Q, S> {
    /// By route, with bytes for its messages.
    pub(crate) fn raw(caller: Caller, route: String, message: Q) -> Self {
        Self::of(Request::new(caller, RouteName::Name(route), message))
    }

    /// Takes over what a call that is forwarded had beside its metadata, and adds the address that it came from.
    pub(crate) fn forwarding(mut self, came: Option<&Block>, from: String) -> Self {
        self.request.forward(came, from);
        self
    }
}

impl<Q: Message, R: Message> Future for Open<Q, RecvStream<R>> {
    type Output = Result<RecvStream<R>, Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let opened = ready!(self.get_mut().poll_opened(Shape::ServerStream, cx));
        Poll::Ready(opened.map(RecvStream::new))
    }
}

impl<Q: Message, R: Message> Future for Open<(), (SendStream<Q>, Reply<R>)> {
    type Output = Result<(SendStream<Q>, Reply<R>), Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let handle = ready!(this.poll_opened(Shape::ClientStream, cx))?;
        // Without a limit of its own the answer has that of any call, once all was sent.
        let reply_within = if this.request.opens_only { this.request.limit } else { None };
        let sender = this.sender(handle.other(), reply_within);
        Poll::Ready(Ok((sender, Reply { handle: Some(handle), answer: PhantomData })))
    }
}

impl<Q: Message, R: Message> Future for Open<(), (SendStream<Q>, RecvStream<R>)> {
    type Output = Result<(SendStream<Q>, RecvStream<R>), Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let handle = ready!(this.poll_opened(Shape::Bidi, cx))?;
        Poll::Ready(Ok((this.sender(handle.other(), None), RecvStream::new(handle))))
    }
}

impl<Q: Message, S> Unpin for Open<Q, S> {}

impl<Q: Message, S> Drop for Open<Q, S> {
    fn drop(&mut self) {
        self.request.let_go();
    }
}

impl<Q: Message, S> fmt::Debug for Open<Q, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open").field("route", &self.request.route.name()).finish_non_exhaustive()
    }
}

/// The answer to a stream of requests. It may come before they are finished. Dropped, it cancels the call.
///
/// # Errors
/// What the other end answered; or, with [`Status::local`], what failed at this end.
///
/// # Panics
/// If it is polled again after it gave its answer.
#[must_use = "a call is cancelled if nobody awaits its answer"]
pub struct Reply<R> {
    handle: Option<StreamHandle>,
    answer: PhantomData<fn() -> R>,
}

impl<R: Message> Reply<R> {
    /// Gives the metadata of the answer too.
    pub fn with_metadata(self) -> ReplyWithMetadata<R> {
        ReplyWithMetadata(self)
    }

    fn poll_answer(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(R, Metadata), Status>> {
        let Some(handle) = &self.handle else { panic!("a reply was polled after it was done") };
        match ready!(handle.poll_read(&mut VecDeque::new(), cx.waker())) {
            Found::End(answer) => {
                self.let_go();
                Poll::Ready(read_answer(answer))
            }
            // Its call expects no items.
            Found::Items(_) => Poll::Ready(Err(Status::internal("items where one answer was to come"))),
        }
    }
}

impl<R> Reply<R> {
    fn let_go(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.let_go(Half::Reader);
        }
    }
}

impl<R: Message> Future for Reply<R> {
    type Output = Result<R, Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        self.get_mut().poll_answer(cx).map(|answer| answer.map(|(reply, _)| reply))
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl<R> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

/// A [`Reply`] that gives the answer's metadata too.
#[must_use = "a call is cancelled if nobody awaits its answer"]
#[derive(Debug)]
pub struct ReplyWithMetadata<R>(Reply<R>);

impl<R: Message> Future for ReplyWithMetadata<R> {
    type Output = Result<(R, Metadata), Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        self.get_mut().0.poll_answer(cx)
    }
}
