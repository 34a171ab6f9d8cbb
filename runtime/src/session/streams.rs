//! The streams of a session, from their handles' side: items are read and sent, halves are let go of. Called by
//! [`RecvStream`](crate::RecvStream) and [`SendStream`](crate::SendStream), for both ends of a call.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use super::Shared;
use super::outside;
use super::state::State;
use crate::frame::CallId;
use crate::message::Payload;
use crate::proto::{Answer, Half, ItemRoom, Messages, Read, StreamKey, lengthen};
use crate::{Code, Message, Status};

/// One half of a stream, on its session.
pub(crate) struct StreamHandle {
    shared: Arc<Shared>,
    key: StreamKey,
}

/// What a reader finds.
pub(crate) enum Found {
    /// Items; and how much of their stream may be unread.
    Items(u64),
    End(Answer),
}

/// Who waits for something in streams, by the numbers of their calls: those of the peer's, and of ours. None before somebody
/// does: most connections have no streams.
#[derive(Debug, Default)]
pub(crate) struct StreamWakers(Option<Box<[Vec<Option<Waker>>; 2]>>);

impl StreamWakers {
    fn slot(&mut self, id: CallId, ours: bool) -> &mut Option<Waker> {
        let list = &mut self.0.get_or_insert_default()[usize::from(ours)];
        let index = id.number() as usize - 1;
        lengthen(list, index + 1, || None);
        &mut list[index]
    }

