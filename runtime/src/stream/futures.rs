//! The halves as a `Stream` and a `Sink`, with the feature `futures`.

use std::pin::Pin;
use std::task::{Context as Cx, Poll, ready};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use futures_sink::Sink;

use super::{RecvStream, SendStream};
use crate::{Message, Status};

impl<T: Message> Stream for RecvStream<T> {
    type Item = Result<T, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.is_told() {
            return Poll::Ready(None);
        }
        let next = ready!(this.poll_next_item(cx)).transpose();
        // An error is the last that a `Stream` gives, once.
        this.tell(!matches!(next, Some(Ok(_))));
        Poll::Ready(next)
    }
}

impl<T: Message> FusedStream for RecvStream<T> {
    fn is_terminated(&self) -> bool {
        self.is_told()
    }
}

/// A [`SendStream`] as a `Sink`, with the feature `futures`. Closing it [finishes](SendStream::finish) the stream.
#[derive(Debug)]
#[must_use = "a stream that is dropped unfinished is reset"]
pub struct SendSink<T> {
    stream: SendStream<T>,
    taken: Option<T>,
}

impl<T> From<SendStream<T>> for SendSink<T> {
    fn from(stream: SendStream<T>) -> Self {
        Self { stream, taken: None }
    }
}

impl<T> SendStream<T> {
    /// This as a `Sink`, with the feature `futures`.
    pub fn into_sink(self) -> SendSink<T> {
        self.into()
    }
}

impl<T> Unpin for SendSink<T> {}

impl<T: Message> Sink<T> for SendSink<T> {
    type Error = Status;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Result<(), Status>> {
        self.poll_flush(cx)
    }

    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), Status> {
        self.get_mut().taken = Some(item);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Result<(), Status>> {
        let Self { stream, taken } = self.get_mut();
        match taken.as_ref().map(Message::encoded_len) {
            Some(len) => stream.poll_send(cx, taken, len),
            None => stream.poll_sent(cx),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Result<(), Status>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Poll::Ready(self.get_mut().stream.finish_now())
    }
}
