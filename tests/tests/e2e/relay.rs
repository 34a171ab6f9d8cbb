//! Two ends with a wire between them that the test stops and lets go by hand, a direction at a time.

use protocall::{Channel, ChannelBuilder, Router, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::watch;

use crate::support::{Ends, Running};

/// One direction of the wire. While it is stopped nothing comes out of it; what goes in is kept, up to `keeps` bytes.
pub(crate) struct Way(watch::Sender<bool>);

impl Way {
    pub(crate) fn stop(&self) {
        self.0.send_replace(false);
    }

    /// What was kept comes out in one piece, as far as the other side has room.
    pub(crate) fn go(&self) {
        self.0.send_replace(true);
    }

    fn start(mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>, keeps: usize) -> Self {
        let (way, mut goes) = watch::channel(true);
        tokio::spawn(async move {
            let mut kept = Vec::new();
            loop {
                let full = kept.len() >= keeps;
                tokio::select! {
                    biased;
                    read = from.read_buf(&mut kept), if !full => {
                        if read.unwrap_or(0) == 0 {
                            break;
                        }
                    }
                    () = open(&mut goes), if !kept.is_empty() => {
                        if to.write_all(&kept).await.is_err() {
                            break;
                        }
                        kept.clear();
                    }
                }
            }
            open(&mut goes).await;
            let _ = to.write_all(&kept).await;
            let _ = to.shutdown().await;
        });
        Self(way)
    }
}

/// Waits until the way is open.
async fn open(goes: &mut watch::Receiver<bool>) {
    let _ = goes.wait_for(|go| *go).await;
}

/// Two ends, and the wire between them.
pub(crate) struct Relayed {
    pub(crate) ends: Ends,
    pub(crate) to_far: Way,
    pub(crate) to_near: Way,
}

impl Relayed {
    /// Each direction keeps `keeps` bytes while it is stopped.
    pub(crate) async fn new(
        router: &Router,
        keeps: usize,
        server: impl FnOnce(Server) -> Server,
        channel: impl FnOnce(ChannelBuilder) -> ChannelBuilder,
    ) -> Self {
        let server = Running::start(server(Server::new(router.clone()))).await;
        let (near_end, near_side) = tokio::io::duplex(64 << 10);
        let (far_end, far_side) = tokio::io::duplex(64 << 10);
        let (from_near, into_near) = tokio::io::split(near_side);
        let (from_far, into_far) = tokio::io::split(far_side);
        let to_far = Way::start(from_near, into_far, keeps);
        let to_near = Way::start(from_far, into_near, keeps);
        let far = server.handle.serve_over(far_end).unwrap();
        let builder = channel(Channel::builder("tcp://memory:1").serve(router.clone()));
        let channel = builder.connect_over(near_end).await.unwrap();
        let near = channel.session().await.unwrap();
        Self { ends: Ends { near, far, channel, server, proxy: None }, to_far, to_near }
    }
}
