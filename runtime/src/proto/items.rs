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
/// Copies of so many bytes use buffers again: what the pool rounds up is less than half of that. A reader that is behind lets
/// many come and go, for which the allocator would give and take pages each time.
const POOLED: usize = 32 << 10;

/// The items of one side of a call.
#[derive(Debug)]
pub(crate) struct ItemsIn {
    pub(super) grant: Grant,
    /// There from the first item on.
    here: Option<Box<Here>>,
    /// The item under way is the last.
    last: bool,
    /// How the items of the peer's call ended. (How those of ours did is in its answer.)
    pub(super) end: Option<Box<Answer>>,
    /// Nobody wants what still comes.
    discards: bool,
    /// The reader found nothing and is to be told when there is something.
    pub(super) waits: bool,
    /// Its reader takes a large one in pieces, as they come.
    pub(super) in_pieces: bool,
    /// It is among those that ask for a large grant.
    pub(super) asks: bool,
    /// The peer must be told the new total.
    pub(super) owed: bool,
}

/// What has come. Apart, since thousands of streams may wait for their first item.
#[derive(Debug, Default)]
struct Here {
    queue: VecDeque<Messages>,
    /// Where items lie that nobody waited for.
    chunk: BytesMut,
    /// The item under way, and what it was charged.
    under_way: Option<Box<Assembly>>,
    cost: u64,
}

impl Here {
    /// A message that may lie here for long: it keeps no more alive than it was charged for.
    fn keep(&mut self, message: &Bytes, pool: &mut Pool) -> Bytes {
        if message.len() >= POOLED {
            let mut copy = pool.take(message.len());
            copy.extend_from_slice(message);
            return copy.freeze();
        }
        if message.len() > CHUNK {
            return Bytes::copy_from_slice(message);
        }
        if self.chunk.capacity() < message.len() {
            let room = if self.queue.is_empty() { message.len() } else { CHUNK };
            self.chunk = BytesMut::with_capacity(room);
        }
        self.chunk.extend_from_slice(message);
        self.chunk.split().freeze()
    }
}

impl ItemsIn {
    pub(super) fn new(credit: u64) -> Self {
        Self {
            grant: Grant::new(credit),
            here: None,
            last: false,
            end: None,
            discards: false,
            waits: false,
            in_pieces: false,
            asks: false,
            owed: false,
        }
    }

    /// Whether an item is under way (wire 6.3).
    pub(super) fn is_under_way(&self) -> bool {
        self.here.as_ref().is_some_and(|here| here.under_way.is_some())
    }

    fn here(&mut self) -> &mut Here {
        self.here.get_or_insert_default()
    }

    /// The item under way.
    pub(super) fn under_way(&mut self) -> Option<&mut Assembly> {
        self.here.as_mut()?.under_way.as_deref_mut()
    }

    /// Whether its last item is whole.
    pub(super) fn has_ended(&self) -> bool {
        self.last && !self.is_under_way()
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
            if assembly.missing() > 0 {
                self.here().under_way = Some(Box::new(assembly));
            }
            self.grant.free(cost);
            return Ok(refused);
        }
        match Assembly::begin(item.message, pool) {
            Arrived::Whole(message) => {
                let message = self.keep(message, pool);
                self.here().queue.push_back(Messages::One(message, cost));
            }
            Arrived::Begun(assembly) => {
                let here = self.here();
                (here.under_way, here.cost) = (Some(Box::new(assembly)), cost);
            }
        }
        Ok(None)
    }

    /// Many items as one. Given back: each is to be taken by itself, for what concerns one of them alone.
    pub(super) fn take_run(&mut self, run: Run, pool: &mut Pool, limit: u32) -> Option<Run> {
        let plain = !self.discards && !self.is_under_way() && run.longest() <= limit;
        if !plain || !self.grant.charge(cost_of_run(&run)) {
            return Some(run);
        }
        let kept = self.keep(run.frames().clone(), pool);
        self.here().queue.push_back(Messages::Run(run.moved(kept)));
        None
    }

    /// A message, as it may lie here: who waits takes it at once.
    fn keep(&mut self, message: Bytes, pool: &mut Pool) -> Bytes {
        if self.waits { message } else { self.here().keep(&message, pool) }
    }

    /// FRAGMENT.
    pub(super) fn fragment(&mut self, part: Part<'_>) -> Result<(), FrameError> {
        let none = || FrameError::unexpected("6.2", "FRAGMENT without a message under way");
        let Some(here) = &mut self.here else { return Err(none()) };
        let Some(assembly) = &mut here.under_way else { return Err(none()) };
        if assembly.add(part)? {
            let cost = std::mem::take(&mut here.cost);
            let message = here.under_way.take().and_then(|whole| whole.finish());
            here.queue.extend(message.map(|message| Messages::One(message, cost)));
        }
        Ok(())
    }

    /// The item under way is void (wire 9.3).
    pub(super) fn void(&mut self) {
        if let Some(here) = &mut self.here {
            here.under_way = None;
        }
        self.free_under_way();
    }

    /// What still comes is read past; what is here can still be read.
    pub(super) fn discard(&mut self) {
        self.discards = true;
        if let Some(assembly) = self.under_way() {
            assembly.drop_bytes();
        }
        self.free_under_way();
    }

    /// Nobody reads any more.
    pub(super) fn unread(&mut self) {
        self.discard();
        self.waits = false;
        let Some(here) = &mut self.here else { return };
        let queue = std::mem::take(&mut here.queue);
        here.chunk = BytesMut::new();
        self.grant.free(queue.iter().map(Messages::cost).sum());
    }

    fn free_under_way(&mut self) {
        if let Some(here) = &mut self.here {
            self.grant.free(std::mem::take(&mut here.cost));
        }
    }

    /// Whether nobody wants what still comes.
    pub(super) fn discards(&self) -> bool {
        self.discards
    }

    /// Whether there is something to read.
    pub(super) fn has_items(&self) -> bool {
        self.here.as_ref().is_some_and(|here| !here.queue.is_empty())
    }

    /// Moves what is here into `items`, which is empty. Its cost is the reader's to [give back](Self::read).
    pub(super) fn read_into(&mut self, items: &mut VecDeque<Messages>) {
        debug_assert!(items.is_empty());
        self.waits = false;
        let Some(here) = &mut self.here else { return };
        std::mem::swap(&mut here.queue, items);
        // What is not full is begun anew: the reader has its other half.
        here.chunk = BytesMut::new();
    }

    /// Items of so much cost were handed on (wire 7.5).
    pub(super) fn read(&mut self, cost: u64) {
        self.grant.free(cost);
    }
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
