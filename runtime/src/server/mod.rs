//! The server's side: listeners, the sessions that they accept, and the way out. Each session serves the same router.

mod accept;
mod registry;
mod sessions;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub use self::registry::{IdInUse, Registry};
use self::sessions::Sessions;
use crate::config::{Config, config_setters};
use crate::transport::{Listener, PeerAddr, Transport, Uri};
use crate::{Error, Router, Session};

/// Serves a router on any number of listeners.
///
/// The setters name every bound of a connection; what is not set has its default. [`bind`](Self::bind) checks them.
///
/// ```no_run
/// # async fn run() -> Result<(), protocall::Error> {
/// use protocall::{Router, Server};
///
/// let bound = Server::new(Router::new()).listen("tcp://127.0.0.1:0").bind().await?;
/// println!("listening on {}", bound.local_addrs()[0]);
/// let report = bound.serve_until(std::future::pending::<()>()).await;
/// println!("{report}");
/// # Ok(())
/// # }
/// ```
#[must_use = "a server does nothing until it is bound and serves"]
#[derive(Debug)]
pub struct Server {
    router: Router,
    config: Arc<Config>,
    uris: Vec<String>,
    registry: Registry,
    max_connections: usize,
}

/// A server whose listeners are open.
#[must_use = "a bound server does nothing until it serves"]
pub struct Bound {
    listeners: Vec<Listener>,
    shared: Arc<Serving>,
}

/// What the accept loops and the way out share.
struct Serving {
    router: Router,
    config: Arc<Config>,
    sessions: Sessions,
    registry: Registry,
    max_connections: usize,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Connections that were open when it began to drain.
    pub open: usize,
    /// Of those: finished within the drain timeout.
    pub drained: usize,
    /// Of those: cut off.
    pub cut: usize,
    /// Calls that were still running on connections that were cut off.
    pub calls_cut: usize,
    /// Connections refused, in all its life, because there were too many.
    pub refused: u64,
}

impl Server {
    /// A server of this router, with the default settings and no listener yet.
    pub fn new(router: Router) -> Self {
        Self {
            router,
            config: Config::defaults(),
            uris: Vec::new(),
            registry: Registry::new(),
            max_connections: 10_000,
        }
    }

    /// Listens on an address: `tcp://127.0.0.1:7000` (port 0: any free one), or `unix:///path` with the feature `unix`. May
    /// be called several times.
    pub fn listen(mut self, uri: impl Into<String>) -> Self {
        self.uris.push(uri.into());
        self
    }

    config_setters!();

    /// Lists its sessions here, so that services may find them and push to them. By itself it has a registry of its own,
    /// that of [`ServerHandle::registry`].
    pub fn registry(mut self, registry: &Registry) -> Self {
        self.registry = registry.clone();
        self
    }

    /// How many connections to take; more are refused with a reason. Default 10,000, at least one.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// How long a shutdown waits for what was taken to finish, before it cuts. A `Proxy` waits as long for an upstream that
    /// drains, before it ends the connection of that one's client. Default 30 s.
    pub fn drain_timeout(mut self, limit: Duration) -> Self {
        Arc::make_mut(&mut self.config).drain_timeout = limit;
        self
    }

    /// Opens the listeners. Connections wait in the system's queue until the server serves.
    ///
    /// # Errors
    /// [`Error::Uri`] and [`Error::Config`] for wrong settings, [`Error::Bind`] if an address cannot be had.
    pub async fn bind(self) -> Result<Bound, Error> {
        self.config.check()?;
        if self.max_connections == 0 {
            return Err(Error::zero("max_connections"));
        }
        let mut listeners = Vec::with_capacity(self.uris.len());
        for uri in &self.uris {
            listeners.push(Listener::bind(&Uri::parse(uri)?).await?);
        }
        let shared = Arc::new(Serving {
            router: self.router,
            config: self.config,
            sessions: Sessions::default(),
            registry: self.registry,
            max_connections: self.max_connections,
        });
        Ok(Bound { listeners, shared })
    }
}

impl Bound {
    /// Where it listens, in the order of [`Server::listen`], with the ports that were chosen.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<PeerAddr> {
        self.listeners.iter().map(Listener::local_addr).collect()
    }

    /// A handle on the sessions, for pushing to all of them while the server runs. It keeps no connection alive.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle(Arc::clone(&self.shared))
    }

    /// Serves for ever, or until the future is dropped, which closes all connections at once.
    pub async fn serve(self) {
        self.serve_until(std::future::pending::<()>()).await;
    }

    /// Serves until `shutdown` is done, then drains: takes no new connections and calls, finishes what was taken, and cuts
    /// what is left after the drain timeout.
    pub async fn serve_until<F: Future>(self, shutdown: F) -> Report {
        let closing = CloseAll(Arc::clone(&self.shared));
        let accepting = accept::Accepting::start(self.listeners, &self.shared);
        shutdown.await;
        accepting.stop().await;
        let report = self.shared.drain().await;
        drop(closing);
        report
    }
}

/// How long the reason of a cut may take to be written.
const LAST_WORD: Duration = Duration::from_secs(1);

impl Serving {
    async fn drain(&self) -> Report {
        let sessions = self.sessions.shut();
        for session in &sessions {
            session.drain();
        }
        let all_closed = async {
            for session in &sessions {
                session.gone().await;
                session.shared().runs.finished().await;
            }
        };
        let _ = tokio::time::timeout(self.config.drain_timeout, all_closed).await;
        let left: Vec<&Session> = sessions.iter().filter(|session| !session.is_closed()).collect();
        let calls_cut = left.iter().map(|session| session.stats().calls_in).sum();
        for session in &left {
            session.end("cut off: `drain_timeout` is over");
        }
        // A moment for the reason to leave.
        let all_gone = async {
            for session in &left {
                session.gone().await;
            }
        };
        let _ = tokio::time::timeout(LAST_WORD, all_gone).await;
        let (open, cut) = (sessions.len(), left.len());
        Report { open, drained: open - cut, cut, calls_cut, refused: self.sessions.refused() }
    }
}

/// However serving ends, no connection outlives it.
struct CloseAll(Arc<Serving>);

impl Drop for CloseAll {
    fn drop(&mut self) {
        for session in self.0.sessions.shut() {
            session.end("the server is gone");
        }
    }
}

/// A handle on a running server's sessions.
#[derive(Clone)]
pub struct ServerHandle(Arc<Serving>);

impl ServerHandle {
    /// The sessions that are open now.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        self.0.sessions.all()
    }

    /// Where the sessions are listed.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Serves a byte stream that the user made, such as one end of a tunnel, as if a listener had accepted it. The
    /// session counts as one of the server's, and ends with it.
    ///
    /// # Errors
    /// [`Error::NoRuntime`] outside of a tokio runtime.
    pub fn serve_over(
        &self,
        io: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Session, Error> {
        accept::begin(Transport::new(io, PeerAddr::Other), &self.0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "open connections: {}; drained: {}; cut: {}", self.open, self.drained, self.cut)?;
        if self.calls_cut > 0 {
            write!(f, " (calls running: {})", self.calls_cut)?;
        }
        if self.refused > 0 {
            write!(f, "; refused: {} (`max_connections`)", self.refused)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("local_addrs", &self.local_addrs()).finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle").field("sessions", &self.sessions().len()).finish()
    }
}