    pub(super) fn set(&mut self, id: CallId, ours: bool, waker: &Waker) {
        match self.slot(id, ours) {
            Some(before) => before.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    pub(super) fn take(&mut self, id: CallId, ours: bool) -> Option<Waker> {
        let list = &mut self.0.as_mut()?[usize::from(ours)];
        list.get_mut(id.number() as usize - 1)?.take()
    }

    pub(super) fn wake_all(&mut self, wakes: &mut Vec<Waker>) {
        let lists = self.0.take().into_iter().flat_map(|lists| *lists);
        wakes.extend(lists.flatten().flatten());
    }

    /// Gives memory back if nobody waits.
    pub(super) fn shrink(&mut self) {
        let mut lists = self.0.iter_mut().flat_map(|lists| lists.iter_mut());
        if lists.all(|list| list.iter().all(Option::is_none)) {
            self.0 = None;
        }
    }
}

impl StreamHandle {
    pub(crate) fn new(shared: &Arc<Shared>, key: StreamKey) -> Self {
        Self { shared: Arc::clone(shared), key }
    }

    /// That of our call, which was opened.
    pub(crate) fn of_caller(shared: &Arc<Shared>, number: u32) -> Result<Self, Status> {
        let key = shared.state.lock().conn.our_stream(number);
        let key = key.ok_or_else(|| Status::internal("the call has no stream"))?;
        Ok(Self::new(shared, key))
    }

    /// For the other half.
    pub(crate) fn other(&self) -> Self {
        Self::new(&self.shared, self.key)
    }

    /// Whether this end opened the call.
    pub(crate) fn is_ours(&self) -> bool {
        self.shared.state.lock().conn.is_ours(self.key.id)
    }

    /// Moves what has come into `items`, which is empty.
    pub(crate) fn poll_read(&self, items: &mut VecDeque<Messages>, waker: &Waker) -> Poll<Found> {
        self.shared.with_little(|state| match state.conn.read_items(self.key, items) {
            Read::Items(window) => Poll::Ready(Found::Items(window)),
            Read::End(answer) => Poll::Ready(Found::End(answer)),
            Read::Wait => {
                state.reader_waits(self.key.id, waker);
                Poll::Pending
            }
        })
    }

    /// More has come of the call's request, which was to come. False: it is not to leave any more.
    pub(crate) fn request_came(&self, bytes: Bytes) -> bool {
        self.shared.with(|state| {
            state.conn.our_stream(self.key.id.number()) == Some(self.key)
                && state.conn.request_came(self.key.id.number(), bytes)
        })
    }

    /// The length of the item under way, if that is the next: it can be taken in [pieces](Self::take_piece).
    pub(crate) fn begun(&self) -> Option<usize> {
        self.shared.state.lock().conn.item_begun(self.key)
    }

    /// What has come of the item under way.
    pub(crate) fn take_piece(&self) -> Option<Bytes> {
        self.shared.state.lock().conn.item_piece(self.key)
    }

    /// The reader that found nothing does not wait for more.
    pub(crate) fn waits_no_more(&self) {
        self.shared.with_little(|state| state.conn.reader_left(self.key));
    }

    /// Items of so much cost were handed on.
    pub(crate) fn handed_on(&self, cost: u64) {
        if cost > 0 {
            self.shared.with_little(|state| state.conn.items_read(self.key, cost));
        }
    }

    /// Waits for the callee's HEADERS, or until they cannot come any more.
    pub(crate) fn poll_headers(&self, waker: &Waker) -> Poll<Option<Bytes>> {
        self.shared.with_little(|state| {
            if let Some(block) = state.conn.take_headers(self.key) {
                return Poll::Ready(Some(block));
            }
            if !state.conn.awaits_headers(self.key) {
                return Poll::Ready(None);
            }
            state.reader_waits(self.key.id, waker);
            Poll::Pending
        })
    }

    /// Sends a small item that need not wait. `None`: it must be looked at more closely, with
    /// [`poll_send`](Self::poll_send).
    #[inline]
    pub(crate) fn send_at_once<M: Message>(&self, message: &M, len: usize) -> Option<Result<(), Status>> {
        let mut state = self.shared.state.lock();
        let sent = state.conn.send_at_once(self.key, len, |out| message.encode(out))?;
        // Nothing came of it but bytes to be written: there are no events to settle.
        let driver = state.park.rouse();
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
        Some(sent.map_err(Status::from))
    }

    /// Sends an item. `Ready(Ok(false))`: it was too large for the write buffer, and waits until
    /// [`poll_accepted`](Self::poll_accepted).
    pub(crate) fn poll_send<M: Message>(
        &self,
        message: &M,
        (len, limit): (usize, Option<usize>),
        waker: &Waker,
    ) -> Poll<Result<bool, Status>> {
        let mut state = self.shared.state.lock();
        if let Err(status) = state.conn.check_item(limit, len) {
            return Poll::Ready(Err(status));
        }
        match state.conn.item_room(self.key, len) {
            ItemRoom::Closed(why) => return Poll::Ready(Err(why)),
            ItemRoom::Wait => {
                state.sender_waits(self.key.id, waker);
                self.shared.unlock(state);
                return Poll::Pending;
            }
            ItemRoom::InPlace => {
                let sent = state.conn.send_item(self.key, len, |out| message.encode(out));
                self.shared.unlock(state);
                return Poll::Ready(sent.map(|()| true).map_err(Status::from));
            }
            ItemRoom::Outside => {}
        }
        drop(state);
        let encoded = outside::encode(&self.shared, message, len)?;
        self.shared.with(|state| state.conn.offer_item(self.key, encoded));
        Poll::Ready(Ok(false))
    }

    /// Whether an item of this length would leave in fragments.
    pub(crate) fn is_large(&self, len: usize) -> bool {
        self.shared.state.lock().conn.is_large(len)
    }

    /// As [`poll_send`](Self::poll_send), for a large item whose bytes are to [come](Self::came).
    pub(crate) fn poll_send_coming(
        &self,
        (len, limit): (usize, Option<usize>),
        waker: &Waker,
    ) -> Poll<Result<(), Status>> {
        self.shared.with(|state| {
            state.conn.check_item(limit, len)?;
            match state.conn.item_room(self.key, len) {
                ItemRoom::Closed(why) => return Poll::Ready(Err(why)),
                ItemRoom::Wait => {
                    state.sender_waits(self.key.id, waker);
                    return Poll::Pending;
                }
                ItemRoom::InPlace | ItemRoom::Outside => {
                    state.conn.offer_item(self.key, Payload::coming(len, 0));
                }
            }
            Poll::Ready(Ok(()))
        })
    }

    /// More has come of the large item, which has its credit. False: it is not to leave any more.
    pub(crate) fn came(&self, bytes: Bytes) -> bool {
        self.shared.with(|state| state.conn.item_came(self.key, bytes))
    }

    /// Waits until a large item has its credit.
    pub(crate) fn poll_accepted(&self, waker: &Waker) -> Poll<Result<(), Status>> {
        self.shared.with_little(|state| match state.conn.item_accepted(self.key) {
            Some(accepted) => Poll::Ready(accepted),
            None => {
                state.sender_waits(self.key.id, waker);
                Poll::Pending
            }
        })
    }

    /// Waits until no more items can be sent: why.
    pub(crate) fn poll_closed(&self, waker: &Waker) -> Poll<Status> {
        self.shared.with_little(|state| match state.conn.sender_closed(self.key) {
            Some(why) => Poll::Ready(why),
            None => {
                state.sender_waits(self.key.id, waker);
                Poll::Pending
            }
        })
    }

    pub(crate) fn finish(&self, reply_within: Option<Duration>) -> Result<(), Status> {
        self.shared.with(|state| state.conn.finish_items(self.key, reply_within))
    }

    pub(crate) fn reset(&self, code: Code, text: &str) {
        self.shared.with(|state| state.conn.reset_items(self.key, code, text));
    }

    pub(crate) fn stop(&self, code: Code) {
        self.shared.with(|state| state.conn.stop_reading(self.key, code.number()));
    }

    /// As [`stop`](Self::stop), and the half stays to see the end of the call.
    pub(crate) fn stop_items(&self, code: Code) {
        self.shared.with(|state| state.conn.stop_items(self.key, code.number()));
    }

    /// False: it is too late for them.
    pub(crate) fn send_headers(&self, block: Bytes) -> Result<bool, Status> {
        self.shared.with(|state| {
            state.conn.check_reply(None, 0, block.len())?;
            Ok(state.conn.send_headers(self.key, block))
        })
    }

    pub(crate) fn let_go(&self, half: Half) {
        self.shared.with(|state| {
            let ours = state.conn.is_ours(self.key.id);
            match half {
                Half::Reader => drop(state.take_reader(self.key.id)),
                Half::Sender => drop(state.senders.take(self.key.id, ours)),
            }
            state.conn.let_go(self.key, half);
        });
    }
}

impl State {
    /// Readers of our own streams wait where callers wait for their answers.
    fn reader_waits(&mut self, id: CallId, waker: &Waker) {
        match self.conn.is_ours(id) {
            true => self.set_caller(id.number(), waker),
            false => self.readers.set(id, false, waker),
        }
    }

    pub(super) fn take_reader(&mut self, id: CallId) -> Option<Waker> {
        match self.conn.is_ours(id) {
            true => self.take_caller(id.number()),
            false => self.readers.take(id, false),
        }
    }

    fn sender_waits(&mut self, id: CallId, waker: &Waker) {
        let ours = self.conn.is_ours(id);
        self.senders.set(id, ours, waker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Role;

    #[test]
    fn memory_is_given_back_when_nobody_waits_in_any_stream() {
        let mut wakers = StreamWakers::default();
        let id = CallId::new(Role::Dialler, 3);
        wakers.set(id, true, Waker::noop());
        wakers.shrink();
        assert!(wakers.take(id, false).is_none() && wakers.take(id, true).is_some());
        wakers.shrink();
        assert!(wakers.0.is_none() && wakers.take(id, true).is_none());
    }
}
