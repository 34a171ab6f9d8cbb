//! The receiving half of a stream.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context as Cx, Poll, ready};
use std::time::Duration;

use bytes::Bytes;

use super::timeout::{self, ItemTimeout};
use crate::budget::Moved;
use crate::call::{read_answer, read_block};
use crate::proto::{Half, Messages};
use crate::session::streams::{Found, StreamHandle};
use crate::{Code, Message, Metadata, Status};

/// The receiving half of a stream: of the answers at a caller, of the requests at a handler.
///
/// Items come in order, each once. The stream ends with `None` only if the other end has finished it: a connection that is
/// lost, a sender that was dropped, a call that was cancelled or came too late are an `Err`, after the items that came
/// before.
///
/// What was not read yet is bounded: the other end may send `stream_credit` bytes ahead, 256 KiB unless set, and then waits
/// until some were read. Who does not read holds up nobody but that sender.
///
/// Dropped before its end, it tells the other end to send no more. At a caller this cancels the call, unless the call's
/// [`SendStream`](crate::SendStream) is still there.
///
/// ```
/// # use protocall::{RecvStream, Raw, Status};
/// # async fn read(mut lines: RecvStream<Raw>) -> Result<(), Status> {
/// while let Some(line) = lines.next().await? {
///     println!("{} bytes", line.0.len());
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a stream that nobody reads is stopped"]
pub struct RecvStream<T> {
    state: Box<Reading>,
    item: PhantomData<fn() -> T>,
}

/// What a reader has, apart: a handler's future holds it several times, once for each function that it is handed through.
struct Reading {
    handle: Option<StreamHandle>,
    /// What was taken from the session and not read yet; none of them is empty.
    items: VecDeque<Messages>,
    /// What of it was read, and not given back yet.
    held: u64,
    /// So much of it is given back at once.
    step: u64,
    /// How it ended, and the metadata that came at the end.
    end: Option<Box<Result<Metadata, Status>>>,
    item_timeout: Option<Box<ItemTimeout>>,
    moved: Moved,
    /// It asked for no more items, and waits for the end.
    stopped: bool,
    /// A `Stream` has said that it is over.
    #[cfg(feature = "futures")]
    told: bool,
}

impl<T> RecvStream<T> {
    pub(crate) fn new(handle: StreamHandle) -> Self {
        let state = Reading {
            handle: Some(handle),
            items: VecDeque::new(),
            held: 0,
            step: 0,
            end: None,
            item_timeout: None,
            moved: Moved::default(),
            stopped: false,
            #[cfg(feature = "futures")]
            told: false,
        };
        Self { state: Box::new(state), item: PhantomData }
    }

    /// Whether a `Stream` has said that it is over.
    #[cfg(feature = "futures")]
    pub(super) fn is_told(&self) -> bool {
        self.state.told
    }

    #[cfg(feature = "futures")]
    pub(super) fn tell(&mut self, over: bool) {
        self.state.told = over;
    }

    /// The longest wait for an item; then the stream ends with `DEADLINE_EXCEEDED`, as if it was
    /// [stopped](Self::stop) with that code. Default: none, since keepalive finds an end that is dead.
    pub fn item_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.state.item_timeout = ItemTimeout::new(limit.into());
        self
    }

    /// The metadata with which the other end began to answer. Waits until it, an item or the end is here. In a handler it is
    /// empty: what came with the call is [`Context::metadata`](crate::Context::metadata).
    ///
    /// # Errors
    /// How the stream ended, if that was an error and came first.
    pub async fn metadata(&mut self) -> Result<Metadata, Status> {
        let Some(handle) = &self.state.handle else {
            return self.state.end.as_deref().cloned().transpose().map(|_| Metadata::new());
        };
        let block = poll_fn(|cx| handle.poll_headers(cx.waker())).await;
        Ok(block.map_or_else(Metadata::new, |block| read_block(&block).metadata))
    }

    /// The metadata that came with the end, once [`next`](Self::next) gave `None`.
    #[must_use]
    pub fn trailing_metadata(&self) -> Option<&Metadata> {
        self.state.end.as_ref()?.as_ref().as_ref().ok()
    }

    /// Asks for no more items, telling why: the other end's sends fail with this code. Dropping it gives no reason.
    pub fn stop(mut self, code: Code) {
        if let Some(handle) = &self.state.handle {
            handle.stop(code);
        }
        self.state.let_go();
    }

    /// Asks for no more items, and goes on to the end of the call.
    pub(super) fn stop_items(&mut self, code: Code) {
        self.state.stopped = true;
        let rest = self.state.rest();
        if let Some(handle) = &self.state.handle {
            handle.handed_on(rest);
            handle.stop_items(code);
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.state.stopped
    }

    /// For who does something for its call.
    pub(crate) fn handle(&self) -> Option<StreamHandle> {
        self.state.handle.as_ref().map(StreamHandle::other)
    }

    /// The length of the item under way, if that is the next. From here on who waits for an item is woken for each piece.
    pub(super) fn begun(&self) -> Option<usize> {
        self.handle_of_next()?.begun()
    }

    /// What has come of the item under way; the last piece is the next item.
    pub(super) fn take_piece(&self) -> Option<Bytes> {
        self.handle_of_next()?.take_piece()
    }

    /// Of the item that is under way, if that is the next. It need not be when reading had to wait: that may have been for others
    /// to run.
    fn handle_of_next(&self) -> Option<&StreamHandle> {
        self.state.handle.as_ref().filter(|_| self.state.items.is_empty())
    }
}

