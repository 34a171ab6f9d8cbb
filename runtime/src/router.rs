//! Which handler serves which route. Filled at start-up, read by the runner for each binding, call and push.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::context::{CallCore, Context};
use crate::fallback::{ErasedFallback, ErasedFallbackPush};
use crate::frame::shape::{method_shape, service_shape};
use crate::frame::{ServiceShape, Services};
use crate::proto::{Shape, StreamKey};
use crate::service::{Handling, Service};
use crate::session::Responder;
use crate::session::burns::{Burns, Habit};
use crate::session::pieces::IncomingPush;
use crate::{Caller, Fallback, FallbackPush, MethodKind, MethodSpec, Raw, RawCall, ServiceSpec, Status};

/// Routes to handlers: services, and what to do with routes that nobody serves. Cheap to clone.
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

#[derive(Clone, Default)]
struct Routes {
    routes: HashMap<&'static str, Target>,
    services: Vec<&'static ServiceSpec>,
    fallback: Option<Arc<dyn ErasedFallback>>,
    fallback_push: Option<Arc<dyn ErasedFallbackPush>>,
    /// Of what answers unknown routes.
    burns: Arc<Burns>,
}

/// A method of a service that is served.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) method: usize,
    pub(crate) spec: &'static MethodSpec,
    burns: Arc<Burns>,
}

impl Target {
    pub(crate) fn habit(&self) -> Habit {
        self.burns.habit()
    }
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

impl Router {
    /// Serves nothing: calls are answered UNIMPLEMENTED, pushes are dropped and counted.
    pub fn new() -> Self {
        /// One block for all that serve nothing: most clients.
        static NOTHING: OnceLock<Arc<Routes>> = OnceLock::new();
        Self(Arc::clone(NOTHING.get_or_init(Arc::default)))
    }

    /// Serves a service, such as a generated `ChatServer`.
    ///
    /// # Panics
    /// If the router serves it already; [`try_add`](Self::try_add) returns that.
    #[expect(clippy::should_implement_trait, reason = "the field's word for it, and nobody adds two routers")]
    #[track_caller]
    pub fn add(mut self, service: impl Service) -> Self {
        match self.try_add(service) {
            Ok(()) => self,
            Err(duplicate) => panic!("{duplicate}"),
        }
    }

    /// Serves a service, unless one of its routes is taken: then the router is as it was. For services that are only known
    /// when the program runs.
    ///
    /// ```
    /// use protocall::{Context, Router, Status};
    ///
    /// #[protocall::service(package = "clock.v1")]
    /// trait Clock {
    ///     async fn now(&self, ctx: &Context, req: ()) -> Result<(), Status>;
    /// }
    /// struct Wall;
    /// impl Clock for Wall {
    ///     async fn now(&self, _: &Context, (): ()) -> Result<(), Status> {
    ///         Ok(())
    ///     }
    /// }
    /// let mut router = Router::new();
    /// assert!(router.try_add(ClockServer::new(Wall)).is_ok());
    /// let duplicate = router.try_add(ClockServer::new(Wall)).unwrap_err();
    /// assert_eq!(duplicate.route, "clock.v1.Clock/Now");
    /// ```
    ///
    /// # Errors
    /// The first route that is taken.
    pub fn try_add(&mut self, service: impl Service) -> Result<(), DuplicateRoute> {
        let spec = service.spec();
        let taken = spec.methods.iter().find(|method| self.0.routes.contains_key(method.route));
        if let Some(method) = taken {
            return Err(DuplicateRoute { service: spec.name, route: method.route });
        }
        let service: Arc<dyn Service> = Arc::new(service);
        let routes = Arc::make_mut(&mut self.0);
        for (method, method_spec) in spec.methods.iter().enumerate() {
            let service = Arc::clone(&service);
            let target = Target { service, method, spec: method_spec, burns: Arc::default() };
            routes.routes.insert(method_spec.route, target);
        }
        routes.services.push(spec);
        Ok(())
    }

    /// What answers calls of routes that nobody serves: a closure, or an own [`Fallback`].
    pub fn fallback(mut self, fallback: impl Fallback) -> Self {
        let routes = self.answer_unknown();
        routes.fallback = Some(Arc::new(fallback));
        self
    }

    /// What takes pushes of routes that nobody serves: a closure, or an own [`FallbackPush`].
    pub fn fallback_push(mut self, fallback: impl FallbackPush) -> Self {
        let routes = self.answer_unknown();
        routes.fallback_push = Some(Arc::new(fallback));
        self
    }

    /// To have a fallback set, which has habits of its own.
    fn answer_unknown(&mut self) -> &mut Routes {
        let routes = Arc::make_mut(&mut self.0);
        routes.burns = Arc::default();
        routes
    }

