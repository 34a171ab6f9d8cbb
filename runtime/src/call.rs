//! What a client's methods return: a call that is made when it is awaited. Made by generated clients.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context as Cx, Poll};
use std::time::Duration;

use bytes::Bytes;

use crate::frame::Block;
use crate::proto::{Answer, Kept, Shape};
use crate::request::{Phase, Request, RouteName, request_setters};
use crate::session::CallWait;
use crate::session::pieces::Opened;
use crate::{Caller, Code, Message, Metadata, MethodSpec, Raw, Status, Timeout};

/// A call: awaited, it gives the answer or a [`Status`].
///
/// Nothing is sent before it is first polled. Dropped before the answer, it is cancelled at the other end too. It owns its
/// message, so it can be spawned, joined and selected.
///
/// Its time limit is [`timeout`](Self::timeout), else the method's, else the session's (30 s unless set); in a handler no
/// more than what is left of the handler's.
///
/// ```
/// use std::time::Duration;
///
/// use protocall::{Caller, Raw, Status};
///
/// async fn ask(caller: &Caller) -> Result<Raw, Status> {
///     let call = caller.call_raw("clock.v1.Clock/Now", "");
///     let (now, metadata) = call.timeout(Duration::from_millis(200)).metadata("zone", "UTC").with_metadata().await?;
///     println!("{:?}", metadata.get_str("source"));
///     Ok(now)
/// }
/// ```
///
/// Several calls that are to leave together go through a [`pipeline`](crate::pipeline()).
///
/// # Errors
/// What the other end answered; or, with [`Status::local`], what failed at this end.
///
/// # Panics
/// If it is polled again after it gave its answer.
#[must_use = "a call does nothing unless it is awaited"]
pub struct Call<Q: Message, R> {
    pub(crate) request: Request<Q>,
    answer: PhantomData<fn() -> R>,
}

impl<Q: Message, R: Message> Call<Q, R> {
    pub(crate) fn new(caller: Caller, spec: &'static MethodSpec, message: Q) -> Self {
        Self { request: Request::new(caller, RouteName::Spec(spec), message), answer: PhantomData }
    }

    request_setters!();

    fn request_mut(&mut self) -> &mut Request<Q> {
        &mut self.request
    }

    /// Gives the metadata of the answer too.
    pub fn with_metadata(self) -> CallWithMetadata<Q, R> {
        CallWithMetadata(self)
    }

    #[inline(always)]
    fn poll_answer<T>(
        &mut self,
        cx: &mut Cx<'_>,
        read: impl FnOnce(Kept) -> Result<T, Status>,
    ) -> Poll<Result<T, Status>> {
        let Poll::Ready(answer) = self.poll_wire(cx) else { return Poll::Pending };
        // Whatever is still held at the session is let go of.
        self.request.let_go();
        Poll::Ready(answer.and_then(read))
    }

    fn poll_wire(&mut self, cx: &mut Cx<'_>) -> Poll<Result<Kept, Status>> {
        let request = &mut self.request;
        if let Phase::On { shared, wait, .. } = &mut request.phase {
            if let Some(CallWait::Answer(number)) = *wait {
                let answer = shared.poll_answer(number, cx.waker());
                if answer.is_ready() {
                    *wait = None;
                }
                return answer.map(Ok);
            }
        }
        match request.poll_opened(Shape::Unary, cx) {
            Poll::Ready(Err(status)) => Poll::Ready(Err(status)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        }
    }

    /// The end of its time, if it waits for room. Otherwise it was sent, and what it was made of is let go of.
    #[inline]
    pub(crate) fn poll_room(&mut self, cx: &mut Cx<'_>) -> Poll<Status> {
        match self.request.poll_room(cx) {
            Poll::Ready(Err(status)) => Poll::Ready(status),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        }
    }

    pub(crate) fn let_go(&mut self) {
        self.request.let_go();
    }
}

impl<Q: Message> Call<Q, Raw> {
    pub(crate) fn raw(caller: Caller, route: String, message: Q) -> Self {
        Self { request: Request::new(caller, RouteName::Name(route), message), answer: PhantomData }
    }

    /// Takes over what a call that is forwarded had beside its metadata, and adds the address that it came from.
    pub(crate) fn forwarding(mut self, came: Option<&Block>, from: String) -> Self {
        self.request.forward(came, from);
        self
    }

    /// Opens it, for who looks at its answer as it comes.
    pub(crate) async fn open(mut self) -> Result<Opened, Status> {
        poll_fn(|cx| self.request.poll_opened(Shape::Unary, cx)).await?;
        match std::mem::replace(&mut self.request.phase, Phase::Done) {
            Phase::On { shared, wait: Some(CallWait::Answer(number)), .. } => {
                Ok(Opened::new(shared, number, self.request.caller.clone()))
            }
            _ => Err(Status::internal("the call was not opened")),
        }
    }
}

/// An answer, typed. Runs with no lock held.
pub(crate) fn read_answer<R: Message>(answer: Answer) -> Result<(R, Metadata), Status> {
    match answer {
        Answer::Message { payload, block } => {
            let metadata = match block.is_empty() {
                true => Metadata::new(),
                false => read_block(&block).metadata,
            };
            let reply = R::decode(payload).map_err(|status| unreadable(&status))?;
            Ok((reply, metadata))
        }
        answer => Err(read_failure(answer)),
    }
}

#[cold]
fn unreadable(why: &Status) -> Status {
    Status::internal(format!("the reply cannot be read: {}", why.message()))
}

/// An answer that is no message.
#[cold]
fn read_failure(answer: Answer) -> Status {
    match answer {
        Answer::Failed { status, block } => {
            let read = Status::new(Code::from_wire(status.code), status.text.to_string());
            let read = if block.is_empty() { read } else { read.with_block(read_block(&block)) };
            if status.not_run { read.not_run() } else { read }
        }
        Answer::Local(status) => status,
        Answer::Message { .. } => Status::internal("no answer"),
    }
}

/// A block that cannot be read costs what was in it, no more (wire 14.2).
pub(crate) fn read_block(block: &Bytes) -> Block {
    Block::decode_answer(block).unwrap_or_default()
}

impl<Q: Message, R: Message> Future for Call<Q, R> {
    type Output = Result<R, Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        self.get_mut().poll_answer(cx, |answer| match answer {
            Kept::Message(payload) => R::decode(payload).map_err(|status| unreadable(&status)),
            Kept::Other(answer) => read_answer(*answer).map(|(reply, _)| reply),
        })
    }
}

impl<Q: Message, R> Unpin for Call<Q, R> {}

impl<Q: Message, R> Drop for Call<Q, R> {
    fn drop(&mut self) {
        self.request.let_go();
    }
}

impl<Q: Message, R> fmt::Debug for Call<Q, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("route", &self.request.route.name()).finish_non_exhaustive()
    }
}

/// A [`Call`] that gives the answer's metadata too.
#[must_use = "a call does nothing unless it is awaited"]
#[derive(Debug)]
pub struct CallWithMetadata<Q: Message, R>(pub(crate) Call<Q, R>);

impl<Q: Message, R: Message> Future for CallWithMetadata<Q, R> {
    type Output = Result<(R, Metadata), Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        self.get_mut().0.poll_answer(cx, |answer| read_answer(answer.into()))
    }
}
