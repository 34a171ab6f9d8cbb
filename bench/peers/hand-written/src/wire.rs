//! Frames: a `u32` length of what follows, a `u64` id, a message in protobuf. What is written gathers in a rope; one task writes
//! it.

use std::io::IoSlice;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bench_harness::Result;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::task::yield_now;

#[derive(Clone, PartialEq, Message)]
pub struct Packet {
    #[prost(fixed64, tag = "1")]
    pub seq: u64,
    #[prost(bytes = "bytes", tag = "2")]
    pub body: Bytes,
    #[prost(uint32, tag = "3")]
    pub burn_us: u32,
}

/// Bodies from here on are not copied into the buffer.
const LINK: usize = 16 << 10;
/// One-way messages wait while more than this is to be written.
const FULL: usize = 256 << 10;
const READ: usize = 64 << 10;
const ID: usize = 8;

/// What waits to be written, and who writes it.
#[derive(Default)]
pub struct Outbox {
    rope: Mutex<Rope>,
    filled: Notify,
    emptied: Notify,
}

impl Outbox {
    pub fn send(&self, id: u64, packet: &Packet) {
        let mut rope = lock(&self.rope);
        let first = rope.bytes.is_empty();
        rope.put(id, packet);
        drop(rope);
        if first {
            self.filled.notify_one();
        }
    }

    /// Until there is room for a one-way message. One task at a time.
    pub async fn room(&self) {
        while lock(&self.rope).bytes.len() > FULL {
            self.emptied.notified().await;
        }
    }

    /// The writer task. It lets the tasks that are ready add to what it writes.
    pub async fn write_to(&self, mut stream: OwnedWriteHalf) -> Result<()> {
        let mut taken = Rope::default();
        loop {
            self.filled.notified().await;
            yield_now().await;
            mem::swap(&mut *lock(&self.rope), &mut taken);
            self.emptied.notify_one();
            taken.write_to(&mut stream).await?;
        }
    }
}

/// Bytes, and where among them others belong.
#[derive(Default)]
struct Rope {
    bytes: Vec<u8>,
    links: Vec<(usize, Bytes)>,
}

impl Rope {
    fn put(&mut self, id: u64, packet: &Packet) {
        self.bytes.put_u32((ID + packet.encoded_len()) as u32);
        self.bytes.put_u64(id);
        if packet.body.len() < LINK {
            return packet.encode_raw(&mut self.bytes);
        }
        let body = packet.body.clone();
        Packet { body: Bytes::new(), ..*packet }.encode_raw(&mut self.bytes);
        encode_key(2, WireType::LengthDelimited, &mut self.bytes);
        encode_varint(body.len() as u64, &mut self.bytes);
        self.links.push((self.bytes.len(), body));
    }

    async fn write_to(&mut self, stream: &mut OwnedWriteHalf) -> Result<()> {
        if self.links.is_empty() {
            stream.write_all(&self.bytes).await?;
        } else {
            let mut slices = self.slices();
            let mut rest = &mut slices[..];
            while !rest.is_empty() {
                let written = stream.write_vectored(rest).await?;
                IoSlice::advance_slices(&mut rest, written);
            }
        }
        self.bytes.clear();
        self.links.clear();
        Ok(())
    }

    fn slices(&self) -> Vec<IoSlice<'_>> {
        let mut slices = Vec::with_capacity(2 * self.links.len() + 1);
        let mut from = 0;
        for (to, link) in &self.links {
            slices.extend([IoSlice::new(&self.bytes[from..*to]), IoSlice::new(link)]);
            from = *to;
        }
        if from < self.bytes.len() {
            slices.push(IoSlice::new(&self.bytes[from..]));
        }
        slices
    }
}

/// The frames that arrive.
pub struct Inbox {
    stream: OwnedReadHalf,
    input: BytesMut,
}

impl Inbox {
    pub fn new(stream: OwnedReadHalf) -> Self {
        Self { stream, input: BytesMut::with_capacity(READ) }
    }

    /// Waits for at least one frame and gives all that are there.
    pub async fn read(&mut self, frames: &mut Vec<(u64, Packet)>) -> Result<()> {
        loop {
            let wanted = self.parse(frames)?;
            if !frames.is_empty() {
                return Ok(());
            }
            self.input.reserve(wanted.saturating_sub(self.input.len()).max(READ / 2));
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err("the connection was closed".into());
            }
        }
    }

    /// Takes the whole frames out; returns how many bytes the next one needs.
    fn parse(&mut self, frames: &mut Vec<(u64, Packet)>) -> Result<usize> {
        while let Some(length) = self.input.first_chunk().copied().map(u32::from_be_bytes) {
            let whole = 4 + length as usize;
            if self.input.len() < whole {
                return Ok(whole);
            }
            let mut frame = self.input.split_to(whole).freeze();
            frame.advance(4);
            let id = frame.try_get_u64()?;
            frames.push((id, Packet::decode(frame)?));
        }
        Ok(4)
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
