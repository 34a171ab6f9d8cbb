//! The items of a call as they arrive (wire 9), one way: kept until their reader takes them, within the credit of the
//! stream.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::account::Grant;
use super::assembly::{Arrived, Assembly, Part};
use super::calling::Answer;
use super::event::{Messages, cost_of_run};
use super::pool::Pool;
use super::{MESSAGE_COST, receive::overdrawn};
use crate::frame::{FrameError, Item, Piece, Run};
use crate::{Error, Status};

/// Items that nobody waits for are copied into buffers of this size: as they were read, each could keep a whole read buffer
/// alive.
const CHUNK: usize = 8 << 10;

/// The items of one side of a call.
#[derive(Debug)]
pub(crate) struct ItemsIn {
    pub(super) grant: Grant,
    queue: VecDeque<Messages>,
    /// Where items lie that nobody waited for.
    chunk: Option<Box<BytesMut>>,
    /// The item under way, and what it was charged.
    under_way: Option<Box<Assembly>>,
    cost: u64,
    /// The item under way is the last.
    last: bool,
    /// How the items of the peer's call ended. (How those of ours did is in its answer.)
    pub(super) end: Option<Box<Answer>>,
    /// Nobody wants what still comes.
    discards: bool,
    /// The reader found nothing and is to be told when there is something.
    pub(super) waits: bool,
    /// It is among those that ask for a large grant.
    pub(super) asks: bool,
    /// The peer must be told the new total.
    pub(super) owed: bool,
}

impl ItemsIn {
    pub(super) fn new(credit: u64) -> Self {
        Self {
            grant: Grant::new(credit),
            queue: VecDeque::new(),
            chunk: None,
            under_way: None,
            cost: 0,
            last: false,
            end: None,
            discards: false,
            waits: false,
            asks: false,
            owed: false,
        }
    }

    /// Whether an item is under way (wire 6.3).
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// The item under way.
    pub(super) fn under_way(&mut self) -> Option<&mut Assembly> {
        self.under_way.as_deref_mut()
    }

    /// Whether its last item is whole.
    pub(super) fn has_ended(&self) -> bool {
        self.last && self.under_way.is_none()
    }

    /// ITEM. `Some`: why it costs the stream; the rest of that is read past.
    pub(super) fn take(
        &mut self,
        item: Item,
        pool: &mut Pool,
        limit: usize,
    ) -> Result<Option<Status>, FrameError> {
        if self.is_under_way() {
            return Err(FrameError::unexpected("6.3", "ITEM while one is under way"));
        }
        let cost = MESSAGE_COST + item.message.total() as u64;
        if !self.grant.charge(cost) {
            return Err(overdrawn("stream"));
        }
        self.last = item.end;
        // Whoever reads past it has said so already.
        let refused = if self.discards { None } else { refusal(&item.message, limit) };
        if self.discards || refused.is_some() {
            let assembly = Assembly::discard(&item.message);
            self.under_way = (assembly.missing() > 0).then(|| Box::new(assembly));
            self.cost = 0;
            self.grant.free(cost);
            return Ok(refused);
        }
        match Assembly::begin(item.message, pool) {
            Arrived::Whole(message) => {
                let message = self.keep(message);
                self.queue.push_back(Messages::One(message, cost));
            }
            Arrived::Begun(assembly) => {
                self.under_way = Some(Box::new(assembly));
                self.cost = cost;
            }
        }
        Ok(None)
    }

    /// Many items as one. Given back: each is to be taken by itself, for what concerns one of them alone.
    pub(super) fn take_run(&mut self, run: Run, limit: u32) -> Option<Run> {
        let plain = !self.discards && !self.is_under_way() && run.longest() <= limit;
        if !plain || !self.grant.charge(cost_of_run(&run)) {
            return Some(run);
        }
        let kept = self.keep(run.frames().clone());
        self.queue.push_back(Messages::Run(run.moved(kept)));
        None
    }

    /// What nobody waits for may lie here for long: then it keeps no more alive than it was charged for.
    fn keep(&mut self, message: Bytes) -> Bytes {
        if self.waits {
            return message;
        }
        if message.len() > CHUNK {
            return Bytes::copy_from_slice(&message);
        }
        let chunk = self.chunk.get_or_insert_default();
        if chunk.capacity() < message.len() {
            **chunk = BytesMut::with_capacity(if self.queue.is_empty() { message.len() } else { CHUNK });
        }
        chunk.extend_from_slice(&message);
        chunk.split().freeze()
    }

    /// FRAGMENT.
    pub(super) fn fragment(&mut self, part: Part<'_>) -> Result<(), FrameError> {
        let Some(assembly) = &mut self.under_way else {
            return Err(FrameError::unexpected("6.2", "FRAGMENT without a message under way"));
        };
        if assembly.add(part)? {
            let cost = std::mem::take(&mut self.cost);
            let message = self.under_way.take().and_then(|whole| whole.finish());
            self.queue.extend(message.map(|message| Messages::One(message, cost)));
        }
        Ok(())
    }

    /// The item under way is void (wire 9.3).
    pub(super) fn void(&mut self) {
        self.under_way = None;
        self.free_under_way();
    }

    /// What still comes is read past; what is here can still be read.
    pub(super) fn discard(&mut self) {
        self.discards = true;
        if let Some(assembly) = &mut self.under_way {
            assembly.drop_bytes();
        }
        self.free_under_way();
    }

    /// Nobody reads any more.
    pub(super) fn unread(&mut self) {
        self.discard();
        let queue = std::mem::take(&mut self.queue);
        let held: u64 = queue.iter().map(Messages::cost).sum();
        self.grant.free(held);
        self.chunk = None;
        self.waits = false;
    }

    fn free_under_way(&mut self) {
        let cost = std::mem::take(&mut self.cost);
        self.grant.free(cost);
    }

    /// Whether nobody wants what still comes.
    pub(super) fn discards(&self) -> bool {
        self.discards
    }

    /// Whether there is something to read.
    pub(super) fn has_items(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Moves what is here into `items`, which is empty. Its cost is the reader's to [give back](Self::read).
    pub(super) fn read_into(&mut self, items: &mut VecDeque<Messages>) {
        debug_assert!(items.is_empty());
        std::mem::swap(&mut self.queue, items);
        // What is not full is begun anew: the reader has its other half.
        self.chunk = None;
        self.waits = false;
    }

    /// Items of so much cost were handed on (wire 7.5).
    pub(super) fn read(&mut self, cost: u64) {
        self.grant.free(cost);
    }
}

/// What an item is charged (wire 7.1).
pub(super) fn cost_of_item(message: &Bytes) -> u64 {
    MESSAGE_COST + message.len() as u64
}

/// Why an item costs its stream (wire 6.4, 6.5).
fn refusal(message: &Piece, limit: usize) -> Option<Status> {
    let size = message.total();
    if size > limit {
        let knob = "`max_message` of the receiver";
        return Some(Error::MessageTooLarge { size, limit, knob }.into());
    }
    message.compressed.then(|| Status::unimplemented("compressed messages are not accepted here"))
}
