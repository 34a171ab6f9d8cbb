//! Which handler serves which route. Filled at start-up, read by the runner for each binding, call and push.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::context::{BoxFuture, CallCore, Context};
use crate::frame::shape::{method_shape, service_shape};
use crate::frame::{ServiceShape, Services};
use crate::session::Responder;
use crate::{Caller, Message, MethodKind, MethodSpec, Raw, RecvStream, SendStream, ServiceSpec, Status};

/// Routes to handlers: services, and what to do with routes that nobody serves.
///
/// ```
/// use protocall::{Context, Raw, RawCall, Router, Status};
///
/// async fn unknown(_: Context, call: RawCall) -> Result<Raw, Status> {
///     Err(Status::unimplemented(format!("no {} here", call.route())))
/// }
/// let router = Router::new().fallback(unknown);
/// ```
#[derive(Clone)]
#[must_use = "a router does nothing until a server or channel serves it"]
pub struct Router(Arc<Routes>);

#[derive(Clone)]
struct Routes {
    routes: HashMap<&'static str, Target>,
    services: Vec<&'static ServiceSpec>,
    fallback: Option<Arc<dyn ErasedFallback>>,
    fallback_push: Option<Arc<dyn ErasedFallbackPush>>,
}

/// A method of a service that is served.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) method: usize,
    pub(crate) spec: &'static MethodSpec,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.spec.route).finish()
    }
}

/// A route that a router has already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateRoute {
    /// The service that was added.
    pub service: &'static str,
    /// Its first route that is taken.
    pub route: &'static str,
}

impl fmt::Display for DuplicateRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, route } = self;
        write!(f, "service `{service}` is in the router already: its route `{route}` would be served twice")
    }
}

impl std::error::Error for DuplicateRoute {}

/// A service of generated code: what it is, and how its methods are called.
pub trait Service: Send + Sync + 'static {
    /// Its name and methods.
    fn spec(&self) -> &'static ServiceSpec;
    /// Runs the method with this place in the spec.
    fn dispatch(&self, method: usize, call: Incoming) -> Handling;
}

impl Router {
    /// Serves nothing: calls are answered UNIMPLEMENTED, pushes are dropped and counted.
    pub fn new() -> Self {
        Self(Arc::new(Routes {
            routes: HashMap::new(),
            services: Vec::new(),
            fallback: None,
            fallback_push: None,
        }))
    }

    /// Serves a service, such as a generated `ChatServer`.
    ///
    /// # Panics
    /// If the router serves it already; [`try_add`](Self::try_add) returns that.
    #[expect(clippy::should_implement_trait, reason = "the field's word for it, and nobody adds two routers")]
    #[track_caller]
    pub fn add(self, service: impl Service) -> Self {
        match self.try_add(service) {
            Ok(router) => router,
            Err(duplicate) => panic!("{duplicate}"),
        }
    }

    /// Serves a service, unless one of its routes is taken.
    ///
    /// # Errors
    /// The first route that is taken.
    pub fn try_add(mut self, service: impl Service) -> Result<Self, DuplicateRoute> {
        let spec = service.spec();
        let service: Arc<dyn Service> = Arc::new(service);
        let routes = Arc::make_mut(&mut self.0);
        for (method, method_spec) in spec.methods.iter().enumerate() {
            if routes.routes.contains_key(method_spec.route) {
                return Err(DuplicateRoute { service: spec.name, route: method_spec.route });
            }
            let target = Target { service: Arc::clone(&service), method, spec: method_spec };
            routes.routes.insert(method_spec.route, target);
        }
        routes.services.push(spec);
        Ok(self)
    }

    /// What answers calls of routes that nobody serves: a closure, or an own [`Fallback`].
    pub fn fallback(mut self, fallback: impl Fallback) -> Self {
        Arc::make_mut(&mut self.0).fallback = Some(Arc::new(fallback));
        self
    }

    /// What takes pushes of routes that nobody serves: a closure, or an own [`FallbackPush`].
    pub fn fallback_push(mut self, fallback: impl FallbackPush) -> Self {
        Arc::make_mut(&mut self.0).fallback_push = Some(Arc::new(fallback));
        self
    }

