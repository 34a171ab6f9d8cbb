//! Byte streams, and where they come from: TCP, Unix sockets, memory, or whatever the user brings.

pub(crate) mod memory;
#[cfg(feature = "tcp")]
mod tcp;
#[cfg(all(feature = "unix", unix))]
mod unix;
mod uri;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use self::uri::Uri;
use crate::Error;

/// What a connection runs over.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A byte stream both ways, and where it leads.
pub(crate) struct Transport {
    pub(crate) io: Box<dyn Io>,
    pub(crate) peer: PeerAddr,
}

impl Transport {
    pub(crate) fn new(io: impl Io + 'static, peer: PeerAddr) -> Self {
        Self { io: Box::new(io), peer }
    }
}

/// Where the other end of a connection is, or where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerAddr {
    /// An address of TCP.
    Tcp(SocketAddr),
    /// A Unix socket; the path is `None` for a client's nameless end.
    Unix(Option<PathBuf>),
    /// This process.
    Memory,
    /// A transport that the user brought.
    Other,
    /// There is no connection.
    None,
}

impl PeerAddr {
    /// The address of TCP, if it is one.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            _ => None,
        }
    }
}

impl From<PeerAddr> for String {
    /// As it is displayed, so that a client connects to where a server listens.
    fn from(address: PeerAddr) -> Self {
        address.to_string()
    }
}

impl From<&PeerAddr> for String {
    fn from(address: &PeerAddr) -> Self {
        address.to_string()
    }
}

impl fmt::Display for PeerAddr {
    /// As a URI that can be connected to, where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(Some(path)) => write!(f, "unix://{}", path.display()),
            Self::Unix(None) => f.write_str("unix"),
            Self::Memory => f.write_str("memory"),
            Self::Other => f.write_str("a stream of its own"),
            Self::None => f.write_str("nowhere"),
        }
    }
}

/// Dials an address.
#[cfg(feature = "client")]
pub(crate) async fn connect(uri: &Uri) -> Result<Transport, Error> {
    let connected = match uri {
        #[cfg(feature = "tcp")]
        Uri::Tcp(address) => tcp::connect(address).await,
        #[cfg(all(feature = "unix", unix))]
        Uri::Unix(path) => unix::connect(path).await,
        #[allow(unreachable_patterns, reason = "each transport is a feature")]
        _ => Err(unsupported()),
    };
    connected.map_err(|error| Error::Connect { uri: uri.to_string(), source: Arc::new(error) })
}

/// Where connections come from.
#[cfg(feature = "server")]
pub(crate) enum Listener {
    #[cfg(feature = "tcp")]
    Tcp(tokio::net::TcpListener),
    #[cfg(all(feature = "unix", unix))]
    Unix(unix::Listener),
    #[allow(dead_code, reason = "so that the type exists without any transport")]
    Never(std::convert::Infallible),
}

#[cfg(feature = "server")]
impl Listener {
    pub(crate) async fn bind(uri: &Uri) -> Result<Self, Error> {
        let bound = match uri {
            #[cfg(feature = "tcp")]
            Uri::Tcp(address) => tcp::bind(address).await.map(Self::Tcp),
            #[cfg(all(feature = "unix", unix))]
            Uri::Unix(path) => unix::Listener::bind(path).map(Self::Unix),
            #[allow(unreachable_patterns, reason = "each transport is a feature")]
            _ => Err(unsupported()),
        };
        bound.map_err(|error| Error::Bind { uri: uri.to_string(), source: Arc::new(error) })
    }

    pub(crate) async fn accept(&self) -> io::Result<Transport> {
        match self {
            #[cfg(feature = "tcp")]
            Self::Tcp(listener) => tcp::accept(listener).await,
            #[cfg(all(feature = "unix", unix))]
            Self::Unix(listener) => listener.accept().await,
            Self::Never(never) => match *never {},
        }
    }

    pub(crate) fn local_addr(&self) -> PeerAddr {
        match self {
            #[cfg(feature = "tcp")]
            Self::Tcp(listener) => listener.local_addr().map_or(PeerAddr::None, PeerAddr::Tcp),
            #[cfg(all(feature = "unix", unix))]
            Self::Unix(listener) => PeerAddr::Unix(Some(listener.path().to_owned())),
            Self::Never(never) => match *never {},
        }
    }
}

#[cfg(any(feature = "client", feature = "server"))]
fn unsupported() -> io::Error {
    let text = "this build of protocall has no such transport: enable its feature (`tcp`, `unix`)";
    io::Error::new(io::ErrorKind::Unsupported, text)
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("peer", &self.peer).finish_non_exhaustive()
    }
}
