//! How generated code meets the runtime: a service's methods by number, a call on its way into one, and the handler that it
//! becomes. Called by the runner; named by generated code only.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::context::{BoxFuture, CallCore, Context};
use crate::proto::StreamKey;
use crate::pushes::{Pushes, PushesIn};
use crate::session::Responder;
use crate::session::streams::StreamHandle;
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
    /// The streams of a call that has any.
    pub(crate) stream: Option<StreamKey>,
    /// For pushes, whose payloads are in here.
    pub(crate) pushes: Option<PushesIn>,
}

/// A handler at work, or one that is done already. Named by generated code.
#[must_use]
pub struct Handling(Option<BoxFuture>);

impl Handling {
    pub(crate) fn done() -> Self {
        Self(None)
    }

    pub(crate) fn future(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Some(Box::pin(future)))
    }

    pub(crate) fn into_future(self) -> Option<BoxFuture> {
        self.0
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

    /// Messages in, none back, one after the other.
    pub fn push<Q, F>(self, handler: impl FnOnce(Pushes<Q>) -> F + Send + 'static) -> Handling
    where
        Q: Message,
        F: Future<Output = ()> + Send + 'static,
    {
        self.pushes.map_or_else(Handling::done, |pushes| Handling::future(handler(Pushes::new(pushes))))
    }

    /// One message in, many back.
    pub fn server_stream<Q, R, F>(
        self,
        handler: impl FnOnce(Context, Q, SendStream<R>) -> F + Send + 'static,
    ) -> Handling
    where
        Q: Message,
        R: Message,
        F: Future<Output = Result<(), Status>> + Send + 'static,
    {
        let Some((core, payload, responder, halves)) = self.into_stream() else { return Handling::done() };
        match Q::decode(payload) {
            Ok(request) => {
                let out = SendStream::of_handler(halves, Arc::clone(&core));
                Handling::future(async move {
                    let result = handler(Context::of(core), request, out).await;
                    responder.finish_stream(result);
                })
            }
            Err(status) => {
                responder.refuse(status);
                Handling::done()
            }
        }
    }

    /// Many messages in, one back.
    pub fn client_stream<Q, R, F>(
        self,
        handler: impl FnOnce(Context, RecvStream<Q>) -> F + Send + 'static,
    ) -> Handling
    where
        Q: Message,
        R: Message,
        F: Future<Output = Result<R, Status>> + Send + 'static,
    {
        let Some((core, _, responder, halves)) = self.into_stream() else { return Handling::done() };
        let input = RecvStream::new(halves);
        Handling::future(async move {
            let result = handler(Context::of(core), input).await;
            responder.finish(result);
        })
    }

    /// Many messages both ways.
    pub fn bidi<Q, R, F>(
        self,
        handler: impl FnOnce(Context, RecvStream<Q>, SendStream<R>) -> F + Send + 'static,
    ) -> Handling
    where
        Q: Message,
        R: Message,
        F: Future<Output = Result<(), Status>> + Send + 'static,
    {
        let Some((core, _, responder, halves)) = self.into_stream() else { return Handling::done() };
        let out = SendStream::of_handler(halves.other(), Arc::clone(&core));
        let input = RecvStream::new(halves);
        Handling::future(async move {
            let result = handler(Context::of(core), input, out).await;
            responder.finish_stream(result);
        })
    }

    fn into_stream(self) -> Option<(Arc<CallCore>, bytes::Bytes, Responder, StreamHandle)> {
        let Self { core, payload, responder, stream, .. } = self;
        let handle = StreamHandle::new(core.session().shared(), stream?);
        Some((core, payload, responder?, handle))
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

pub(crate) fn trace_push(context: &Context, status: &Status) {
    tracing::warn!(route = context.route(), peer = %context.peer_addr(), %status, "a push failed");
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("call", &self.core).finish_non_exhaustive()
    }
}

impl fmt::Debug for Handling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handling").field("done", &self.0.is_none()).finish()
    }
}