impl<T: Message> RecvStream<T> {
    /// The next item; `None` when the other end has finished. It may be dropped at any time: no item is lost.
    ///
    /// # Errors
    /// How the stream ended, if not well; every time it is asked from then on. An item that cannot be read ends the stream
    /// too: with `INVALID_ARGUMENT` at a handler, `INTERNAL` at a caller.
    #[expect(clippy::should_implement_trait, reason = "this one waits")]
    pub fn next(&mut self) -> impl Future<Output = Result<Option<T>, Status>> + Send {
        Next { stream: self, waits: false }
    }

    #[inline]
    pub(crate) fn poll_next_item(&mut self, cx: &mut Cx<'_>) -> Poll<Result<Option<T>, Status>> {
        let state = &mut *self.state;
        let unit = ready!(state.moved.poll_unit(cx));
        loop {
            if let Some(item) = state.read_next(T::decode_within) {
                state.moved.one(unit);
                return Poll::Ready(match item {
                    Ok(item) => Ok(Some(item)),
                    Err(status) => Err(state.unreadable(&status)),
                });
            }
            if let Some(end) = ready!(state.poll_more(cx)) {
                return Poll::Ready(end.map_or(Ok(None), Err));
            }
        }
    }
}

impl Reading {
    fn rest(&mut self) -> u64 {
        let items = std::mem::take(&mut self.items);
        std::mem::take(&mut self.held) + items.iter().map(Messages::cost).sum::<u64>()
    }

    fn let_go(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.handed_on(self.rest());
            handle.let_go(Half::Reader);
        }
    }

    /// The credit of what was handed on is free again.
    fn give_back(&mut self) {
        if let Some(handle) = &self.handle {
            handle.handed_on(std::mem::take(&mut self.held));
        }
    }

    /// The stream is over for its reader.
    fn fail(&mut self, status: &Status) {
        if let Some(handle) = &self.handle {
            handle.stop(status.code());
        }
        self.let_go();
        self.end = Some(Box::new(Err(status.clone())));
    }

    #[cold]
    fn unreadable(&mut self, status: &Status) -> Status {
        let text = format!("an item cannot be read: {}", status.message());
        let status = match self.handle.as_ref().is_some_and(StreamHandle::is_ours) {
            true => Status::internal(text),
            false => Status::invalid_argument(text),
        };
        self.fail(&status);
        status
    }

    /// Hands on the next item that is here.
    #[inline]
    fn read_next<T>(&mut self, read: impl FnOnce(&Bytes, Range<usize>) -> T) -> Option<T> {
        let first = self.items.front_mut()?;
        let (item, cost) = first.read_next(read)?;
        self.held += cost;
        if first.is_empty() {
            self.items.pop_front();
        }
        if self.held >= self.step || self.items.is_empty() {
            self.give_back();
        }
        Some(item)
    }

    /// Takes what came meanwhile. `Some`: the end, and why if not well.
    fn poll_more(&mut self, cx: &mut Cx<'_>) -> Poll<Option<Option<Status>>> {
        if let Some(end) = &self.end {
            return Poll::Ready(Some(end.as_ref().as_ref().err().cloned()));
        }
        let Some(handle) = &self.handle else { return Poll::Ready(Some(None)) };
        match ready!(handle.poll_read(&mut self.items, cx.waker())) {
            Found::Items(window) => {
                self.step = window / 2;
                Poll::Ready(None)
            }
            Found::End(answer) => {
                let end = read_answer::<()>(answer).map(|((), metadata)| metadata);
                let why = end.as_ref().err().cloned();
                self.end = Some(Box::new(end));
                self.let_go();
                Poll::Ready(Some(why))
            }
        }
    }
}

/// The wait for an item. Who goes in the middle of it waits no more: what is large is granted only to who reads (wire 7.8).
struct Next<'a, T> {
    stream: &'a mut RecvStream<T>,
    waits: bool,
}

impl<T: Message> Next<'_, T> {
    /// There is nothing yet.
    #[cold]
    fn poll_late(&mut self, cx: &mut Cx<'_>) -> Poll<Result<Option<T>, Status>> {
        self.waits = true;
        let state = &mut *self.stream.state;
        let status = ready!(timeout::poll_late(&mut state.item_timeout, cx));
        state.fail(&status);
        Poll::Ready(Err(status))
    }
}

impl<T> Next<'_, T> {
    #[cold]
    fn waits_no_more(&mut self) {
        let state = &mut *self.stream.state;
        if let Some(handle) = &state.handle {
            handle.waits_no_more();
        }
        timeout::begin(&mut state.item_timeout);
    }
}

impl<T: Message> Future for Next<'_, T> {
    type Output = Result<Option<T>, Status>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let next = this.stream.poll_next_item(cx);
        if next.is_pending() {
            return this.poll_late(cx);
        }
        if std::mem::take(&mut this.waits) {
            timeout::begin(&mut this.stream.state.item_timeout);
        }
        next
    }
}

impl<T> Drop for Next<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.waits {
            self.waits_no_more();
        }
    }
}

impl<T> Drop for RecvStream<T> {
    fn drop(&mut self) {
        self.state.let_go();
    }
}

impl<T> fmt::Debug for RecvStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvStream").field("end", &self.state.end).finish_non_exhaustive()
    }
}
