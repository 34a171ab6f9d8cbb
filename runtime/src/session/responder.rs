//! The answer to a call: encoded in place where it fits, exactly once, whatever its handler did. Held by the handler's future.

use std::sync::Arc;
use std::task::{Context as Cx, Poll};

use bytes::Bytes;

use super::Shared;
use super::outside;
use super::pieces::BegunReply;
use crate::context::{CallCore, Context};
use crate::frame::Block;
use crate::message::Payload;
use crate::proto::{ReplyKey, ReplyRoom, Terminal, stop_status};
use crate::{Message, MethodKind, Raw, Status};

/// The one terminal frame of a call (wire 8.4): sent by `finish` or `refuse`, or, if the handler is dropped or panics,
/// when this is dropped.
#[derive(Debug)]
pub(crate) struct Responder {
    core: Arc<CallCore>,
    number: u32,
    done: bool,
}

impl Responder {
    pub(super) fn new(core: Arc<CallCore>, number: u32) -> Self {
        Self { core, number, done: false }
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// The session that is answered.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        self.core.session().shared()
    }

    pub(super) fn core(&self) -> &Arc<CallCore> {
        &self.core
    }

    pub(super) fn context(&self) -> Context {
        Context::new(&self.core)
    }

    /// Whether it answers this call.
    pub(super) fn is_of(&self, core: &Arc<CallCore>) -> bool {
        Arc::ptr_eq(&self.core, core)
    }

    /// Somebody else has answered.
    pub(super) fn mark_done(&mut self) {
        self.done = true;
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// What the handler returned.
    pub(crate) fn finish<R: Message>(mut self, result: Result<R, Status>) {
        match result {
            Ok(reply) => self.reply(&reply),
            Err(status) => self.status(&status.by_handler()),
        }
    }

    /// What the handler of a stream returned: it ends the stream.
    pub(crate) fn finish_stream(mut self, result: Result<(), Status>) {
        match result {
            Ok(()) => self.end_of_stream(),
            Err(status) => self.status(&status.by_handler()),
        }
    }

    /// As [`finish`](Self::finish), for a call that went on elsewhere: what is certain of it stays so (wire 13.4).
    pub(crate) fn finish_forwarded(mut self, kind: MethodKind, result: Result<Raw, Status>) {
        match result {
            Ok(_) if matches!(kind, MethodKind::ServerStream | MethodKind::Bidi) => self.end_of_stream(),
            Ok(reply) => self.reply(&reply),
            Err(status) => self.status(&status.by_forwarding()),
        }
    }

    /// Not dispatched (wire 13.4).
    pub(crate) fn refuse(mut self, status: Status) {
        self.status(&status.not_run());
    }

    fn reply<R: Message>(&mut self, reply: &R) {
        let metadata = self.core.take_reply_metadata();
        let block = metadata.into_item();
        let len = reply.encoded_len();
        let limit = self.core.spec().and_then(|spec| spec.max_message);
        let number = self.number;
        let placed = self.core.session().shared().with(|state| {
            if let Err(status) = state.conn.check_reply(limit, len, block.len()) {
                return Placed::Refused(status);
            }
            match state.conn.reply_room(len, block.len()) {
                ReplyRoom::Nobody => Placed::Done,
                ReplyRoom::Outside => Placed::Outside,
                ReplyRoom::InPlace => {
                    let written = state.conn.reply_in_place(number, len, &block, |out| reply.encode(out));
                    match written {
                        Ok(()) => {
                            state.take_handler(number);
                            Placed::Done
                        }
                        Err(error) => Placed::Refused(error.into()),
                    }
                }
            }
        });
        match placed {
            Placed::Done => self.done = true,
            Placed::Refused(status) => self.status(&status.by_handler()),
            Placed::Outside => match outside::encode(self.shared(), reply, len) {
                Ok(message) => self.terminal(Terminal::Message { block, message }),
                Err(error) => self.status(&Status::from(error).by_handler()),
            },
        }
    }

    /// Begins an answer of so many bytes, which are to come.
    pub(super) fn begin(mut self, len: usize) -> BegunReply {
        if !self.shared().state.lock().conn.is_large(len) {
            return BegunReply::Small(self);
        }
        let block = self.core.take_reply_metadata().into_item();
        let number = self.number;
        let begun = self.shared().with(|state| {
            state.conn.check_reply(None, len, block.len())?;
            state.take_handler(number);
            Ok(state.conn.begin_reply(number, block, len))
        });
        match begun {
            Ok(key) => {
                self.done = true;
                BegunReply::Pieces(Pieces { shared: Arc::clone(self.shared()), key, over: false })
            }
            Err(status) => {
                let status: Status = status;
                self.status(&status.by_handler());
                BegunReply::Refused
            }
        }
    }

    fn end_of_stream(&mut self) {
        let block = self.core.take_reply_metadata().into_item();
        let checked = self.core.session().shared().state.lock().conn.check_reply(None, 0, block.len());
        match checked {
            Ok(()) => self.terminal(Terminal::Message { block, message: Payload::default() }),
            Err(status) => self.status(&status.by_handler()),
        }
    }

    fn status(&mut self, status: &Status) {
        let mut metadata = self.core.take_reply_metadata();
        for (key, value) in status.all_metadata().iter() {
            metadata.append(key, value);
        }
        let block = Block {
            metadata,
            retry_after: status.retry_hint().map(|wait| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)),
            details: status.wire_details(),
            ..Block::default()
        };
        let block = block.encode();
        let checked = self.core.session().shared().state.lock().conn.check_reply(None, 0, block.len());
        let block = match checked {
            Ok(()) => block,
            // The code matters more than details that do not fit.
            Err(_) => Bytes::new(),
        };
        self.terminal(Terminal::status(status, block));
    }

    fn terminal(&mut self, terminal: Terminal) {
        self.done = true;
        let number = self.number;
        self.core.session().shared().with(|state| {
            state.take_handler(number);
            state.conn.reply(number, terminal);
        });
    }
}

/// An answer that is on its way while it comes. Dropped before its end it breaks off.
pub(super) struct Pieces {
    shared: Arc<Shared>,
    key: ReplyKey,
    over: bool,
}

impl Pieces {
    /// Waits until nobody wants more of it.
    pub(super) fn poll_unwanted(&self, cx: &mut Cx<'_>) -> Poll<()> {
        self.shared.with_little(|state| match state.conn.reply_goes_on(self.key) {
            true => {
                let id = state.conn.peers_id(self.key);
                state.request_waits(id, cx.waker());
                Poll::Pending
            }
            false => Poll::Ready(()),
        })
    }

    /// More of it. False: nobody wants it any more.
    pub(super) fn came(&self, bytes: Bytes) -> bool {
        self.shared.with(|state| state.conn.reply_came(self.key, bytes))
    }

    /// The rest will never come.
    pub(super) fn break_off(mut self, why: &Status) {
        self.over = true;
        self.shared.with(|state| state.conn.break_reply(self.key, why));
    }

    /// There is nothing left to do for it.
    pub(super) fn leave(mut self) {
        self.over = true;
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        if !self.over {
            let why = Status::internal("the answer broke off");
            self.shared.with(|state| state.conn.break_reply(self.key, &why));
        }
    }
}

enum Placed {
    Done,
    Outside,
    Refused(Status),
}

impl Drop for Responder {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let status = match self.core.stopped() {
            _ if std::thread::panicking() => Status::internal("the handler panicked"),
            Some(why) => stop_status(why),
            None => Status::internal("the handler was dropped"),
        };
        self.status(&status);
    }
}
