//! What a handler is told about its call, and what it can tell in return. Made by the runner for each call and push.

mod current;
mod shared;

use std::any::TypeId;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::Poll;
use std::time::{Duration, Instant};

pub(crate) use self::current::{inherited, inherits};
pub(crate) use self::shared::CallCore;
use crate::frame::{Beside, Block, Text};
use crate::session::wakers::Place;
use crate::session::{Lock, Runs, clock};
use crate::transport::PeerAddr;
use crate::{Metadata, MethodSpec, Session};

/// What a handler knows of its call: who calls, until when, with which metadata; and its way to the other end.
///
/// Cheap to clone. Calls made while a handler is polled inherit its deadline and trace; what it spawns does so through
/// [`scope`](Self::scope).
///
/// ```
/// use protocall::{Context, Status};
///
/// async fn handle(ctx: &Context) -> Result<(), Status> {
///     let tenant = ctx.metadata().get_str("tenant").ok_or_else(|| Status::unauthenticated("who are you?"))?;
///     ctx.reply_metadata("served-for", tenant);
///     println!("{} from {}, {:?} left", ctx.route(), ctx.peer_addr(), ctx.remaining());
///     Ok(())
/// }
/// ```
///
/// A call whose caller gave up, whose deadline passed or whose connection ended has its handler dropped at its next
/// await. A push has no deadline, and its handler runs to its end; it is told when the connection ends.
#[derive(Clone)]
pub struct Context(Arc<CallCore>);

impl Context {
    pub(crate) fn new(core: &Arc<CallCore>) -> Self {
        Self(Arc::clone(core))
    }

    pub(crate) fn of(core: Arc<CallCore>) -> Self {
        Self(core)
    }

    fn detached_from_any_call(session: Session) -> Self {
        Self(Arc::new(CallCore {
            session,
            spec: None,
            unknown: None,
            beside: Beside::Nothing,
            deadline: None,
            live: Lock::default(),
            touched: AtomicBool::new(false),
        }))
    }

    /// A context outside of any call, for calling a service's trait through a client: no deadline, no metadata.
    #[must_use]
    pub fn client() -> Self {
        Self::detached_from_any_call(Session::none())
    }

    /// A context for calling a handler in a unit test: no deadline, no metadata, a session that is closed.
    #[must_use]
    pub fn test() -> Self {
        Self::client()
    }

    /// The session that the call came over: calls and pushes on it go back to the caller.
    #[must_use]
    pub fn session(&self) -> Session {
        self.0.session.clone()
    }

    /// Where the other end is.
    #[must_use]
    pub fn peer_addr(&self) -> &PeerAddr {
        self.0.session.peer_addr()
    }

    /// The addresses that a call or push passed through before the [peer](Self::peer_addr), as proxies told them: that of who
    /// called first comes first. Only as true as who sent them.
    pub fn forwarded_for(&self) -> impl Iterator<Item = &str> {
        self.0.beside.block().into_iter().flat_map(|block| block.forwarded_for.iter().map(Text::as_str))
    }

