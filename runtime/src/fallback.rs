//! What becomes of routes that nobody serves: values, with their bytes as they came. Called by the router.

use std::future::Future;
use std::sync::Arc;

use crate::context::{CallCore, Context};
use crate::service::{Handling, PushUnderWay};
use crate::session::Responder;
use crate::{Caller, Message, Raw, Status};

/// A call or push of a route that nobody serves, not decoded.
#[derive(Debug)]
pub struct RawCall {
    core: Arc<CallCore>,
    payload: Raw,
}

impl RawCall {
    pub(crate) fn new(core: &Arc<CallCore>, payload: Raw) -> Self {
        Self { core: Arc::clone(core), payload }
    }

    /// `package.Service/Method`, as it came.
    #[must_use]
    pub fn route(&self) -> &str {
        self.core.route()
    }

    /// The bytes of the message.
    #[must_use]
    pub fn payload(&self) -> &bytes::Bytes {
        &self.payload.0
    }

    /// The message, if it is one of this type.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if it is not.
    pub fn decode<M: Message>(&self) -> Result<M, Status> {
        M::decode(self.payload.0.clone())
    }

    /// Calls the same route elsewhere, with the same bytes, metadata, deadline and trace, and answers with what comes back.
    ///
    /// # Errors
    /// What the other end answered. That a call was not run is passed on only where it is certain.
    pub async fn forward(self, to: &Caller) -> Result<Raw, Status> {
        let context = Context::new(&self.core);
        let route = context.route().to_owned();
        let call = crate::Call::<Raw, Raw>::raw(to.clone(), route, self.payload);
        let call = call.all_metadata(context.metadata().clone());
        let call = call.forwarding(context.block(), context.peer_addr().to_string());
        let forwarded = context.scope(call.with_metadata()).await;
        let (reply, metadata) = forwarded.map_err(Status::mark_forwarded)?;
        context.append_reply_metadata(&metadata);
        Ok(reply)
    }

    /// Pushes the same bytes elsewhere.
    ///
    /// # Errors
    /// As [`Push`](crate::Push) says.
    pub async fn forward_push(self, to: &Caller) -> Result<(), Status> {
        let context = Context::new(&self.core);
        let route = context.route().to_owned();
        let push = crate::Push::<Raw>::raw(to.clone(), route, self.payload);
        let push = push.all_metadata(context.metadata().clone());
        push.forwarding(context.block(), context.peer_addr().to_string()).await
    }
}

/// What answers calls of routes that nobody serves. A closure `Fn(Context, RawCall) -> impl Future` is one.
pub trait Fallback: Send + Sync + 'static {
    /// Answers the call.
    fn call(&self, ctx: &Context, call: RawCall) -> impl Future<Output = Result<Raw, Status>> + Send;
}

impl<F, Fut> Fallback for F
where
    F: Fn(Context, RawCall) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Raw, Status>> + Send,
{
    fn call(&self, ctx: &Context, call: RawCall) -> impl Future<Output = Result<Raw, Status>> + Send {
        self(ctx.clone(), call)
    }
}

/// What takes pushes of routes that nobody serves. A closure `Fn(Context, RawCall) -> impl Future` is one.
pub trait FallbackPush: Send + Sync + 'static {
    /// Takes the push. An `Err` is traced, never sent.
    fn push(&self, ctx: &Context, push: RawCall) -> impl Future<Output = Result<(), Status>> + Send;
}

impl<F, Fut> FallbackPush for F
where
    F: Fn(Context, RawCall) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Status>> + Send,
{
    fn push(&self, ctx: &Context, push: RawCall) -> impl Future<Output = Result<(), Status>> + Send {
        self(ctx.clone(), push)
    }
}

/// A [`Fallback`], its type forgotten.
pub(crate) trait ErasedFallback: Send + Sync + 'static {
    fn handle(self: Arc<Self>, ctx: Context, call: RawCall, responder: Responder) -> Handling;
}

impl<F: Fallback> ErasedFallback for F {
    fn handle(self: Arc<Self>, ctx: Context, call: RawCall, responder: Responder) -> Handling {
        Handling::future(async move {
            let result = Fallback::call(&*self, &ctx, call).await;
            responder.finish_forwarded(result);
        })
    }
}

/// A [`FallbackPush`], its type forgotten.
pub(crate) trait ErasedFallbackPush: Send + Sync + 'static {
    fn handle(self: Arc<Self>, ctx: Context, push: RawCall) -> Handling;
}

impl<F: FallbackPush> ErasedFallbackPush for F {
    fn handle(self: Arc<Self>, ctx: Context, push: RawCall) -> Handling {
        Handling::future(async move {
            let under_way = PushUnderWay::new(&ctx);
            let result = FallbackPush::push(&*self, &ctx, push).await;
            under_way.done(result);
        })
    }
}
