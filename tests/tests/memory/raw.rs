//! A peer that is not ours: frames by hand, from `docs/wire.md`, and what the other end holds meanwhile.

use std::sync::atomic::Ordering;
use std::time::Duration;

use protocall::{Router, Server, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

use super::LIVE;

/// What an end holds beside calls, pushes and streams: read and write buffers, tables, the stream of bytes between the ends.
pub(crate) const CONNECTION: usize = 2 << 20;
/// A raw peer answers no pings, and a machine may be so slow that it would be taken for dead.
pub(crate) const NO_PINGS: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(1));

pub(crate) fn live() -> usize {
    LIVE.load(Ordering::Relaxed)
}

/// Lets everything run that can.
pub(crate) async fn settle() {
    for _ in 0..2_000 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn frame(kind: u8, flags: u8, id: u32, body: &[u8]) -> Vec<u8> {
    let length = (6 + body.len()) as u32;
    [&length.to_be_bytes()[..], &[kind, flags], &id.to_be_bytes(), body].concat()
}

/// A HELLO with these settings (wire 4.6).
pub(crate) fn hello(settings: &[(u16, &[u8])]) -> Vec<u8> {
    let items = settings
        .iter()
        .flat_map(|(id, value)| [&id.to_be_bytes()[..], &(value.len() as u32).to_be_bytes(), value].concat());
    frame(0x01, 0, 0, &b"pCal\x01\0".iter().copied().chain(items).collect::<Vec<u8>>())
}

/// A HELLO that lets calls up to this number in, whatever they cost.
pub(crate) fn hello_to(in_flight: u32) -> Vec<u8> {
    hello(&[(3, &in_flight.to_be_bytes()), (4, &[0xff; 8])])
}

/// A server's end towards a peer that is not ours.
pub(crate) struct Raw {
    pub(crate) peer: DuplexStream,
    pub(crate) session: Session,
    serving: JoinHandle<()>,
    before: usize,
}

impl Raw {
    pub(crate) async fn new(router: Router, server: impl FnOnce(Server) -> Server) -> Self {
        let (never, pong) = NO_PINGS;
        let bound = server(Server::new(router).keepalive(never, pong)).bind().await.unwrap();
        let handle = bound.handle();
        let serving = tokio::spawn(bound.serve());
        settle().await;
        let before = live();
        let (peer, ours) = tokio::io::duplex(64 << 10);
        let session = handle.serve_over(ours).unwrap();
        Self { peer, session, serving, before }
    }

    /// So much of it as the other end reads; nothing if it is gone.
    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        let _ = self.peer.write_all(bytes).await;
    }

    pub(crate) fn held(&self) -> usize {
        live().saturating_sub(self.before)
    }

    pub(crate) async fn end(self) {
        drop(self.peer);
        self.session.closed().await;
        self.serving.abort();
        let _ = self.serving.await;
    }
}

/// What was read and is no whole frame yet.
#[derive(Default)]
pub(crate) struct Taken {
    bytes: Vec<u8>,
}

/// Kind, flags, id and body of a frame.
pub(crate) type Frame = (u8, u8, usize, Vec<u8>);

impl Taken {
    /// Reads once, and takes the frames that are whole.
    pub(crate) async fn more(&mut self, peer: &mut DuplexStream) -> Vec<Frame> {
        assert!(peer.read_buf(&mut self.bytes).await.unwrap() > 0, "the other end is gone");
        let mut frames = Vec::new();
        let mut left = &self.bytes[..];
        while let Some((length, rest)) = left.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            let Some((frame, next)) = rest.split_at_checked(length) else { break };
            let id = u32::from_be_bytes(frame[2..6].try_into().unwrap()) as usize;
            frames.push((frame[0], frame[1], id, frame[6..].to_vec()));
            left = next;
        }
        self.bytes = left.to_vec();
        frames
    }
}
