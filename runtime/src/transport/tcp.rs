//! TCP, with TCP_NODELAY: frames are gathered by the driver, not by the kernel.

use std::io;

use tokio::net::{TcpListener, TcpStream};

use super::{PeerAddr, Transport};

#[cfg(feature = "client")]
pub(super) async fn connect(address: &str) -> io::Result<Transport> {
    transport(TcpStream::connect(address).await?)
}

#[cfg(feature = "server")]
pub(super) async fn bind(address: &str) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

#[cfg(feature = "server")]
pub(super) async fn accept(listener: &TcpListener) -> io::Result<Transport> {
    transport(listener.accept().await?.0)
}

fn transport(stream: TcpStream) -> io::Result<Transport> {
    stream.set_nodelay(true)?;
    let peer = PeerAddr::Tcp(stream.peer_addr()?);
    Ok(Transport::new(stream, peer))
}
