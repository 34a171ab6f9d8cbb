//! What becomes of routes that nobody serves: values, with their bytes as they came. Called by the router.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;

use crate::context::{CallCore, Context};
use crate::proto::{Shape, StreamKey};
use crate::service::{Handling, PushUnderWay};
use crate::session::pieces::{IncomingPush, pass_call, pass_push};
use crate::session::relay::pass_on;
use crate::session::streams::StreamHandle;
use crate::session::{Held, Responder, Runs};
use crate::stream::{Carriage, pump_bidi, pump_client_stream, pump_server_stream};
use crate::{Call, Caller, Error, Message, MethodKind, Open, Raw, RecvStream, SendStream, Status};

/// A call or push of a route that nobody serves, not decoded.
///
/// A call's bytes count towards `receive_budget` until this is dropped, or was passed on and they have left.
///
/// A call that sends items has an [input](Self::take_input), one that expects items an [output](Self::take_output): the
/// fallback of such a call sends its answers there, and the bytes that it returns are not looked at.
#[derive(Debug)]
pub struct RawCall {
    core: Arc<CallCore>,
    payload: Raw,
    kind: MethodKind,
    input: Option<RecvStream<Raw>>,
    output: Option<SendStream<Raw>>,
    /// What its bytes were charged: free again when they are gone.
    held: Option<Held>,
}

impl RawCall {
    pub(crate) fn of_push(core: &Arc<CallCore>, payload: Raw) -> Self {
        Self {
            core: Arc::clone(core),
            payload,
            kind: MethodKind::Push,
            input: None,
            output: None,
            held: None,
        }
    }

    pub(crate) fn of_call(
        core: &Arc<CallCore>,
        (shape, payload): (Shape, Raw),
        stream: Option<StreamKey>,
    ) -> Self {
        let handle = stream.map(|key| StreamHandle::new(core.session().shared(), key));
        let input = handle.as_ref().filter(|_| !shape.has_request()).map(StreamHandle::other);
        let output = handle.filter(|_| shape.answers_with_items());
        Self {
            core: Arc::clone(core),
            payload,
            kind: shape.into(),
            input: input.map(RecvStream::new),
            output: output.map(|handle| SendStream::of_handler(handle, Arc::clone(core))),
            held: None,
        }
    }

    /// It waits here: what it was charged is not given back before its bytes have gone.
    fn hold(&mut self, cost: u64) {
        self.held = Runs::hold(self.core.session().shared(), cost);
    }

    /// Its bytes, with what they were charged.
    fn into_payload(self) -> Raw {
        match self.held {
            Some(held) => Raw(held.with(self.payload.0)),
            None => self.payload,
        }
    }

    /// What it was called as.
    #[must_use]
    pub fn kind(&self) -> MethodKind {
        self.kind
    }

    /// The items of a call that sends items, once.
    pub fn take_input(&mut self) -> Option<RecvStream<Raw>> {
        self.input.take()
    }

    /// Where the answers go of a call that expects items, once.
    pub fn take_output(&mut self) -> Option<SendStream<Raw>> {
        self.output.take()
    }

    /// `package.Service/Method`, as it came.
    #[must_use]
    pub fn route(&self) -> &str {
        self.core.route()
    }

    /// The bytes of the message.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload.0
    }

    /// The message, if it is one of this type.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if it is not.
    pub fn decode<M: Message>(&self) -> Result<M, Status> {
        M::decode(self.payload.0.clone())
    }

    /// Calls the same route elsewhere, with the same bytes, metadata, deadline and trace, and answers with what comes back;
    /// items go on as they come, both ways.
    ///
    /// # Errors
    /// What the other end answered. That a call was not run is passed on only where it is certain.
    pub async fn forward(self, to: &Caller) -> Result<Raw, Status> {
        let context = Context::new(&self.core);
        let forwarded = context.scope(self.forward_to(&context, to)).await;
        forwarded.map_err(Status::mark_forwarded)
    }

    async fn forward_to(mut self, ctx: &Context, to: &Caller) -> Result<Raw, Status> {
        let kind = self.kind;
        let (input, output) = (self.input.take(), self.output.take());
        let payload = self.into_payload();
        let (to, route) = (to.clone(), ctx.route().to_owned());
        let (metadata, came, from) = (ctx.metadata().clone(), ctx.block(), ctx.peer_addr().to_string());
        // Over a connection that others call over too, who sends slowly would hold room that they wait for.
        let there = if to.is_own() { Carriage::InPieces } else { Carriage::Whole };
        let none =
            || Status::failed_precondition("the streams of the call were taken: it cannot be forwarded");
        match kind {
            MethodKind::Unary | MethodKind::Push => {
                let call = Call::<Raw, Raw>::raw(to, route, payload);
                let call = call.all_metadata(metadata).forwarding(came, from).no_timeout();
                let (reply, metadata) = call.with_metadata().await?;
                ctx.append_reply_metadata(&metadata);
                Ok(reply)
            }
            MethodKind::ServerStream => {
                let open = Open::raw(to, route, payload).all_metadata(metadata);
                let (open, output) = (open.forwarding(came, from).no_timeout(), output.ok_or_else(none)?);
                pump_server_stream(ctx, open, output, Carriage::InPieces).await?;
                Ok(Raw::default())
            }
            MethodKind::ClientStream => {
                let open = Open::raw(to, route, ()).all_metadata(metadata);
                let input = input.ok_or_else(none)?;
                let (reply, metadata) =
                    pump_client_stream(open.forwarding(came, from).no_timeout(), input, there).await?;
                ctx.append_reply_metadata(&metadata);
                Ok(reply)
            }
            MethodKind::Bidi => {
                let open = Open::raw(to, route, ()).all_metadata(metadata);
                let (input, output) = (input.ok_or_else(none)?, output.ok_or_else(none)?);
                let open = open.forwarding(came, from).no_timeout();
                pump_bidi(ctx, open, (input, output), (there, Carriage::InPieces)).await?;
                Ok(Raw::default())
            }
        }
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
        let push = push.forwarding(context.block(), context.peer_addr().to_string()).no_timeout();
        wait_to_push(&context, to, push).await
    }
}

