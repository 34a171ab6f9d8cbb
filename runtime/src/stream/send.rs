//! The sending half of a stream.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;

use super::timeout::{self, ItemTimeout};
use crate::budget::Moved;
use crate::context::CallCore;
use crate::proto::Half;
use crate::session::streams::StreamHandle;
use crate::{Error, Message, Status};

/// The sending half of a stream: of the requests at a caller, of the answers at a handler.
///
/// [`send`](Self::send) waits while the other end has not read what was sent before: `stream_credit` there bounds that, 256 KiB
/// unless set. What was sent arrives in order, or the other end learns that the stream broke off.
///
/// A caller ends it with [`finish`](Self::finish). Dropped unfinished it is reset: the handler gets an `Err` at its reader, so
/// that half an upload never looks whole. A handler's is ended by what the handler returns.
///
/// ```
/// # use protocall::{Raw, SendStream, Status};
/// # async fn send(mut lines: SendStream<Raw>) -> Result<(), Status> {
/// lines.send("one".into()).await?;
/// lines.send("two".into()).await?;
/// lines.finish().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a stream that is dropped unfinished is reset"]
pub struct SendStream<T> {
    state: Box<Sending>,
    item: PhantomData<fn(T)>,
}

/// What a sender has, apart: a handler's future holds it several times, once for each function that it is handed through.
struct Sending {
    handle: Option<StreamHandle>,
    /// The longest item that the method lets through; the greatest number if it lets all.
    limit: u32,
    /// At a handler: what of its metadata goes ahead of the first item.
    core: Option<Arc<CallCore>>,
    /// At a caller: how long the answer may take once this is finished, if nothing else limits it.
    reply_within: Option<Box<Duration>>,
    item_timeout: Option<Box<ItemTimeout>>,
    /// A large item was handed over, and waits for credit.
    offered: bool,
    moved: Moved,
}

impl<T> SendStream<T> {
    /// A caller's.
    pub(crate) fn of_caller(
        handle: StreamHandle,
        limit: Option<usize>,
        reply_within: Option<Duration>,
    ) -> Self {
        let state = Sending {
            handle: Some(handle),
            limit: limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(u32::MAX),
            core: None,
            reply_within: reply_within.map(Box::new),
            item_timeout: None,
            offered: false,
            moved: Moved::default(),
        };
        Self { state: Box::new(state), item: PhantomData }
    }

    /// A handler's.
    pub(crate) fn of_handler(handle: StreamHandle, core: Arc<CallCore>) -> Self {
        let limit = core.spec().and_then(|spec| spec.max_message);
        let mut this = Self::of_caller(handle, limit, None);
        this.state.core = Some(core);
        this
    }

    /// The longest wait for an item to be taken; then [`send`](Self::send) fails with `DEADLINE_EXCEEDED` and the stream
    /// with it. Default: none, since keepalive finds an end that is dead.
    pub fn item_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.state.item_timeout = ItemTimeout::new(limit.into());
        self
    }

    /// In a handler: answers with the metadata that was set until now, ahead of the first item, which would take it along
    /// anyway. What is set later goes with the end. At a caller it does nothing.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` if it is more than the other end takes (`max_metadata` there).
    pub fn begin(&mut self) -> Result<(), Status> {
        self.say_headers(true)
    }

    fn say_headers(&mut self, empty_too: bool) -> Result<(), Status> {
        let (Some(core), Some(handle)) = (&self.state.core, &self.state.handle) else { return Ok(()) };
        let metadata = core.take_reply_metadata();
        if metadata.is_empty() && !empty_too {
            self.state.core = None;
            return Ok(());
        }
        let block = metadata.into_item();
        self.state.core = None;
        handle.send_headers(block).map(|_| ())
    }

    /// Waits until the other end wants no more items, or none can be sent any more: why. For handlers that wait for something
    /// to send.
    pub async fn closed(&self) -> Status {
        let Some(handle) = &self.state.handle else { return Status::cancelled("the stream is over") };
        poll_fn(|cx| handle.poll_closed(cx.waker())).await
    }

    /// Breaks the stream off: the handler gets this code and text at its reader, after the items that came before. The call
    /// goes on until it has answered. In a handler return the status instead.
    pub fn reset(mut self, status: &Status) {
        if let Some(handle) = self.state.handle.take() {
            handle.reset(status.code(), status.message());
            handle.let_go(Half::Sender);
        }
    }

    pub(super) fn finish_now(&mut self) -> Result<(), Status> {
        let Some(handle) = self.state.handle.take() else { return Ok(()) };
        let finished = handle.finish(self.state.reply_within.as_deref().copied());
        handle.let_go(Half::Sender);
        finished
    }

    fn limit(&self) -> Option<usize> {
        Some(self.state.limit).filter(|limit| *limit < u32::MAX).map(|limit| limit as usize)
    }

    fn poll_offered(&mut self, waker: &Waker) -> Poll<Result<(), Status>> {
        let Some(handle) = &self.state.handle else { return Poll::Ready(Ok(())) };
        let accepted = ready!(handle.poll_accepted(waker));
        self.state.offered = false;
        Poll::Ready(accepted)
    }
}

