//! A proxy that understands nothing of what passes: each connection that comes in has one upstream, and whatever either end
//! sends goes on to the other. It is a fallback, so a router can serve some routes itself and pass the rest on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use crate::session::Lock;
use crate::{Caller, Channel, Context, Error, Fallback, FallbackPush, Raw, RawCall, Router, Session, Status};

/// Passes calls, streams and pushes on to an upstream, and those of the upstream back, undecoded.
///
/// Each connection that comes in has one upstream of its own, made by its first call or push: so the upstream can call and
/// push back, and it loses its session when its client goes. If the upstream drains or ends, the client's connection is
/// drained: what ran is told how it ended, what was pushed is passed on, and then the client, who connects anew, gets a new
/// upstream. One that drains and never ends is waited for as long as the server's `drain_timeout` says. What needs no way
/// back may share one connection: [`Router::forward_to`].
///
/// Metadata, deadline, trace, codec, priority and status details pass unchanged, cancellation too, and the caller's address
/// is [added](Context::forwarded_for). A message or item is held until the next hop takes it, and its credit as long: who is
/// slow slows the sender behind, and nobody else. What is large goes on as it comes, fragment by fragment. That a call was not
/// run is passed on where it is certain.
///
/// ```
/// use protocall::{Channel, Proxy, Router};
///
/// let proxy = Proxy::new(|back| Channel::builder("tcp://10.0.0.7:7000").serve(back).connect_lazy());
/// let router = Router::new().fallback(proxy.clone()).fallback_push(proxy);
/// ```
#[derive(Clone)]
pub struct Proxy(Arc<Inner>);

struct Inner {
    connect: Box<dyn Fn(Router) -> Result<Channel, Error> + Send + Sync>,
    /// The upstream of each connection that came in and is there.
    upstreams: Lock<HashMap<Session, Channel>>,
}

impl Proxy {
    /// `connect` makes the upstream of a connection, which must serve the router that it is given: that passes on what comes
    /// back. Let it connect lazily: calls then wait for it within their time limits, and one that is made for nothing, because
    /// several calls come first at once, costs nothing.
    pub fn new(connect: impl Fn(Router) -> Result<Channel, Error> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { connect: Box::new(connect), upstreams: Lock::default() }))
    }

    /// The upstream of whoever calls, for a fallback of your own that passes some calls on.
    ///
    /// # Errors
    /// What making it failed with.
    pub fn upstream(&self, ctx: &Context) -> Result<Caller, Status> {
        let session = ctx.session();
        if let Some(upstream) = self.0.upstreams.lock().get(&session) {
            return Ok(Caller::from(upstream).own());
        }
        // With the lock released, since it is the user's.
        let back = Router::new().forward_to(Caller::from(&session).own());
        let upstream = (self.0.connect)(back).map_err(|error| Status::from(error).not_run())?;
        match self.0.upstreams.lock().entry(session.clone()) {
            // Another call was quicker: what was made here has not connected, and goes.
            Entry::Occupied(other) => return Ok(Caller::from(other.get()).own()),
            Entry::Vacant(place) => place.insert(upstream.clone()),
        };
        tokio::spawn(Arc::clone(&self.0).watch(session, upstream.clone()));
        Ok(Caller::from(upstream).own())
    }
}

impl Inner {
    /// Either connection ends with the other. What came and was taken is passed on before.
    async fn watch(self: Arc<Self>, session: Session, upstream: Channel) {
        let follows = async {
            let connection = upstream.takes_no_calls().await;
            // The client hears of it at once; what came from the upstream reaches it before the end.
            session.shared().with(|state| state.conn.hold_end());
            session.drain();
            let passed_on = async {
                connection.gone().await;
                connection.shared().runs.finished().await;
            };
            // An upstream may drain and never end. The client's own calls are waited for as ever.
            let _ = tokio::time::timeout(session.shared().config.drain_timeout, passed_on).await;
            session.shared().with(|state| state.conn.let_end());
        };
        {
            let (mut ended, mut follows) = (pin!(session.closed()), pin!(follows));
            poll_fn(|cx| match follows.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => ended.as_mut().poll(cx).map(|_| ()),
            })
            .await;
        }
        session.closed().await;
        session.shared().runs.finished().await;
        self.upstreams.lock().remove(&session);
        upstream.drain();
    }
}

impl Fallback for Proxy {
    async fn call(&self, ctx: &Context, call: RawCall) -> Result<Raw, Status> {
        call.forward(&self.upstream(ctx)?).await
    }

    fn forwards_to(&self, ctx: &Context) -> Option<Caller> {
        self.upstream(ctx).ok()
    }
}

impl FallbackPush for Proxy {
    async fn push(&self, ctx: &Context, push: RawCall) -> Result<(), Status> {
        push.forward_push(&self.upstream(ctx)?).await
    }

    fn forwards_to(&self, ctx: &Context) -> Option<Caller> {
        self.upstream(ctx).ok()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("connections", &self.0.upstreams.lock().len()).finish_non_exhaustive()
    }
}
