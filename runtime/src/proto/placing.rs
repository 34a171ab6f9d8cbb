//! Bytes of a large message that are read straight to where they belong, without passing through the read buffer. The driver
//! is lent the message's own buffer while it stands within a FRAGMENT, in each turn anew: what nobody wants any more is so
//! let go of in the next.

use bytes::buf::Limit;
use bytes::{BufMut, BytesMut};

use super::Connection;
use super::assembly::{Assembly, Part};
use super::serving::ServedState;
use crate::frame::FragmentOf;

/// So much of what comes behind the FRAGMENT is read with it where there is room, and copied out: the header of the next is
/// then known without a read of its own.
const BEYOND: usize = 128;

/// The place of the bytes that come next.
#[derive(Debug)]
pub(crate) struct Place {
    of: FragmentOf,
    buffer: BytesMut,
    /// Bytes of the FRAGMENT that are still to come, and that came.
    left: usize,
    came: usize,
}

impl Place {
    /// Where the next bytes go.
    pub(crate) fn room(&mut self) -> Limit<&mut BytesMut> {
        let spare = self.buffer.capacity() - self.buffer.len();
        (&mut self.buffer).limit(spare.min(self.left + BEYOND))
    }

    /// So many bytes were read into the [`room`](Self::room). Those that are not the FRAGMENT's go to `input`; how many are.
    pub(crate) fn filled(&mut self, bytes: usize, input: &mut BytesMut) -> usize {
        let own = bytes.min(self.left);
        self.left -= own;
        self.came += own;
        if own < bytes {
            let end = self.buffer.len() - (bytes - own);
            input.extend_from_slice(&self.buffer[end..]);
            self.buffer.truncate(end);
        }
        own
    }

    /// Whether all of the FRAGMENT is here.
    pub(crate) fn is_full(&self) -> bool {
        self.left == 0
    }
}

impl Connection {
    /// The place of the bytes that come next, so many of the rest of a FRAGMENT, if somebody wants them. It is given back by
    /// [`handle_placed`](Self::handle_placed), before any frame that comes after them.
    pub(crate) fn lend_place(&mut self, of: FragmentOf, left: usize) -> Option<Place> {
        if self.is_over() {
            return None;
        }
        let buffer = self.under_way(of)?.lend(left)?;
        Some(Place { of, buffer, left, came: 0 })
    }

    /// What was lent is given back, with what came.
    pub(crate) fn handle_placed(&mut self, place: Place) {
        let Place { of, buffer, left, came } = place;
        if self.is_over() {
            return;
        }
        if let Some(assembly) = self.under_way(of) {
            assembly.take_back(buffer);
        }
        if came > 0 {
            let taken = self.on_fragment(of, Part::placed(came, left));
            self.was_taken(taken);
        }
    }

    /// The message under way. It is the same from the first byte of a FRAGMENT to its last: only a frame begins another.
    pub(super) fn under_way(&mut self, of: FragmentOf) -> Option<&mut Assembly> {
        let id = match of {
            FragmentOf::Lane(lane) => return Some(&mut self.lanes.inn(lane)?.under_way.as_mut()?.assembly),
            FragmentOf::Call(id) => id,
        };
        let stream = if id.opener() == self.role {
            let slot = self.calling.open(id.number())?;
            if slot.reply().is_some() {
                return slot.reply_mut().map(|reply| &mut reply.0);
            }
            slot.stream_mut()
        } else {
            let served = self.serving.open(id.number())?;
            match &mut served.state {
                ServedState::Receiving(request) => return Some(&mut request.assembly),
                ServedState::Passing(passing) => return Some(&mut passing.assembly),
                _ => served.stream.as_deref_mut(),
            }
        };
        stream?.inn.as_mut()?.under_way()
    }
}