    /// Passes all calls, streams and pushes of routes that nobody serves here on, undecoded, over one connection for all who
    /// call. With [`Proxy`](crate::Proxy) each of them has one of its own, over which it can be called back.
    ///
    /// ```
    /// use protocall::{Channel, Error, Router};
    ///
    /// fn proxy() -> Result<Router, Error> {
    ///     Ok(Router::new().forward_to(Channel::builder("tcp://10.0.0.7:7000").connect_lazy()?))
    /// }
    /// ```
    pub fn forward_to(self, upstream: impl Into<Caller>) -> Self {
        let upstream = upstream.into();
        self.forward_by(move |_| Ok(upstream.clone()))
    }

    /// As [`forward_to`](Self::forward_to), to whom `choose` says. It is asked for each call, stream and push, which it must not
    /// hold up, and perhaps twice for one; what it fails with is the answer.
    ///
    /// ```
    /// use protocall::{Caller, Proxy, Router};
    ///
    /// fn by_service(rooms: Caller, rest: Proxy) -> Router {
    ///     Router::new().forward_by(move |ctx| match ctx.route().starts_with("room.v1.Room/") {
    ///         true => Ok(rooms.clone()),
    ///         false => rest.upstream(ctx),
    ///     })
    /// }
    /// ```
    pub fn forward_by<F>(self, choose: F) -> Self
    where
        F: Fn(&Context) -> Result<Caller, Status> + Send + Sync + 'static,
    {
        let choose = Arc::new(choose);
        self.fallback(ForwardBy(Arc::clone(&choose))).fallback_push(ForwardBy(choose))
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

    pub(crate) fn find(&self, route: &str) -> Option<&Target> {
        self.0.routes.get(route)
    }

    /// How much the handlers of a route burn.
    pub(crate) fn burns(&self, route: &str) -> &Burns {
        self.find(route).map_or(&self.0.burns, |target| &target.burns)
    }

    /// How much the handlers of unknown routes do.
    pub(crate) fn fallback_habit(&self) -> Habit {
        self.0.burns.habit()
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

    pub(crate) fn has_fallback(&self) -> bool {
        self.0.fallback.is_some()
    }

    /// Whom a large call of a route that nobody serves goes to as it comes, if to somebody to whom nobody else sends: who sends
    /// slowly would hold room there that others wait for.
    pub(crate) fn passes_as_it_comes(&self, ctx: &Context) -> Option<Caller> {
        self.0.fallback.as_ref()?.goes_to(ctx).filter(Caller::is_own)
    }

    pub(crate) fn unknown_call(
        &self,
        (core, stream): (&Arc<CallCore>, Option<StreamKey>),
        (shape, payload, cost): (Shape, Raw, u64),
        responder: Responder,
    ) -> Handling {
        match &self.0.fallback {
            Some(fallback) => {
                let call = RawCall::of_call(core, (shape, payload), stream);
                fallback.clone().handle(Context::new(core), call, responder, cost)
            }
            None => {
                let context = Context::new(core);
                let route = context.route();
                responder.refuse(Status::unimplemented(format!("nobody serves `{route}` here")));
                Handling::done()
            }
        }
    }

    pub(crate) fn has_fallback_push(&self) -> bool {
        self.0.fallback_push.is_some()
    }

    /// `None`: nobody takes it.
    pub(crate) fn unknown_coming(&self, core: &Arc<CallCore>, push: IncomingPush) -> Option<Handling> {
        Some(self.0.fallback_push.clone()?.handle_coming(Context::new(core), push))
    }

    /// `None`: nobody takes it.
    pub(crate) fn unknown_push(&self, core: &Arc<CallCore>, payload: Raw) -> Option<Handling> {
        let fallback = self.0.fallback_push.as_ref()?;
        Some(fallback.clone().handle(Context::new(core), RawCall::of_push(core, payload)))
    }
}

/// What [`Router::forward_by`] answers with.
struct ForwardBy<F>(Arc<F>);

impl<F> Fallback for ForwardBy<F>
where
    F: Fn(&Context) -> Result<Caller, Status> + Send + Sync + 'static,
{
    async fn call(&self, ctx: &Context, call: RawCall) -> Result<Raw, Status> {
        let upstream = (self.0)(ctx)?;
        call.forward(&upstream).await
    }

    fn forwards_to(&self, ctx: &Context) -> Option<Caller> {
        (self.0)(ctx).ok()
    }
}

impl<F> FallbackPush for ForwardBy<F>
where
    F: Fn(&Context) -> Result<Caller, Status> + Send + Sync + 'static,
{
    async fn push(&self, ctx: &Context, push: RawCall) -> Result<(), Status> {
        let upstream = (self.0)(ctx)?;
        push.forward_push(&upstream).await
    }

    fn forwards_to(&self, ctx: &Context) -> Option<Caller> {
        (self.0)(ctx).ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Raw, RawCall};

    #[test]
    fn routers_that_were_empty_share_nothing_that_was_added() {
        let unknown = async |_: Context, _: RawCall| Ok::<Raw, Status>(Raw::default());
        let [one, other] = [(); 2].map(|()| Router::new().fallback(unknown));
        assert!(one.has_fallback() && other.has_fallback() && Router::new().is_empty());
        assert!(!std::ptr::eq(one.burns("a.B/C"), other.burns("a.B/C")), "each has habits of its own");
    }
}