    /// The method, with the options of its schema; `None` for an unknown route and outside of any call.
    #[must_use]
    pub fn spec(&self) -> Option<&'static MethodSpec> {
        self.0.spec
    }

    /// `package.Service/Method`, also of an unknown route; empty outside of any call.
    #[must_use]
    pub fn route(&self) -> &str {
        self.0.route()
    }

    /// The metadata that came with the call or push.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        self.0.beside.metadata()
    }

    /// Sets a pair of the metadata that goes back with the reply. With an `Err` it does not go: a [`Status`](crate::Status)
    /// has metadata of its own.
    ///
    /// # Panics
    /// On a key that [`Metadata::insert`] refuses.
    #[track_caller]
    pub fn reply_metadata(&self, key: &str, value: impl AsRef<[u8]>) {
        self.0.touch().beside().reply.insert(key, value);
    }

    /// When the call must be over; `None` if it may take for ever.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// How much time is left; `None` if there is no deadline.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.0.deadline.map(|at| at.saturating_duration_since(clock::now()))
    }

    /// Whether the caller gave up, the deadline passed or the connection ended; in the handler of a push, the last alone.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.live.lock().stopped.is_some()
    }

    /// Waits until the caller gives up, the deadline passes or the connection ends. The handler of a call is then dropped
    /// at its next await, so this is for what it spawned. The handler of a push is not: nobody waits for its answer, and
    /// what was taken is run to its end.
    pub async fn cancelled(&self) {
        struct Waits<'a>(&'a CallCore, Place);
        impl Drop for Waits<'_> {
            fn drop(&mut self) {
                self.0.touch().beside().watchers.leave(self.1);
            }
        }
        let mut waits = Waits(&self.0, Place::default());
        poll_fn(|cx| {
            let mut live = self.0.touch();
            if live.stopped.is_some() {
                return Poll::Ready(());
            }
            live.beside().watchers.wait(&mut waits.1, cx.waker());
            Poll::Pending
        })
        .await;
    }

    /// Polls `future` as a part of this call: calls made in it inherit the deadline and the trace. For what a handler
    /// spawns: `tokio::spawn(ctx.scope(future))`.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let context = self.clone();
        let mut future = Box::pin(future);
        poll_fn(move |cx| context.enter(|| future.as_mut().poll(cx)))
    }

    /// Runs `future` to its end on the runtime, whatever becomes of the call: for what must finish once begun. A server
    /// that drains waits for it. Calls made in it inherit nothing.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn detach<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let detached = Runs::detach(self.0.session.shared());
        tokio::spawn(async move {
            future.await;
            drop(detached);
        });
    }

    /// Puts a value beside the call, told apart by its type. Clones of this context see it.
    pub fn insert_extension<T: Send + Sync + 'static>(&self, value: T) {
        let mut live = self.0.touch();
        let before = live.beside().extensions.insert(TypeId::of::<T>(), Arc::new(value));
        // The user's destructor runs with the lock released.
        drop(live);
        drop(before);
    }

    /// The value of this type that was put beside the call.
    #[must_use]
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let live = self.0.live.lock();
        let value = live.beside.as_ref()?.extensions.get(&TypeId::of::<T>())?;
        Arc::clone(value).downcast().ok()
    }

    /// How many have this context.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Whether nobody has this context but those who had it before its push was run, nothing came with that, and nobody has
    /// put anything beside it: then the next push may have it.
    #[inline]
    pub(crate) fn is_as_new(&self, holders: usize) -> bool {
        if self.holders() != holders || !self.0.beside.is_nothing() {
            return false;
        }
        // Those who let go of it did what they did before.
        fence(Ordering::Acquire);
        !self.0.touched.load(Ordering::Relaxed)
    }

    /// One for the next push of the method.
    pub(crate) fn another(&self) -> Self {
        Self(CallCore::new(
            self.session(),
            self.0.spec,
            self.0.unknown.as_deref().cloned().unwrap_or_default(),
            Beside::Nothing,
            None,
        ))
    }

    /// What came back with a call that was forwarded goes on with the reply.
    pub(crate) fn append_reply_metadata(&self, metadata: &Metadata) {
        if metadata.is_empty() {
            return;
        }
        let mut live = self.0.touch();
        for (key, value) in metadata.iter() {
            live.beside().reply.append(key, value);
        }
    }

    pub(crate) fn trace(&self) -> (Option<&Text>, Option<&Text>) {
        let block = self.0.beside.block();
        (block.and_then(|b| b.trace_context.as_ref()), block.and_then(|b| b.trace_state.as_ref()))
    }

    pub(crate) fn core(&self) -> &Arc<CallCore> {
        &self.0
    }

    pub(crate) fn into_core(self) -> Arc<CallCore> {
        self.0
    }

    pub(crate) fn block(&self) -> Option<&Block> {
        self.0.beside.block()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("route", &self.route())
            .field("peer", self.peer_addr())
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}

/// A future that a handler returned, its type forgotten.
pub(crate) type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;
