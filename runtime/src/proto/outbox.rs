//! What waits to be written, and in which order it goes (design section 6.13): control frames first, then small
//! frames as they were encoded in place, then large messages a fragment each in turn. Filled by the machine,
//! emptied into the driver's batch.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::batch::Batch;
use super::seldom::Seldom;
use crate::frame::{
    CallHead, CallId, FragmentHead, FragmentOf, ItemHead, Outline, PushHead, ReplyHead, RouteRef,
    withdraw_all,
};
use crate::message::Payload;

/// Fragments are of so many bytes, or some times as many. Their frames are then a little less than what the kernel sends at once,
/// 65,160 to 65,483 bytes by the network: of those of 64 KiB some hundred bytes are left over in each write, and cost as much.
const CUT: usize = 60 << 10;
/// Bytes of fragments in one batch: what a control frame may have to wait for.
const BATCH_FRAGMENTS: usize = 2 * CUT;

/// Large messages that take turns; those behind them wait. Taking turns with all, many that come at once would all be
/// whole only at the end: the peer could begin with none of them meanwhile, and both ends would hold all of them.
const IN_TURN: usize = 2;

/// A message too large for one frame. It is charged already and encoded outside the lock.
#[derive(Debug)]
pub(crate) struct Large {
    pub(crate) what: LargeKind,
    pub(crate) block: Bytes,
    pub(crate) message: Payload,
    pub(crate) begun: bool,
}

#[derive(Debug)]
pub(crate) enum LargeKind {
    Call { id: CallId, route: RouteRef, deadline: Option<Instant>, stream: bool },
    Reply { id: CallId },
    Item { id: CallId },
    Push { lane: u32, route: RouteRef },
}

impl LargeKind {
    fn of(&self) -> FragmentOf {
        match self {
            Self::Call { id, .. } | Self::Reply { id } | Self::Item { id } => FragmentOf::Call(*id),
            Self::Push { lane, .. } => FragmentOf::Lane(*lane),
        }
    }

    fn is_call(&self, wanted: CallId) -> bool {
        matches!(self, Self::Call { id, .. } if *id == wanted)
    }

    fn is_reply(&self, wanted: CallId) -> bool {
        matches!(self, Self::Reply { id } if *id == wanted)
    }

    fn is_item(&self, wanted: CallId) -> bool {
        matches!(self, Self::Item { id } if *id == wanted)
    }
}

