//! The client's side: a connection that is made when it is needed, and the handles that share it. One connection for now;
//! it is made anew by the next call after it was lost.

mod plan;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use self::plan::{Endpoint, Plan};
use crate::caller::Connecting;
use crate::config::{Config, config_setters};
use crate::session::{Lock, Shared, task};
use crate::transport::{PeerAddr, Transport, Uri};
use crate::{Call, Caller, Error, Push, Raw, Reason, Router, Session};

/// A client's connection. Cheap to clone; all clones share it.
///
/// When the last clone is dropped, those that clients hold too, the connection is closed; unless the channel serves a
/// router: then it goes on until somebody closes it. After a loss the next call connects again, once; nothing does so by
/// itself.
///
/// ```no_run
/// use std::time::Duration;
///
/// use protocall::{Caller, Channel, Raw, Status};
///
/// async fn ask() -> Result<Raw, Box<dyn std::error::Error>> {
///     let channel = Channel::builder("tcp://127.0.0.1:7000").timeout(Duration::from_secs(5)).connect().await?;
///     // Generated code: `let clock = ClockClient::new(&channel); clock.now(()).await?`
///     Ok(Caller::from(&channel).call_raw("clock.v1.Clock/Now", "").await?)
/// }
/// ```
#[derive(Clone)]
pub struct Channel(Arc<Inner>);

struct Inner {
    plan: Arc<Plan>,
    /// The connection that stands, or was last.
    session: Lock<Option<Session>>,
    /// There is another one.
    connected: Notify,
    /// The attempt to connect that is under way.
    attempt: Lock<Option<watch::Receiver<Outcome>>>,
}

/// How an attempt to connect ended, once it has.
type Outcome = Option<Result<Session, Error>>;

/// Settings of a [`Channel`], then [`connect`](Self::connect), [`connect_lazy`](Self::connect_lazy) or
/// [`connect_over`](Self::connect_over). The setters are those of [`Server`](crate::Server), but for what only a server has.
#[must_use = "a builder does nothing until it connects"]
#[derive(Debug)]
pub struct ChannelBuilder {
    uri: String,
    config: Arc<Config>,
    router: Router,
}

impl Channel {
    /// Connects to an address such as `tcp://127.0.0.1:7000`, with the default settings.
    ///
    /// # Errors
    /// As [`ChannelBuilder::connect`].
    pub async fn connect(uri: impl Into<String>) -> Result<Self, Error> {
        Self::builder(uri).connect().await
    }

    /// Settings for a channel to an address: `tcp://host:port`, or `unix:///path` with the feature `unix`.
    pub fn builder(uri: impl Into<String>) -> ChannelBuilder {
        ChannelBuilder { uri: uri.into(), config: Config::defaults(), router: Router::new() }
    }

    /// A channel to a router in this process, over memory, with the default settings: for tests and mocks. It serves
    /// nothing itself, so the router's handlers can neither call nor push back.
    pub fn in_memory(router: Router) -> Self {
        Self::new(Endpoint::Memory(router), Config::defaults(), Router::new())
    }

    fn new(endpoint: Endpoint, config: Arc<Config>, router: Router) -> Self {
        let plan = Arc::new(Plan { endpoint, config, router });
        let (session, attempt) = (Lock::new(None), Lock::new(None));
        Self(Arc::new(Inner { plan, session, connected: Notify::new(), attempt }))
    }

    /// The live session, connecting first if there is none.
    ///
    /// # Errors
    /// What kept it from connecting.
    pub async fn session(&self) -> Result<Session, Error> {
        self.0.session().await
    }

    /// A call by route, with bytes for its message: for proxies, tools, and methods with a codec of their own.
    pub fn call_raw(&self, route: impl Into<String>, body: impl Into<Raw>) -> Call<Raw, Raw> {
        Caller::from(self).call_raw(route, body)
    }

    /// A push by route, with bytes for its message.
    pub fn push_raw(&self, route: impl Into<String>, body: impl Into<Raw>) -> Push<Raw> {
        Caller::from(self).push_raw(route, body)
    }

    /// Waits for the end of the connection and tells why it ended; at once if it has ended and no call has connected again.
    /// Before the first connection it waits for that.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), protocall::Error> {
    /// let channel = protocall::Channel::connect("tcp://127.0.0.1:7000").await?;
    /// let reason = channel.closed().await;
    /// println!("lost: {reason}");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn closed(&self) -> Reason {
        self.connected().await.closed().await
    }

    /// Waits until the connection, or the first one, takes no calls any more. Which it was: calls connect anew.
    pub(crate) async fn takes_no_calls(&self) -> Session {
        let session = self.connected().await;
        session.takes_no_calls().await;
        session
    }

    /// The connection that stands, or was last.
    async fn connected(&self) -> Session {
        loop {
            // Made before it looks, so that it misses nothing.
            let connected = self.0.connected.notified();
            let session = self.0.session.lock().clone();
            match session {
                Some(session) => return session,
                None => connected.await,
            }
        }
    }

    /// Begins to drain the connection, if there is one: the other end is told to open no more calls, what either has opened is
    /// finished, then it closes. The next call connects again.
    pub fn drain(&self) {
        let session = self.0.session.lock().clone();
        if let Some(session) = session {
            session.drain();
        }
    }

    /// Closes the connection for all clones: open calls fail. The next call connects again.
    pub fn close(&self) {
        let session = self.0.session.lock().clone();
        if let Some(session) = session {
            session.close();
        }
    }

    pub(crate) fn current(&self) -> Option<Arc<Shared>> {
        self.0.current(|session| Arc::clone(session.shared()))
    }

    pub(crate) fn connecting(&self) -> Connecting {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.session().await })
    }

    pub(crate) fn default_timeout(&self) -> Option<Duration> {
        self.0.plan.config.timeout
    }
}

