//! A call in a pipeline: what the pipeline does with it, and how far it has come.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, Waker};

use crate::proto::Shape;
use crate::request::NO_ROOM;
use crate::request::Phase;
use crate::session::{CallWait, Shared, State};
use crate::{Call, CallWithMetadata, Error, Message, Metadata, Status};

/// What a pipeline is made of: a [`Call`], or a [`CallWithMetadata`].
#[expect(private_bounds, reason = "nothing else can be opened under the lock of a session")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a call, which a pipeline is made of",
    label = "not a call",
    note = "a pipeline takes what a client's methods return: a `protocall::Call`, or one `.with_metadata()`"
)]
pub trait Member: Asks {}

impl<Q: Message, R: Message> Member for Call<Q, R> {}
impl<Q: Message, R: Message> Member for CallWithMetadata<Q, R> {}

/// What is behind a [`Member`].
pub(crate) trait Asks: Future + Unpin {
    fn call(&mut self) -> &mut dyn Opens;
    fn failed(status: Status) -> Self::Output;
}

impl<Q: Message, R: Message> Asks for Call<Q, R> {
    fn call(&mut self) -> &mut dyn Opens {
        self
    }

    fn failed(status: Status) -> Result<R, Status> {
        Err(status)
    }
}

impl<Q: Message, R: Message> Asks for CallWithMetadata<Q, R> {
    fn call(&mut self) -> &mut dyn Opens {
        &mut self.0
    }

    fn failed(status: Status) -> Result<(R, Metadata), Status> {
        Err(status)
    }
}

/// How far opening came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    Sent,
    /// There is no room.
    Waits,
    /// It is too large to be encoded with others.
    Large,
}

/// A call of whatever type until it was sent. One that failed is to be let go of, with no lock held.
pub(crate) trait Opens {
    /// Comes to a session; its time begins.
    fn poll_session(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), Status>>;

    /// The session that it has come to, and the length of its message.
    fn place(&self) -> Option<(&Arc<Shared>, usize)>;

    /// Opens it under the lock that it shares with others, which must be its session's.
    fn open_among(&mut self, state: &mut State, room: &Waker) -> Result<Opened, Status>;

    fn open_alone(&mut self, cx: &mut Cx<'_>) -> Result<Opened, Status>;

    /// The end of its time, if it waits for room. Otherwise it was sent, and what it was made of is let go of.
    fn poll_room(&mut self, cx: &mut Cx<'_>) -> Poll<Status>;

    /// It stands behind others, and its time goes on.
    fn keep_time(&mut self);

    fn let_go(&mut self);
}

impl<Q: Message, R: Message> Call<Q, R> {
    /// It may have stood behind others for long.
    fn check_time(&self) -> Result<(), Status> {
        match (self.request.left(), self.request.limit) {
            (Some(left), Some(limit)) if left.is_zero() => {
                Err(Status::from(Error::NotSent { limit, why: NO_ROOM }).not_run())
            }
            _ => Ok(()),
        }
    }

    fn how_far(&self) -> Opened {
        match self.request.phase {
            Phase::On { wait: Some(CallWait::Room(_)), .. } => Opened::Waits,
            _ => Opened::Sent,
        }
    }
}

impl<Q: Message, R: Message> Opens for Call<Q, R> {
    fn poll_session(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), Status>> {
        self.request.poll_session(cx)
    }

    fn place(&self) -> Option<(&Arc<Shared>, usize)> {
        match &self.request.phase {
            Phase::On { shared, len, .. } => Some((shared, *len)),
            _ => None,
        }
    }

    fn open_among(&mut self, state: &mut State, room: &Waker) -> Result<Opened, Status> {
        self.check_time()?;
        let Some((_, out, wait)) = self.request.outgoing(Shape::Unary) else { return Ok(Opened::Sent) };
        match state.advance_among(&out, wait, room)? {
            true => Ok(self.how_far()),
            false => Ok(Opened::Large),
        }
    }

    fn open_alone(&mut self, cx: &mut Cx<'_>) -> Result<Opened, Status> {
        let Some((shared, out, wait)) = self.request.outgoing(Shape::Unary) else { return Ok(Opened::Sent) };
        shared.advance_call(&out, wait, cx.waker())?;
        Ok(self.how_far())
    }

    fn poll_room(&mut self, cx: &mut Cx<'_>) -> Poll<Status> {
        Self::poll_room(self, cx)
    }

    fn keep_time(&mut self) {
        self.request.deadline();
    }

    fn let_go(&mut self) {
        Self::let_go(self);
    }
}

/// A call and how far it has come.
pub(crate) struct Slot<C: Member> {
    call: C,
    at: At<C::Output>,
}

enum At<T> {
    /// It is to be sent yet.
    Behind,
    Sent,
    Done(T),
    Taken,
}

/// A slot of whatever type.
pub(crate) trait Stands {
    fn call(&mut self) -> &mut dyn Opens;
    fn is_behind(&self) -> bool;
    fn sent(&mut self, cx: &mut Cx<'_>);
    fn fail(&mut self, status: Status);
    /// Whether its answer is here. If not, and it was sent, the task is woken by it.
    fn poll_done(&mut self, cx: &mut Cx<'_>) -> Poll<()>;
}

impl<C: Member> Slot<C> {
    pub(crate) fn new(call: C) -> Self {
        Self { call, at: At::Behind }
    }

    pub(crate) fn take(&mut self) -> Option<C::Output> {
        match std::mem::replace(&mut self.at, At::Taken) {
            At::Done(answer) => Some(answer),
            _ => None,
        }
    }
}

impl<C: Member> Stands for Slot<C> {
    fn call(&mut self) -> &mut dyn Opens {
        self.call.call()
    }

    fn is_behind(&self) -> bool {
        matches!(self.at, At::Behind)
    }

    fn sent(&mut self, cx: &mut Cx<'_>) {
        let sent = self.call().poll_room(cx);
        debug_assert!(sent.is_pending());
        self.at = At::Sent;
    }

    fn fail(&mut self, status: Status) {
        self.call().let_go();
        self.at = At::Done(C::failed(status));
    }

    fn poll_done(&mut self, cx: &mut Cx<'_>) -> Poll<()> {
        match self.at {
            At::Behind => Poll::Pending,
            At::Sent => Pin::new(&mut self.call).poll(cx).map(|answer| self.at = At::Done(answer)),
            At::Done(_) | At::Taken => Poll::Ready(()),
        }
    }
}

impl<C: Member> fmt::Debug for Slot<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}
