//! Streams over real connections, at both ends.

mod cancel;
mod deadlines;
mod ends;
mod forwards;
mod halves;
mod items;
mod leavings;
mod panics;
mod promptly;
mod shapes;
mod slow;
mod statuses;

use bytes::Bytes;
use protocall::{Message, RecvStream, Status};
use protocall_tests::proto::echo::v1::{EchoReply, RepeatRequest};
use tokio::sync::mpsc;

use crate::support::*;

/// What `Repeat` is asked for.
pub(super) fn times(times: u32) -> RepeatRequest {
    RepeatRequest { payload: Bytes::from_static(b"x"), times }
}

pub(super) fn reply(payload: impl AsRef<[u8]>) -> EchoReply {
    EchoReply { payload: Bytes::copy_from_slice(payload.as_ref()) }
}

/// How a stream ends, and how many items came before.
pub(super) async fn drain<T: Message>(stream: &mut RecvStream<T>) -> (usize, Result<(), Status>) {
    let mut count = 0;
    loop {
        match within(stream.next()).await {
            Ok(Some(_)) => count += 1,
            Ok(None) => return (count, Ok(())),
            Err(status) => return (count, Err(status)),
        }
    }
}

/// The next word that somebody said.
pub(super) async fn word(words: &mut mpsc::Receiver<&'static str>) -> &'static str {
    within(words.recv()).await.unwrap()
}

/// The length of a payload that makes a message of so many bytes.
pub(super) fn payload_of(message: usize) -> usize {
    let head = match message {
        0 => return 0,
        1..130 => 2,
        130..16_387 => 3,
        16_387..2_097_156 => 4,
        _ => 5,
    };
    message - head
}