impl Inner {
    /// What `get` takes of the live session, if there is one.
    fn current<T>(&self, get: impl FnOnce(&Session) -> T) -> Option<T> {
        let session = self.session.lock();
        session.as_ref().filter(|session| session.takes_calls()).map(get)
    }

    /// The live session. All who find none wait for one attempt to connect, which belongs to none of them: it goes on when
    /// the call that began it is given up.
    async fn session(self: &Arc<Self>) -> Result<Session, Error> {
        if let Some(session) = self.current(Session::clone) {
            return Ok(session);
        }
        let mut attempt = self.attempt()?;
        let outcome = attempt.wait_for(Option::is_some).await;
        outcome.ok().and_then(|outcome| outcome.clone()).unwrap_or(Err(Error::NoRuntime))
    }

    fn attempt(self: &Arc<Self>) -> Result<watch::Receiver<Outcome>, Error> {
        let runtime = Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let mut running = self.attempt.lock();
        // One that is over is not asked again, nor one whose runtime has gone.
        if let Some(attempt) = running.as_ref().filter(|a| a.borrow().is_none() && a.has_changed().is_ok()) {
            return Ok(attempt.clone());
        }
        let (tell, attempt) = watch::channel(None);
        *running = Some(attempt.clone());
        drop(running);
        let (channel, plan) = (Arc::downgrade(self), Arc::clone(&self.plan));
        task::spawn(&runtime, async move {
            let outcome = plan.connect().await;
            match (channel.upgrade(), &outcome) {
                (Some(channel), outcome) => channel.attempted(outcome),
                (None, Ok(session)) => session.end("the last handle of the channel was dropped"),
                (None, Err(_)) => {}
            }
            tell.send_replace(Some(outcome));
        });
        Ok(attempt)
    }

    /// The attempt is over. Those who wait for it have their own handle on it; whoever comes now needs another.
    fn attempted(&self, outcome: &Result<Session, Error>) {
        if let Ok(session) = outcome {
            self.adopt(session);
        }
        let attempt = self.attempt.lock().take();
        drop(attempt);
    }

    fn adopt(&self, session: &Session) {
        let before = self.session.lock().replace(session.clone());
        drop(before);
        self.connected.notify_waiters();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let session = self.session.lock().take();
        // A channel that serves goes on until somebody closes it.
        if let Some(session) = session.filter(|_| self.plan.router.is_empty()) {
            session.end("the last handle of the channel was dropped");
        }
    }
}

impl ChannelBuilder {
    config_setters!();

    /// Serves a router to the other end, over the same connection.
    pub fn serve(mut self, router: Router) -> Self {
        self.router = router;
        self
    }

    /// Connects, and waits until the other end has said HELLO.
    ///
    /// # Errors
    /// [`Error::Uri`] and [`Error::Config`] for wrong settings, [`Error::Connect`] and [`Error::ConnectTimeout`] if there is
    /// no connection, [`Error::Closed`] if the other end refused it.
    pub async fn connect(self) -> Result<Channel, Error> {
        let channel = self.connect_lazy()?;
        channel.session().await?;
        Ok(channel)
    }

    /// A channel that connects when the first call is made; calls wait for it within their time limit.
    ///
    /// # Errors
    /// [`Error::Uri`] and [`Error::Config`] for wrong settings.
    pub fn connect_lazy(self) -> Result<Channel, Error> {
        self.config.check()?;
        let uri = Uri::parse(&self.uri)?;
        Ok(Channel::new(Endpoint::Uri(uri), self.config, self.router))
    }

    /// Runs over a byte stream that the user made, such as one end of a tunnel; the address is only for texts. There is no
    /// second stream: after a loss calls fail.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), but that the address may be anything.
    pub async fn connect_over(
        self,
        io: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Channel, Error> {
        self.config.check()?;
        let transport = Transport::new(io, PeerAddr::Other);
        let channel = Channel::new(Endpoint::Given(self.uri), self.config, self.router);
        let session = channel.0.plan.connect_over(async { Ok(transport) }).await?;
        channel.0.adopt(&session);
        Ok(channel)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connected = self.0.current(|_| ()).is_some();
        let endpoint = self.0.plan.endpoint.to_string();
        f.debug_struct("Channel").field("endpoint", &endpoint).field("connected", &connected).finish()
    }
}
