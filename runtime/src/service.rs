//! How generated code meets the runtime: a service's methods by number, a call on its way into one, and the handler that it
//! becomes. Called by the runner; named by generated code only.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, Waker, ready};

use crate::context::{BoxFuture, CallCore, Context};
use crate::session::Responder;
use crate::{Message, RecvStream, SendStream, ServiceSpec, Status};

/// A service of generated code: what it is, and how its methods are called.
pub trait Service: Send + Sync + 'static {
    /// Its name and methods.
    fn spec(&self) -> &'static ServiceSpec;
    /// Runs the method with this place in the spec.
    fn dispatch(&self, method: usize, call: Incoming) -> Handling;
}

/// A call or push on its way into a handler. Named by generated code.
pub struct Incoming {
    pub(crate) core: Arc<CallCore>,
    pub(crate) payload: bytes::Bytes,
    /// `None` for a push.
    pub(crate) responder: Option<Responder>,
    /// For a push.
    pub(crate) shell: Option<Shell>,
}

/// A handler at work, or one that is done already. Named by generated code.
#[must_use]
pub struct Handling(pub(crate) Handled);

/// How far a handler has come.
pub(crate) enum Handled {
    /// It is done. What a push leaves is for the next one.
    Done(Option<Shell>),
    /// Not polled yet.
    Begun(BoxFuture),
    /// Polled once, and not done.
    Polled(BoxFuture),
}

impl Handling {
    pub(crate) fn done() -> Self {
        Self(Handled::Done(None))
    }

    pub(crate) fn future(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Handled::Begun(Box::pin(future)))
    }

    pub(crate) fn into_future(self) -> Option<BoxFuture> {
        match self.0 {
            Handled::Done(_) => None,
            Handled::Begun(future) | Handled::Polled(future) => Some(future),
        }
    }
}

/// Where the future of a push's handler lay: the next push of the method needs no memory for its own. It is a `PushFuture`.
pub(crate) type Shell = Box<dyn Any + Send>;

/// The handler of a push. Pinned within, so that it can be told by its type and be used again. Its error is counted and
/// traced, never sent; a handler that does not come to its end, because it panics, is counted too.
struct PushFuture<F>(Pin<Box<Option<F>>>);

impl<F> Drop for PushFuture<F> {
    fn drop(&mut self) {
        if let (Some(_), Some(context)) = (&*self.0, Context::current()) {
            context.session().shared().push_failed();
        }
    }
}

impl<F> PushFuture<F>
where
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    /// Polls a handler for the first time, with a waker that does nothing: it is polled again if it is not done.
    fn begin(future: F, shell: Option<Shell>) -> Handling {
        let mut place = match shell.map(Shell::downcast::<Self>) {
            Some(Ok(place)) => place,
            _ => Box::new(Self(Box::pin(None))),
        };
        place.0.set(Some(future));
        let polled =
            catch_unwind(AssertUnwindSafe(|| place.poll_handler(&mut Cx::from_waker(Waker::noop()))));
        Handling(match polled {
            Ok(Poll::Ready(())) => Handled::Done(Some(place)),
            Ok(Poll::Pending) => Handled::Polled(Box::into_pin(place)),
            Err(panic) => {
                // One more in a destructor would otherwise be one too many.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(place)));
                resume_unwind(panic);
            }
        })
    }

    fn poll_handler(&mut self, cx: &mut Cx<'_>) -> Poll<()> {
        let Some(handler) = self.0.as_mut().as_pin_mut() else { return Poll::Ready(()) };
        let result = ready!(handler.poll(cx));
        self.0.set(None);
        if let (Err(status), Some(context)) = (result, Context::current()) {
            push_failed(&context, &status);
        }
        Poll::Ready(())
    }
}

impl<F> Future for PushFuture<F>
where
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<()> {
        self.get_mut().poll_handler(cx)
    }
}