/// What of the calls and pushes went into a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Left {
    /// A whole CALL; its last byte is this many bytes from the start of the connection.
    Call(CallId, u64),
    /// A large CALL's first byte: from here on it counts as opened.
    CallBegun(CallId),
    /// A large CALL's last byte, which is this many bytes from the start of the connection.
    CallEnded(CallId, u64),
    /// A large reply's last byte.
    ReplyEnded(CallId),
    /// A large item's last byte.
    ItemEnded(CallId),
    /// A large push's last byte.
    PushEnded(u32),
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    control: BytesMut,
    small: BytesMut,
    /// Calls whose CALL lies in `small`, and where it ends there.
    fresh: Vec<(CallId, usize)>,
    large: Seldom<Large>,
    /// Of which nothing more can leave before more has come.
    waiting: Seldom<Large>,
    /// Bytes of both.
    large_bytes: usize,
    /// All bytes that ever went into a batch.
    handed_over: u64,
    /// How many batches there were.
    batches: u64,
    /// Nothing may be added any more: the last word is said (wire 11.5).
    closed: bool,
    /// Where frames go that come too late; boxed, since few connections have any.
    scrap: Option<Box<BytesMut>>,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.control.is_empty() && self.small.is_empty() && !self.is_sending()
    }

    /// The memory that small frames keep.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.control.capacity() + self.small.capacity()
    }

    /// Bytes of frames that are encoded and wait: what a new small frame stands behind.
    pub(crate) fn encoded(&self) -> usize {
        self.control.len() + self.small.len()
    }

    /// Bytes of large messages that wait.
    pub(crate) fn large(&self) -> usize {
        self.large_bytes
    }

    /// Bytes that wait, large messages included.
    pub(crate) fn waiting(&self) -> usize {
        self.control.len() + self.small.len() + self.large_bytes
    }

    /// Where control frames are encoded: they pass everything else.
    pub(crate) fn control(&mut self) -> &mut BytesMut {
        if self.closed { self.scrap() } else { &mut self.control }
    }

    /// Where small frames are encoded in place.
    pub(crate) fn small(&mut self) -> &mut BytesMut {
        if self.closed { self.scrap() } else { &mut self.small }
    }

    #[cold]
    fn scrap(&mut self) -> &mut BytesMut {
        let scrap = self.scrap.get_or_insert_default();
        scrap.clear();
        scrap
    }

    /// What is encoded now is the last that goes out.
    pub(crate) fn close(&mut self) {
        self.drop_large();
        self.closed = true;
    }

    /// How many batches there were: what was encoded since the last one has not left.
    pub(crate) fn batches(&self) -> u64 {
        self.batches
    }

    /// Whether something of a large message can leave.
    pub(crate) fn has_large(&self) -> bool {
        !self.large.is_empty()
    }

    /// Whether a large message waits or is on its way.
    pub(crate) fn is_sending(&self) -> bool {
        !(self.large.is_empty() && self.waiting.is_empty())
    }

    /// More has come of a large message. False: it is not to leave any more.
    pub(crate) fn feed(&mut self, (of, serial): (FragmentOf, u64), bytes: Bytes) -> bool {
        if let Some(at) = self.waiting.iter().position(|large| large.is(of, serial)) {
            self.large.used().extend(self.waiting.remove(at));
        }
        let Some(large) = self.large.iter_mut().find(|large| large.is(of, serial)) else { return false };
        self.large_bytes += bytes.len();
        large.message.add(bytes);
        true
    }

    /// Whether a message is on its way that is not whole here.
    pub(crate) fn awaits(&self, (of, serial): (FragmentOf, u64)) -> bool {
        self.waiting
            .iter()
            .chain(self.large.iter())
            .any(|large| large.is(of, serial) && large.message.is_coming())
    }

    /// The frame from `start` to the end of `small` is a CALL.
    pub(crate) fn call_encoded(&mut self, id: CallId) {
        self.fresh.push((id, self.small.len()));
    }

    /// Turns a CALL that is still here into padding (wire 13).
    pub(crate) fn withdraw(&mut self, id: CallId, start: usize) {
        if let Some(at) = self.fresh.iter().rposition(|(fresh, _)| *fresh == id) {
            self.fresh.remove(at);
            crate::frame::withdraw(&mut self.small[start..]);
        }
    }

    /// As [`withdraw`](Self::withdraw), with all frames of the call that came after its CALL.
    pub(crate) fn withdraw_stream(&mut self, id: CallId, start: usize) {
        self.withdraw(id, start);
        withdraw_all(&mut self.small[start..], id);
    }

    pub(crate) fn push_large(&mut self, large: Large) {
        if self.closed {
            return;
        }
        self.large_bytes += large.message.held();
        self.large.used().push_back(large);
    }

    /// Takes a large CALL back. True: not a byte of it had left.
    pub(crate) fn withdraw_large_call(&mut self, id: CallId) -> bool {
        self.remove(|large| large.what.is_call(id)).is_some_and(|large| !large.begun)
    }

    /// Takes a large reply back, or what is left of it.
    pub(crate) fn cut_reply(&mut self, id: CallId) -> Option<Large> {
        self.remove(|large| large.what.is_reply(id))
    }

    /// Takes a large item back, or what is left of it.
    pub(crate) fn cut_item(&mut self, id: CallId) -> Option<Large> {
        self.remove(|large| large.what.is_item(id))
    }

    /// Takes a large push back, or what is left of it.
    pub(crate) fn cut_push(&mut self, lane: u32) -> Option<Large> {
        self.remove(|large| matches!(large.what, LargeKind::Push { lane: other, .. } if other == lane))
    }

    fn remove(&mut self, matches: impl Fn(&Large) -> bool) -> Option<Large> {
        let large = match self.waiting.iter().position(&matches) {
            Some(at) => self.waiting.remove(at),
            None => self.large.iter().position(matches).and_then(|at| self.large.remove(at)),
        }?;
        self.large_bytes -= large.message.held();
        Some(large)
    }

    /// Gives the memory back: nothing is going on.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            let Self { handed_over, batches, closed, .. } = *self;
            *self = Self { handed_over, batches, closed, ..Self::default() };
        }
    }

    /// Large pushes that nobody will take: the lanes that were busy with them.
    pub(crate) fn drop_pushes(&mut self) -> Vec<u32> {
        let mut lanes = Vec::new();
        let mut stays = |large: &Large| {
            let LargeKind::Push { lane, .. } = large.what else { return true };
            self.large_bytes -= large.message.held();
            lanes.push(lane);
            false
        };
        self.large.retain(&mut stays);
        self.waiting.retain(stays);
        lanes
    }

    fn drop_large(&mut self) {
        self.large.clear();
        self.waiting.clear();
        self.large_bytes = 0;
    }

    /// Moves what waits into `batch`, which is empty. `piece` is the largest fragment; about as many bytes as there is `room`
    /// for go in fragments. How many those are.
    pub(crate) fn fill(
        &mut self,
        now: Instant,
        (piece, room): (usize, usize),
        batch: &mut Batch,
        left: &mut Vec<Left>,
    ) -> u64 {
        debug_assert!(batch.is_empty());
        self.batches += 1;
        let small_begins = self.handed_over + self.control.len() as u64;
        self.handed_over = small_begins + self.small.len() as u64;
        for (id, end) in self.fresh.drain(..) {
            left.push(Left::Call(id, small_begins + end as u64));
        }
        if self.control.is_empty() {
            std::mem::swap(&mut self.small, &mut batch.head);
        } else {
            self.control.extend_from_slice(&self.small);
            self.small.clear();
            std::mem::swap(&mut self.control, &mut batch.head);
        }
        self.fill_fragments(now, (piece, room), batch, left)
    }

    /// Adds a frame behind all that is in the batch.
    pub(crate) fn fill_last(&mut self, batch: &mut Batch, encode: impl FnOnce(&mut BytesMut)) {
        let mut frame = BytesMut::new();
        encode(&mut frame);
        self.handed_over += frame.len() as u64;
        batch.fragments.used().push_back(frame.freeze());
    }

    fn fill_fragments(
        &mut self,
        now: Instant,
        (piece, room): (usize, usize),
        batch: &mut Batch,
        left: &mut Vec<Left>,
    ) -> u64 {
        let piece = if piece < CUT { piece } else { piece - piece % CUT };
        let (mut heads, mut filled) = (BytesMut::new(), 0);
        while filled < room.min(BATCH_FRAGMENTS) {
            let Some(mut large) = self.large.pop_front() else { break };
            if !large.begun {
                large.begun = true;
                large.encode_head(now, &mut heads);
                if let LargeKind::Call { id, .. } = large.what {
                    left.push(Left::CallBegun(id));
                }
            }
            let bytes = piece.min(large.message.held());
            // A message without a byte is whole with its head (wire 6.2).
            if bytes > 0 {
                FragmentHead { of: large.what.of() }.encode(bytes, &mut heads);
            }
            filled += heads.len() + bytes;
            self.handed_over += (heads.len() + bytes) as u64;
            self.large_bytes -= bytes;
            // Of one that was fed nothing there is nothing to write.
            let fragments = batch.fragments.used();
            fragments.extend((!heads.is_empty()).then(|| heads.split().freeze()));
            large.message.move_to(fragments, bytes);
            if large.message.is_empty() {
                left.push(large.what.ended(self.handed_over));
            } else if large.message.held() == 0 {
                self.waiting.used().push_back(large);
            } else {
                let at = self.large.len().min(IN_TURN - 1);
                self.large.used().insert(at, large);
            }
        }
        filled as u64
    }
}

