//! Streams of messages, one way or both. Their signatures are final; until they run, opening one answers UNIMPLEMENTED.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context as Cx, Poll};

use crate::{Message, Status};

/// What every streaming method answers for now.
pub(crate) fn not_yet() -> Status {
    Status::unimplemented("streaming methods do not run yet")
}

/// The sending half of a stream. Nothing makes one yet.
pub struct SendStream<T>(PhantomData<fn(T)>);

/// The receiving half of a stream. Nothing makes one yet.
pub struct RecvStream<T>(PhantomData<fn() -> T>);

/// The answer to a stream of requests. Nothing makes one yet.
///
/// # Errors
/// `UNIMPLEMENTED`, always.
#[must_use = "an answer that nobody awaits is lost"]
pub struct Reply<R>(PhantomData<fn() -> R>);

/// A stream that opens when it is awaited.
///
/// # Errors
/// `UNIMPLEMENTED`, always: streaming methods do not run yet.
#[must_use = "a stream does not open unless it is awaited"]
pub struct Open<Q, S>(PhantomData<fn(Q) -> S>);

impl<Q, S> Open<Q, S> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<Q: Message, R: Message> Future for Open<Q, RecvStream<R>> {
    type Output = Result<RecvStream<R>, Status>;

    fn poll(self: Pin<&mut Self>, _: &mut Cx<'_>) -> Poll<Self::Output> {
        Poll::Ready(Err(not_yet().not_run()))
    }
}

impl<Q: Message, R: Message> Future for Open<(), (SendStream<Q>, Reply<R>)> {
    type Output = Result<(SendStream<Q>, Reply<R>), Status>;

    fn poll(self: Pin<&mut Self>, _: &mut Cx<'_>) -> Poll<Self::Output> {
        Poll::Ready(Err(not_yet().not_run()))
    }
}

impl<Q: Message, R: Message> Future for Open<(), (SendStream<Q>, RecvStream<R>)> {
    type Output = Result<(SendStream<Q>, RecvStream<R>), Status>;

    fn poll(self: Pin<&mut Self>, _: &mut Cx<'_>) -> Poll<Self::Output> {
        Poll::Ready(Err(not_yet().not_run()))
    }
}

impl<R: Message> Future for Reply<R> {
    type Output = Result<R, Status>;

    fn poll(self: Pin<&mut Self>, _: &mut Cx<'_>) -> Poll<Self::Output> {
        Poll::Ready(Err(not_yet().not_run()))
    }
}

macro_rules! opaque_debug {
    ($($name:ident<$($param:ident),*>)*) => {
        $(impl<$($param),*> fmt::Debug for $name<$($param),*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        })*
    };
}
opaque_debug! { SendStream<T> RecvStream<T> Reply<R> Open<Q, S> }