impl<T: Message> SendStream<T> {
    /// Sends an item, when there is room for it.
    ///
    /// Dropped while it waits, the item is not sent; but one that is larger than a frame (`max_fragment`) or than
    /// `stream_credit` at the other end may be.
    ///
    /// # Errors
    /// - the status with which the call has ended, or the other end's [`stop`](crate::RecvStream::stop), `CANCELLED` if that
    ///   gave no reason: the stream is over;
    /// - `RESOURCE_EXHAUSTED` for an item over `max_message`, which alone is lost.
    pub fn send(&mut self, item: T) -> impl Future<Output = Result<(), Status>> + Send {
        Offer { stream: self, item: Some(item), waits: false }
    }

    /// Sends the item now, as most are. `None`: it must be looked at more closely.
    #[inline]
    fn send_at_once(&self, item: &T) -> Option<Result<(), Status>> {
        // A handler's metadata goes ahead; a large item may be under way.
        let Sending { handle, limit, core, offered, .. } = &*self.state;
        let len = item.encoded_len();
        if core.is_some() || *offered || len > *limit as usize {
            return None;
        }
        handle.as_ref()?.send_at_once(item, len)
    }

    /// It was not taken in time: the stream is broken off.
    fn late(&mut self, status: Status) -> Status {
        if let Some(handle) = self.state.handle.take() {
            handle.reset(status.code(), status.message());
            handle.let_go(Half::Sender);
        }
        status
    }

    /// Sends an item now, or not at all. One that is larger than a frame (`max_fragment`) or than `stream_credit` at the other
    /// end is taken and then waits for its credit, if none waits before it.
    ///
    /// # Errors
    /// [`Error::NoRoom`] if it would have to wait; else as [`send`](Self::send).
    pub fn try_send(&mut self, item: T) -> Result<(), Status> {
        let len = item.encoded_len();
        let mut item = Some(item);
        match self.poll_room(&mut Cx::from_waker(Waker::noop()), &mut item, len) {
            Poll::Ready(sent) => sent,
            Poll::Pending => {
                let why =
                    "the other end has not read earlier items (`stream_credit` there, `send_buffer` here)";
                Err(Status::from(Error::NoRoom(why)))
            }
        }
    }

    /// All items were sent. The other end reads them and then finds the end; the call goes on until it has answered, as long as
    /// somebody here waits for that: the [`Reply`](crate::Reply) or [`RecvStream`](crate::RecvStream) of the call. In a
    /// handler it means only that nothing more is sent: what the handler returns ends the stream.
    ///
    /// # Errors
    /// Why the stream had failed before. An other end that wanted no more items is none: its answer tells the rest.
    pub async fn finish(mut self) -> Result<(), Status> {
        poll_fn(|cx| self.poll_sent(cx)).await?;
        self.finish_now()
    }

    /// Whether an item of this length would leave in fragments.
    pub(super) fn is_large(&self, len: usize) -> bool {
        self.state.handle.as_ref().is_some_and(|handle| handle.is_large(len))
    }

