//! The transport as the driver uses it: the batch that is being written, and how much was. The driver owns it, and the
//! end of the connection borrows it.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context as Cx, Poll};

use bytes::BufMut;
use tokio::io::{AsyncReadExt, ReadBuf};

use crate::proto::Batch;
use crate::transport::{Io, Transport};

/// Slices in one write.
const SLICES: usize = 16;
/// To write so many bytes takes about as long as to run a hundred handlers.
const HEAVY: usize = 64 << 10;

pub(super) struct Pipe {
    io: Box<dyn Io>,
    /// What the machine gave to be written, and the transport has not taken.
    pub(super) batch: Batch,
    written: u64,
    cut: bool,
    heavy: bool,
}

impl Pipe {
    pub(super) fn new(transport: Transport) -> Self {
        Self { io: transport.io, batch: Batch::default(), written: 0, cut: false, heavy: false }
    }

    /// All bytes that the transport took.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Nothing more may be written.
    pub(super) fn cut(&mut self) {
        self.cut = true;
    }

    /// Whether the transport ended or failed, so that nothing more may be written.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Writes the batch as far as the transport takes it. The bytes it took, or why it takes none.
    pub(super) fn poll_write(&mut self, cx: &mut Cx<'_>) -> Result<usize, String> {
        let wrote = self.write_batch(cx);
        self.cut |= wrote.is_err();
        self.heavy = wrote.as_ref().is_ok_and(|bytes| *bytes >= HEAVY);
        wrote
    }

    /// Whether so much was written by the last [`poll_write`](Self::poll_write) that others have waited for it.
    pub(super) fn was_heavy(&self) -> bool {
        self.heavy
    }

    fn write_batch(&mut self, cx: &mut Cx<'_>) -> Result<usize, String> {
        let mut wrote = 0;
        while !self.batch.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.batch.slices(&mut slices);
            let io = Pin::new(&mut *self.io);
            let result = match count {
                1 => io.poll_write(cx, &slices[0]),
                _ => io.poll_write_vectored(cx, &slices[..count]),
            };
            match result {
                Poll::Ready(Ok(0)) => return Err("the transport takes no more bytes".into()),
                Poll::Ready(Ok(n)) => {
                    self.batch.advance(n);
                    self.written += n as u64;
                    wrote += n;
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Err(format!("writing failed: {error}")),
                Poll::Pending => break,
            }
        }
        Ok(wrote)
    }

    /// Reads into the room of a buffer, as much as is there. The future holds nothing between polls.
    pub(super) fn poll_read<B: BufMut>(&mut self, cx: &mut Cx<'_>, input: &mut B) -> Poll<io::Result<usize>> {
        let mut io = &mut *self.io;
        pin!(AsyncReadExt::read_buf(&mut io, input)).poll(cx)
    }

    /// Reads into a buffer of the caller's. Nothing read is the end.
    pub(super) fn poll_read_little(
        &mut self,
        cx: &mut Cx<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_read(cx, into)
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Cx<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_shutdown(cx)
    }
}
