//! The client's side: a connection that is made when it is needed, and the handles that share it. One connection for now;
//! it is made anew by the next call after it was lost.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;

use crate::caller::Connecting;
use crate::config::{Config, config_setters};
use crate::frame::Role;
use crate::session::{Lock, Shared};
use crate::transport::{self, PeerAddr, Transport, Uri};
use crate::{Call, Caller, EndedBy, Error, Push, Raw, Router, Session};

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
    endpoint: Endpoint,
    config: Config,
    router: Router,
    session: Lock<Option<Session>>,
    /// Held by the one who connects; the others wait for it.
    connecting: AsyncMutex<()>,
}

enum Endpoint {
    Uri(Uri),
    /// A router in this process.
    Memory(Router),
    /// A connection that the user made; there is no second one.
    Given(String),
}

/// Settings of a [`Channel`], then [`connect`](Self::connect), [`connect_lazy`](Self::connect_lazy) or
/// [`connect_over`](Self::connect_over). The setters are those of [`Server`](crate::Server), but for what only a server has.
#[must_use = "a builder does nothing until it connects"]
#[derive(Debug)]
pub struct ChannelBuilder {
    uri: String,
    config: Config,
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
        ChannelBuilder { uri: uri.into(), config: Config::default(), router: Router::new() }
    }

    /// A channel to a router in this process, over memory, with the default settings: for tests and mocks. It serves
    /// nothing itself, so the router's handlers can neither call nor push back.
    pub fn in_memory(router: Router) -> Self {
        Self::new(Endpoint::Memory(router), Config::default(), Router::new())
    }

    fn new(endpoint: Endpoint, config: Config, router: Router) -> Self {
        Self(Arc::new(Inner {
            endpoint,
            config,
            router,
            session: Lock::new(None),
            connecting: AsyncMutex::new(()),
        }))
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

    /// Closes the connection for all clones: open calls fail. The next call connects again.
    pub fn close(&self) {
        if let Some(session) = self.0.session.lock().take() {
            session.close();
        }
    }

    pub(crate) fn current(&self) -> Option<Arc<Shared>> {
        self.0.current().map(|session| Arc::clone(session.shared()))
    }

    pub(crate) fn connecting(&self) -> Connecting {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.session().await })
    }

    pub(crate) fn default_timeout(&self) -> Option<Duration> {
        self.0.config.timeout
    }
}

impl Inner {
    fn current(&self) -> Option<Session> {
        let session = self.session.lock();
        session.as_ref().filter(|session| session.takes_calls()).cloned()
    }

    async fn session(&self) -> Result<Session, Error> {
        if let Some(session) = self.current() {
            return Ok(session);
        }
        let _turn = self.connecting.lock().await;
        // Whoever was first may have connected meanwhile.
        if let Some(session) = self.current() {
            return Ok(session);
        }
        let session = self.connect().await?;
        *self.session.lock() = Some(session.clone());
        Ok(session)
    }

    async fn connect(&self) -> Result<Session, Error> {
        let limit = self.config.connect_timeout;
        let uri = self.endpoint.to_string();
        let connected = tokio::time::timeout(limit, async {
            let transport = self.endpoint.dial(&self.config).await?;
            start(transport, &uri, &self.config, &self.router).await
        });
        connected.await.unwrap_or(Err(Error::ConnectTimeout { uri, limit }))
    }
}

/// Starts the session and waits for the other end's HELLO. Dropped before that, it closes the connection.
async fn start(transport: Transport, uri: &str, config: &Config, router: &Router) -> Result<Session, Error> {
    let session = Session::start(Role::Dialler, transport, config, router.clone())?;
    let guard = CloseOnDrop(Some(session));
    if let Some(session) = &guard.0 {
        session.ready().await.map_err(|error| too_late(error, uri, config))?;
    }
    guard.keep()
}

/// The machine keeps the same time as we do; whoever is first, the caller is told the same.
fn too_late(error: Error, uri: &str, config: &Config) -> Error {
    match error {
        Error::Closed(reason) if reason.by() == EndedBy::Us && reason.name() == "TIMEOUT" => {
            Error::ConnectTimeout { uri: uri.to_owned(), limit: config.connect_timeout }
        }
        other => other,
    }
}

struct CloseOnDrop(Option<Session>);

impl CloseOnDrop {
    fn keep(mut self) -> Result<Session, Error> {
        self.0.take().ok_or(Error::NoRuntime)
    }
}

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        if let Some(session) = &self.0 {
            session.end("the caller gave up connecting");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let session = self.session.lock().take();
        // A channel that serves goes on until somebody closes it.
        if let Some(session) = session.filter(|_| self.router.is_empty()) {
            session.end("the last handle of the channel was dropped");
        }
    }
}

impl Endpoint {
    async fn dial(&self, config: &Config) -> Result<Transport, Error> {
        match self {
            Self::Uri(uri) => transport::connect(uri).await,
            Self::Memory(router) => {
                let (near, far) = transport::memory::pair();
                Session::start(Role::Acceptor, far, config, router.clone())?;
                Ok(near)
            }
            Self::Given(uri) => {
                let source =
                    std::io::Error::new(std::io::ErrorKind::NotConnected, "it was given, and is lost");
                Err(Error::Connect { uri: uri.clone(), source: Arc::new(source) })
            }
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
        let limit = self.config.connect_timeout;
        let transport = Transport::new(io, PeerAddr::Other);
        let started =
            tokio::time::timeout(limit, start(transport, &self.uri, &self.config, &self.router)).await;
        let uri = self.uri.clone();
        let session = started.unwrap_or(Err(Error::ConnectTimeout { uri, limit }))?;
        let channel = Channel::new(Endpoint::Given(self.uri), self.config, self.router);
        *channel.0.session.lock() = Some(session);
        Ok(channel)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(uri) => uri.fmt(f),
            Self::Memory(_) => f.write_str("memory"),
            Self::Given(uri) => f.write_str(uri),
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connected = self.0.current().is_some();
        let endpoint = self.0.endpoint.to_string();
        f.debug_struct("Channel").field("endpoint", &endpoint).field("connected", &connected).finish()
    }
}