impl Incoming {
    /// One message in, one back.
    pub fn unary<Q, R, F>(self, handler: impl FnOnce(Context, Q) -> F + Send + 'static) -> Handling
    where
        Q: Message,
        R: Message,
        F: Future<Output = Result<R, Status>> + Send + 'static,
    {
        let Self { core, payload, responder, .. } = self;
        let Some(responder) = responder else { return Handling::done() };
        match Q::decode(payload) {
            Ok(request) => Handling::future(async move {
                let result = handler(Context::of(core), request).await;
                responder.finish(result);
            }),
            Err(status) => {
                responder.refuse(status);
                Handling::done()
            }
        }
    }

    /// One message in, none back. An `Err` is traced, never sent.
    pub fn push<Q, F>(self, handler: impl FnOnce(Context, Q) -> F + Send + 'static) -> Handling
    where
        Q: Message,
        F: Future<Output = Result<(), Status>> + Send + 'static,
    {
        let Self { core, payload, shell, .. } = self;
        let context = Context::of(core);
        let under_way = PushUnderWay::new(&context);
        let decoded = Q::decode(payload);
        under_way.done(Ok(()));
        match decoded {
            Ok(request) => PushFuture::begin(handler(context, request), shell),
            Err(status) => {
                context.session().shared().with(|state| state.conn.push_dropped());
                trace_push(&context, &status);
                Handling::done()
            }
        }
    }

    /// One message in, many back: to come.
    pub fn server_stream<Q, R, F>(
        self,
        _: impl FnOnce(Context, Q, SendStream<R>) -> F + Send + 'static,
    ) -> Handling
    where
        Q: Message,
        R: Message,
        F: Future<Output = Result<(), Status>> + Send + 'static,
    {
        self.no_streams()
    }

    /// Many messages in, one back: to come.
    pub fn client_stream<Q, R, F>(
        self,
        _: impl FnOnce(Context, RecvStream<Q>) -> F + Send + 'static,
    ) -> Handling
    where
        Q: Message,
        R: Message,
        F: Future<Output = Result<R, Status>> + Send + 'static,
    {
        self.no_streams()
    }

    /// Many messages both ways: to come.
    pub fn bidi<Q, R, F>(
        self,
        _: impl FnOnce(Context, RecvStream<Q>, SendStream<R>) -> F + Send + 'static,
    ) -> Handling
    where
        Q: Message,
        R: Message,
        F: Future<Output = Result<(), Status>> + Send + 'static,
    {
        self.no_streams()
    }

    fn no_streams(self) -> Handling {
        if let Some(responder) = self.responder {
            responder.refuse(crate::stream::not_yet());
        }
        Handling::done()
    }

    /// There is no such method.
    pub fn unimplemented(self) -> Handling {
        if let Some(responder) = self.responder {
            responder.refuse(Status::unimplemented("no such method"));
        }
        Handling::done()
    }
}

/// A push whose handler is at work. Its error is counted and traced, never sent; a handler that does not come to its end,
/// because it panics, is counted too.
pub(crate) struct PushUnderWay<'a>(Option<&'a Context>);

impl<'a> PushUnderWay<'a> {
    pub(crate) fn new(context: &'a Context) -> Self {
        Self(Some(context))
    }

    pub(crate) fn done(mut self, result: Result<(), Status>) {
        if let (Some(context), Err(status)) = (self.0.take(), result) {
            push_failed(context, &status);
        }
    }
}

impl Drop for PushUnderWay<'_> {
    fn drop(&mut self) {
        if let Some(context) = self.0 {
            context.session().shared().push_failed();
        }
    }
}

fn push_failed(context: &Context, status: &Status) {
    context.session().shared().push_failed();
    trace_push(context, status);
}

fn trace_push(context: &Context, status: &Status) {
    tracing::warn!(route = context.route(), peer = %context.peer_addr(), %status, "a push failed");
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("call", &self.core).finish_non_exhaustive()
    }
}

impl fmt::Debug for Handling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handling").field("done", &matches!(self.0, Handled::Done(_))).finish()
    }
}
