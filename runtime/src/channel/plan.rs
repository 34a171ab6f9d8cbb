//! How a channel connects: where to, with which settings, and within which time. Called by the one attempt at a time that
//! all its handles share.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::config::Config;
use crate::frame::Role;
use crate::transport::{self, Transport, Uri};
use crate::{Error, Router, Session};

/// What it takes to connect, again and again.
pub(super) struct Plan {
    pub(super) endpoint: Endpoint,
    pub(super) config: Arc<Config>,
    pub(super) router: Router,
}

/// Where a channel leads.
pub(super) enum Endpoint {
    Uri(Uri),
    /// A router in this process.
    Memory(Router),
    /// A connection that the user made; there is no second one.
    Given(String),
}

impl Plan {
    /// Dials, and waits for the other end's HELLO.
    pub(super) async fn connect(&self) -> Result<Session, Error> {
        self.connect_over(self.endpoint.dial(&self.config)).await
    }

    /// Waits for the transport and then for the other end's HELLO, both within `connect_timeout`.
    pub(super) async fn connect_over(
        &self,
        transport: impl Future<Output = Result<Transport, Error>>,
    ) -> Result<Session, Error> {
        Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let limit = self.config.connect_timeout;
        let uri = self.endpoint.to_string();
        let connected = tokio::time::timeout(limit, async {
            start(transport.await?, &uri, &self.config, &self.router).await
        });
        connected.await.unwrap_or(Err(Error::ConnectTimeout { uri, limit }))
    }
}

/// Starts the session and waits for the other end's HELLO. Dropped before that, it closes the connection.
async fn start(
    transport: Transport,
    uri: &str,
    config: &Arc<Config>,
    router: &Router,
) -> Result<Session, Error> {
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
        Error::Closed(reason) if reason.is_dead() => {
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

impl Endpoint {
    async fn dial(&self, config: &Arc<Config>) -> Result<Transport, Error> {
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

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(uri) => uri.fmt(f),
            Self::Memory(_) => f.write_str("memory"),
            Self::Given(uri) => f.write_str(uri),
        }
    }
}
