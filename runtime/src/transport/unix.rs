//! Unix sockets. A listener takes over the file of one that is gone, and removes its own when it goes.

use std::io;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::{PeerAddr, Transport};

#[cfg(feature = "client")]
pub(super) async fn connect(path: &Path) -> io::Result<Transport> {
    let stream = UnixStream::connect(path).await?;
    Ok(Transport::new(stream, PeerAddr::Unix(Some(path.to_owned()))))
}

/// A listener and the file that is its address.
#[cfg(feature = "server")]
#[derive(Debug)]
pub(crate) struct Listener {
    listener: UnixListener,
    path: PathBuf,
}

#[cfg(feature = "server")]
impl Listener {
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_over(path) => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            bound => bound?,
        };
        Ok(Self { listener, path: path.to_owned() })
    }

    pub(super) async fn accept(&self) -> io::Result<Transport> {
        let (stream, address) = self.listener.accept().await?;
        let path = address.as_pathname().map(Path::to_owned);
        Ok(Transport::new(stream, PeerAddr::Unix(path)))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(feature = "server")]
impl Drop for Listener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A socket's file that nobody listens on any more, left by a process that was killed.
#[cfg(feature = "server")]
fn is_left_over(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    is_socket
        && std::os::unix::net::UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}