    /// Begins a large item whose bytes are to [come](Self::came), when there is credit for all of it.
    pub(super) async fn begin_item(&mut self, len: usize) -> Result<(), Status> {
        poll_fn(|cx| self.poll_sent(cx)).await?;
        self.say_headers(false)?;
        let limit = self.limit();
        let Some(handle) = &self.state.handle else { return Err(Status::cancelled("the stream is over")) };
        poll_fn(|cx| handle.poll_send_coming((len, limit), cx.waker())).await?;
        self.state.offered = true;
        poll_fn(|cx| self.poll_sent(cx)).await
    }

    /// More of the item that was begun. False: it is not to leave any more.
    pub(super) fn came(&self, bytes: Bytes) -> bool {
        self.state.handle.as_ref().is_some_and(|handle| handle.came(bytes))
    }

    /// Whether it is a caller's.
    pub(super) fn is_callers(&self) -> bool {
        self.state.handle.as_ref().is_some_and(StreamHandle::is_ours)
    }

    /// Waits until what was taken is sent.
    pub(super) fn poll_sent(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), Status>> {
        if self.state.offered { self.poll_offered(cx.waker()) } else { Poll::Ready(Ok(())) }
    }

    pub(super) fn poll_send(
        &mut self,
        cx: &mut Cx<'_>,
        item: &mut Option<T>,
        len: usize,
    ) -> Poll<Result<(), Status>> {
        let unit = ready!(self.state.moved.poll_unit(cx));
        let sent = ready!(self.poll_room(cx, item, len));
        if sent.is_ok() && self.state.offered {
            return self.poll_offered(cx.waker());
        }
        self.state.moved.one(unit);
        Poll::Ready(sent)
    }

    /// Hands the item over. Ready, and offered: it waits for its credit.
    fn poll_room(&mut self, cx: &mut Cx<'_>, item: &mut Option<T>, len: usize) -> Poll<Result<(), Status>> {
        if self.state.offered {
            ready!(self.poll_offered(cx.waker()))?;
        }
        let Some(message) = item.as_ref() else { return Poll::Ready(Ok(())) };
        if self.state.core.is_some() {
            self.say_headers(false)?;
        }
        let Some(handle) = &self.state.handle else {
            return Poll::Ready(Err(Status::cancelled("the stream is over")));
        };
        let sent = ready!(handle.poll_send(message, (len, self.limit()), cx.waker()));
        *item = None;
        Poll::Ready(sent.map(|whole| self.state.offered = !whole))
    }
}

/// An item on its way.
struct Offer<'a, T> {
    stream: &'a mut SendStream<T>,
    item: Option<T>,
    /// There was no room for it.
    waits: bool,
}

/// The item is moved like any other value.
impl<T> Unpin for Offer<'_, T> {}

impl<T: Message> Offer<'_, T> {
    /// There may be no room.
    #[cold]
    fn poll_closely(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), Status>> {
        let len = self.item.as_ref().map_or(0, Message::encoded_len);
        if let Poll::Ready(sent) = self.stream.poll_send(cx, &mut self.item, len) {
            return Poll::Ready(sent);
        }
        self.waits = true;
        let status = ready!(timeout::poll_late(&mut self.stream.state.item_timeout, cx));
        Poll::Ready(Err(self.stream.late(status)))
    }
}

impl<T: Message> Future for Offer<'_, T> {
    type Output = Result<(), Status>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let unit = ready!(this.stream.state.moved.poll_unit(cx));
        if let Some(sent) = this.item.as_ref().and_then(|item| this.stream.send_at_once(item)) {
            this.stream.state.moved.one(unit);
            this.item = None;
            return Poll::Ready(sent);
        }
        drop(unit);
        this.poll_closely(cx)
    }
}

impl<T> Drop for Offer<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.waits {
            timeout::begin(&mut self.stream.state.item_timeout);
        }
    }
}

impl<T> Drop for SendStream<T> {
    fn drop(&mut self) {
        if let Some(handle) = self.state.handle.take() {
            handle.let_go(Half::Sender);
        }
    }
}

impl<T> fmt::Debug for SendStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendStream").field("open", &self.state.handle.is_some()).finish_non_exhaustive()
    }
}