impl LargeKind {
    fn ended(&self, at: u64) -> Left {
        match self {
            Self::Call { id, .. } => Left::CallEnded(*id, at),
            Self::Reply { id } => Left::ReplyEnded(*id),
            Self::Item { id } => Left::ItemEnded(*id),
            Self::Push { lane, .. } => Left::PushEnded(*lane),
        }
    }
}

impl Large {
    /// Whether it is this message of this call or lane.
    fn is(&self, of: FragmentOf, serial: u64) -> bool {
        self.what.of() == of && self.message.serial() == serial
    }

    /// The frame that states the total; its first piece is empty.
    fn encode_head(&self, now: Instant, out: &mut BytesMut) {
        let total = Some(self.message.len() as u32);
        let outline = Outline { len: 0, total, compressed: false };
        match &self.what {
            LargeKind::Call { id, route, deadline, stream } => {
                let deadline = deadline.map(|at| whole_millis(at.saturating_duration_since(now)));
                let head = CallHead {
                    id: *id,
                    route: route.as_out(),
                    deadline,
                    stream: *stream,
                    block: &self.block,
                };
                head.encode(Some(outline), out);
            }
            LargeKind::Reply { id } => {
                ReplyHead { id: *id, block: &self.block }.encode(outline, out);
            }
            LargeKind::Item { id } => ItemHead { id: *id, end: false }.encode(outline, out),
            LargeKind::Push { lane, route } => {
                PushHead { lane: *lane, route: route.as_out(), block: &self.block }.encode(outline, out);
            }
        }
    }
}

/// The milliseconds that a CALL states (wire 8.3): rounded up, so that a moment left is not none.
pub(crate) fn whole_millis(left: Duration) -> u32 {
    // Not by `as_nanos`: no instruction divides its 128 bits.
    let part = left.subsec_nanos().div_ceil(1_000_000);
    let millis = left.as_secs().saturating_mul(1_000).saturating_add(u64::from(part));
    u32::try_from(millis).unwrap_or(u32::MAX)
}
