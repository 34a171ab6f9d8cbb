//! Streams of an [`End`]: what the session does for their halves.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::Code;
use crate::frame::CallId;

/// Who was told to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proto) enum Woken {
    Reader(CallId),
    Sender(CallId),
}

/// What became of an item.
#[derive(Debug)]
pub(super) enum Sent {
    Gone,
    /// It waits in the machine until it has its credit.
    Offered,
    NotNow,
    Never,
}

/// One item of a stream, which can be told from all others.
pub(super) fn item_of(tag: u64, up: bool, seq: u32, len: usize) -> Bytes {
    let hash = pair::Dice::new(tag << 24 ^ u64::from(seq) << 1 ^ u64::from(up)).next();
    let mut bytes = vec![0; len];
    for (at, chunk) in bytes.chunks_mut(1_000).enumerate() {
        chunk.fill(hash as u8 ^ at as u8);
    }
    for (slot, byte) in bytes.iter_mut().zip(hash.to_be_bytes()) {
        *slot = byte;
    }
    Bytes::from(bytes)
}

impl End {
    /// Opens a call for items; its block is its tag. `None`: there is no room, or it may not go.
    pub(super) fn open_stream(
        &mut self,
        shape: Shape,
        tag: u64,
        len: usize,
        limit: Option<Duration>,
    ) -> Option<StreamKey> {
        let (route, block) = (OpenRoute::Spec(&ECHO), tag.to_be_bytes());
        let len = if shape.has_request() { len } else { 0 };
        self.conn.check_open(route, len, block.len()).ok()?;
        let cost = self.conn.call_cost(route, len, block.len());
        let Some(permit) = self.conn.reserve_call(cost, 0) else {
            self.conn.ask_call_credit(cost);
            return None;
        };
        self.ledger.opened(permit.number);
        self.streams.insert(permit.number);
        let opening = Opening { route, shape, left: limit, limit, block: &block, len };
        let message = body(tag, len);
        if self.conn.fits_in_place(route, len, block.len()) {
            let opened = self.conn.open_call(permit, opening, |out| out.extend_from_slice(&message));
            assert!(opened.is_ok(), "{opened:?}");
        } else {
            self.conn.open_large_call(self.now, permit, opening, in_pieces(message));
        }
        self.conn.stamp(self.now);
        let key = self.conn.our_stream(permit.number);
        self.settle();
        Some(key.expect("it has streams"))
    }

    /// The answer of a stream is there: its reader will take it.
    pub(super) fn stream_answered(&mut self, number: u32) {
        let over = self.conn.is_over();
        let answer = self.conn.calling.slot(number).answer().expect("an answer was announced");
        self.ledger.stream_answered(number, &answer, over);
        self.woken.push(Woken::Reader(CallId::new(self.conn.role(), number)));
    }

    pub(super) fn read(&mut self, key: StreamKey, items: &mut VecDeque<Bytes>) -> Read {
        let mut came = VecDeque::new();
        let found = self.conn.read_items(key, &mut came);
        for mut messages in came {
            while let Some((message, _)) = messages.next() {
                items.push_back(message);
            }
        }
        self.settle();
        found
    }

    pub(super) fn give_back(&mut self, key: StreamKey, cost: u64) {
        self.conn.items_read(key, cost);
        self.settle();
    }

    pub(super) fn send(&mut self, key: StreamKey, message: &Bytes) -> Sent {
        let len = message.len();
        if self.conn.check_item(None, len).is_err() {
            return Sent::Never;
        }
        let sent = match self.conn.item_room(key, len) {
            ItemRoom::InPlace => {
                let sent = self.conn.send_item(key, len, |out| out.extend_from_slice(message));
                assert!(sent.is_ok(), "{sent:?}");
                Sent::Gone
            }
            ItemRoom::Outside => {
                self.conn.offer_item(key, in_pieces(message.clone()));
                Sent::Offered
            }
            ItemRoom::Wait => Sent::NotNow,
            ItemRoom::Closed(_) => Sent::Never,
        };
        self.settle();
        sent
    }

    pub(super) fn accepted(&mut self, key: StreamKey) -> Option<Result<(), Status>> {
        let accepted = self.conn.item_accepted(key);
        self.settle();
        accepted
    }

    pub(super) fn finish(&mut self, key: StreamKey, reply_within: Option<Duration>) -> Result<(), Status> {
        let finished = self.conn.finish_items(key, reply_within);
        self.conn.stamp(self.now);
        self.settle();
        finished
    }

    pub(super) fn reset(&mut self, key: StreamKey) {
        self.conn.reset_items(key, Code::DATA_LOSS, "broken off");
        self.settle();
    }

    pub(super) fn stop_reading(&mut self, key: StreamKey, code: u32) {
        self.conn.stop_reading(key, code);
        self.settle();
    }

    pub(super) fn send_headers(&mut self, key: StreamKey) -> bool {
        let sent = self.conn.send_headers(key, Bytes::from_static(b"meta"));
        self.settle();
        sent
    }

    /// `last`: nobody holds on to it any more.
    pub(super) fn let_go(&mut self, key: StreamKey, half: Half) {
        self.conn.let_go(key, half);
        if self.conn.is_ours(key.id) && self.conn.stream(key).is_none_or(|s| !s.reader && !s.sender) {
            self.ledger.given_up(key.id.number());
        }
        self.settle();
    }
}
