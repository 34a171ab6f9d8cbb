//! Who reads a stream is given what has come before more of it is read.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as Cx, Poll, Waker};

use protocall::Server;
use tokio::io::{AsyncRead, ReadBuf, join, sink};
use tokio::sync::mpsc;

use super::{reply, word};
use crate::support::*;

/// What comes over a transport: as much is there to be read as was given, without a bound.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<(VecDeque<u8>, Option<Waker>)>>);

impl Wire {
    fn give(&self, bytes: &[u8]) {
        let (waiting, waker) = &mut *self.0.lock().unwrap();
        waiting.extend(bytes);
        if let Some(waker) = waker.take() {
            waker.wake();
        }
    }

    fn left(&self) -> usize {
        self.0.lock().unwrap().0.len()
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Cx<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (waiting, waker) = &mut *self.0.lock().unwrap();
        if waiting.is_empty() {
            *waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let most = waiting.len().min(buf.remaining());
        waiting.drain(..most).for_each(|byte| buf.put_slice(&[byte]));
        Poll::Ready(Ok(()))
    }
}

/// CALL of a client stream, by name.
fn call() -> Vec<u8> {
    let route = b"echo.v1.Echo/Gather";
    let head = [0x10, 0x20, 0, 0, 0, 1, 0, route.len() as u8];
    [&(head.len() as u32 + route.len() as u32).to_be_bytes(), &head[..], route].concat()
}

/// ITEM of that call: a message whose payload is of so many bytes, 128 to 16,383.
fn item(payload: usize) -> Vec<u8> {
    let head = [0x12, 0, 0, 0, 0, 1, 0x0a, payload as u8 | 0x80, (payload >> 7) as u8];
    [&((head.len() + payload) as u32).to_be_bytes(), &head[..], &vec![7; payload]].concat()
}

/// More than the driver reads in one turn.
const MUCH: usize = 200_000;

#[tokio::test]
async fn a_reader_that_was_woken_runs_before_more_of_its_stream_is_read() {
    let wire = Wire::default();
    let ahead = Arc::new(AtomicUsize::new(0));
    let (tell, mut told) = mpsc::channel(2);
    let (most, end) = (Arc::clone(&ahead), wire.clone());
    let host = host().on_gather(move |_, mut input| {
        let (most, end, tell) = (Arc::clone(&most), end.clone(), tell.clone());
        async move {
            input.next().await?;
            tell.try_send("begun").unwrap();
            let mut unread = MUCH;
            while unread >= 1_000 {
                let item = input.next().await?.unwrap();
                // What was read of it and waits for this reader.
                most.fetch_max(unread.saturating_sub(end.left()), Ordering::Relaxed);
                unread -= item.payload.len() + 13;
            }
            tell.try_send("read").unwrap();
            Ok(reply(""))
        }
    });
    let server = Running::start(Server::new(host.router())).await;
    let session = server.handle.serve_over(join(wire.clone(), sink())).unwrap();
    wire.give(&[&HELLO[..], &call(), &item(987)].concat());
    assert_eq!(word(&mut told).await, "begun");
    wire.give(&item(987).repeat(MUCH / 1_000));
    assert_eq!(word(&mut told).await, "read");
    let most = ahead.load(Ordering::Relaxed);
    assert!(most < 100_000, "{most} bytes were read before who reads them ran");
    assert!(!session.is_closed());
}