/// A push that is passed on waits as long as its lane does. When nobody waits there any more, no longer than a push of our own.
pub(crate) async fn wait_to_push<T>(
    context: &Context,
    to: &Caller,
    push: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    let (limit, mut gone) = (to.default_timeout(), pin!(context.cancelled()));
    let mut push = pin!(push);
    let mut last = pin!(None);
    poll_fn(|cx| {
        if let Poll::Ready(sent) = push.as_mut().poll(cx) {
            return Poll::Ready(sent);
        }
        if last.is_none() && gone.as_mut().poll(cx).is_ready() {
            last.set(limit.map(tokio::time::sleep));
        }
        let Some(sleep) = last.as_mut().as_pin_mut() else { return Poll::Pending };
        let why = "the connection that it came by has ended, and there was no room in time";
        let limit = limit.unwrap_or_default();
        sleep.poll(cx).map(|()| Err(Status::from(Error::NotSent { limit, why }).not_run()))
    })
    .await
}

/// What answers calls of routes that nobody serves. A closure `Fn(Context, RawCall) -> impl Future` is one.
pub trait Fallback: Send + Sync + 'static {
    /// Answers the call.
    fn call(&self, ctx: &Context, call: RawCall) -> impl Future<Output = Result<Raw, Status>> + Send;

    /// Where a call goes that is to be passed on and nothing more: what [`RawCall::forward`] does, at a fraction of its cost,
    /// and a large answer as it comes. `None`: it goes to [`call`](Self::call). Asked for each call with one request, before all
    /// of that may be here; it must not block.
    fn forwards_to(&self, ctx: &Context) -> Option<Caller> {
        let _ = ctx;
        None
    }
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

    /// Where a push goes that is to be passed on and nothing more. A large one then goes on as it comes, to the upstream of a
    /// [`Proxy`](crate::Proxy). `None`: it goes to [`push`](Self::push). Asked for large ones, before all of it is here; it
    /// must not block.
    fn forwards_to(&self, ctx: &Context) -> Option<Caller> {
        let _ = ctx;
        None
    }
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
    /// `cost`: what the call was charged.
    fn handle(self: Arc<Self>, ctx: Context, call: RawCall, responder: Responder, cost: u64) -> Handling;

    /// Where a call goes, if it is to be passed on and nothing more.
    fn goes_to(&self, ctx: &Context) -> Option<Caller>;
}

impl<F: Fallback> ErasedFallback for F {
    fn handle(
        self: Arc<Self>,
        ctx: Context,
        mut call: RawCall,
        mut responder: Responder,
        cost: u64,
    ) -> Handling {
        let one_request = matches!(call.kind, MethodKind::Unary | MethodKind::ServerStream);
        let to = if one_request { self.forwards_to(&ctx) } else { None };
        if let (Some(to), MethodKind::Unary) = (&to, call.kind) {
            // What leaves at once is in the write buffer, which has a bound of its own.
            responder = match pass_on(&ctx, &call.payload, to.clone(), responder) {
                Ok(()) => return Handling::done(),
                Err(responder) => responder,
            };
        }
        call.hold(cost);
        let Some(to) = to else {
            return Handling::future(async move {
                let kind = call.kind();
                let result = Fallback::call(&*self, &ctx, call).await;
                responder.finish_forwarded(kind, result);
            });
        };
        if let Some(held) = &mut call.held {
            held.stand_in_line();
        }
        Handling::future(async move {
            if call.kind == MethodKind::ServerStream {
                let result = call.forward(&to).await;
                return responder.finish_forwarded(MethodKind::ServerStream, result);
            }
            let call = Call::<Raw, Raw>::raw(to, ctx.route().to_owned(), call.into_payload());
            pass_call(&ctx, call, None, responder).await;
        })
    }

    fn goes_to(&self, ctx: &Context) -> Option<Caller> {
        self.forwards_to(ctx)
    }
}

/// A [`FallbackPush`], its type forgotten.
pub(crate) trait ErasedFallbackPush: Send + Sync + 'static {
    fn handle(self: Arc<Self>, ctx: Context, push: RawCall) -> Handling;

    /// As that, of a push that is under way.
    fn handle_coming(self: Arc<Self>, ctx: Context, push: IncomingPush) -> Handling;
}

impl<F: FallbackPush> ErasedFallbackPush for F {
    fn handle(self: Arc<Self>, ctx: Context, push: RawCall) -> Handling {
        Handling::future(async move {
            let under_way = PushUnderWay::new(&ctx);
            let result = FallbackPush::push(&*self, &ctx, push).await;
            under_way.done(result);
        })
    }

    fn handle_coming(self: Arc<Self>, ctx: Context, push: IncomingPush) -> Handling {
        Handling::future(async move {
            // Over a connection that others push over too, who sends slowly would hold room that they wait for.
            if let Some(to) = self.forwards_to(&ctx).filter(Caller::is_own) {
                let under_way = PushUnderWay::new(&ctx);
                return under_way.done(pass_push(&ctx, &to, push).await);
            }
            // What broke off is none.
            let Some(bytes) = push.whole().await else { return };
            let under_way = PushUnderWay::new(&ctx);
            let push = RawCall::of_push(ctx.core(), Raw(bytes));
            let result = FallbackPush::push(&*self, &ctx, push).await;
            under_way.done(result);
        })
    }
}