    /// The routes that are served, sorted.
    #[must_use]
    pub fn routes(&self) -> Vec<&'static str> {
        let mut routes: Vec<_> = self.0.routes.keys().copied().collect();
        routes.sort_unstable();
        routes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.routes.is_empty() && self.0.fallback.is_none() && self.0.fallback_push.is_none()
    }

    pub(crate) fn find(&self, route: &str) -> Option<Target> {
        self.0.routes.get(route).cloned()
    }

    /// What a HELLO says of it (wire 4.7).
    pub(crate) fn announce(&self) -> Option<Services> {
        if self.is_empty() {
            return None;
        }
        let fallback = self.0.fallback.is_some() || self.0.fallback_push.is_some();
        let list = self.0.services.iter().map(|spec| shape(spec)).collect();
        Some(Services { fallback, list })
    }

    pub(crate) fn unknown_call(&self, core: &Arc<CallCore>, payload: Raw, responder: Responder) -> Handling {
        match &self.0.fallback {
            Some(fallback) => {
                fallback.clone().handle(Context::new(core), RawCall::new(core, payload), responder)
            }
            None => {
                let context = Context::new(core);
                let route = context.route();
                responder.refuse(Status::unimplemented(format!("nobody serves `{route}` here")));
                Handling::done()
            }
        }
    }

    /// `None`: nobody takes it.
    pub(crate) fn unknown_push(&self, core: &Arc<CallCore>, payload: Raw) -> Option<Handling> {
        let fallback = self.0.fallback_push.as_ref()?;
        Some(fallback.clone().handle(Context::new(core), RawCall::new(core, payload)))
    }
}

impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("routes", &self.routes()).finish_non_exhaustive()
    }
}

/// The shape of a service, as a HELLO says it.
pub(crate) fn shape(spec: &ServiceSpec) -> ServiceShape {
    let methods: Vec<u64> = spec.methods.iter().map(|m| method_shape(m.route, kind_word(m.kind))).collect();
    ServiceShape { name: spec.name.to_owned(), shape: service_shape(&methods), methods }
}

/// A kind's word in shapes and errors (wire 4.7).
pub(crate) const fn kind_word(kind: MethodKind) -> &'static str {
    match kind {
        MethodKind::Unary => "unary",
        MethodKind::ServerStream => "server_stream",
        MethodKind::ClientStream => "client_stream",
        MethodKind::Bidi => "bidi",
        MethodKind::Push => "push",
    }
}

/// A call or push on its way into a handler. Named by generated code.
pub struct Incoming {
    pub(crate) core: Arc<CallCore>,
    pub(crate) payload: bytes::Bytes,
    /// `None` for a push.
    pub(crate) responder: Option<Responder>,
}

/// A handler at work, or one that is done already. Named by generated code.
#[must_use]
pub struct Handling(pub(crate) Option<BoxFuture>);

impl Handling {
    pub(crate) fn done() -> Self {
        Self(None)
    }

    fn future(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Some(Box::pin(future)))
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
        let Self { core, payload, responder } = self;
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
        let Self { core, payload, .. } = self;
        let context = Context::of(core);
        match Q::decode(payload) {
            Ok(request) => Handling::future(async move {
                let result = handler(context.clone(), request).await;
                push_result(&context, result);
            }),
            Err(status) => {
                context.session().shared().with(|state| state.conn.push_dropped());
                push_result(&context, Err(status));
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

fn push_result(context: &Context, result: Result<(), Status>) {
    if let Err(status) = result {
        tracing::warn!(route = context.route(), peer = %context.peer_addr(), %status, "a push failed");
    }
}

/// A call or push of a route that nobody serves, not decoded.
#[derive(Debug)]
pub struct RawCall {
    core: Arc<CallCore>,
    payload: Raw,
}

impl RawCall {
    fn new(core: &Arc<CallCore>, payload: Raw) -> Self {
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
        let mut call = crate::Call::<Raw, Raw>::raw(to.clone(), route, self.payload);
        call = call.all_metadata(context.metadata().clone()).forwarding(context.block());
        call = call.forwarded_for(context.peer_addr().to_string());
        let forwarded = context.scope(call.with_metadata()).await;
        let (reply, metadata) = forwarded.map_err(Status::mark_forwarded)?;
        for (key, value) in metadata.iter() {
            context.append_reply_metadata(key, value);
        }
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
        push.all_metadata(context.metadata().clone()).await
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

trait ErasedFallback: Send + Sync + 'static {
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

trait ErasedFallbackPush: Send + Sync + 'static {
    fn handle(self: Arc<Self>, ctx: Context, push: RawCall) -> Handling;
}

impl<F: FallbackPush> ErasedFallbackPush for F {
    fn handle(self: Arc<Self>, ctx: Context, push: RawCall) -> Handling {
        Handling::future(async move {
            let result = FallbackPush::push(&*self, &ctx, push).await;
            push_result(&ctx, result);
        })
    }
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
