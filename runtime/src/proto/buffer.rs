//! Whether the write buffer takes more, and how what it takes will leave.

use super::Connection;

/// What the write buffer refused since it last said that there is room.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    small: bool,
    large: bool,
}

/// How a message goes into the write buffer: encoded in place, or a fragment at a time.
#[derive(Debug, Clone, Copy)]
enum Size {
    Small,
    Large,
}

impl Connection {
    /// The largest piece of a message in one frame to the peer.
    pub(super) fn piece(&self) -> usize {
        self.max_fragment.min(self.peer.settings.frame_limit as usize - 6)
    }

    /// Whether an item or reply of `len` bytes leaves in fragments.
    pub(crate) fn is_large(&self, len: usize) -> bool {
        len > self.max_fragment || 32 + len > self.peer.settings.frame_limit as usize
    }

    /// Whether the write buffer takes a new call or push; who is refused is told when it does.
    ///
    /// Small ones do not stand behind large ones, which go a fragment at a time: only what is encoded counts for them.
    pub(super) fn has_buffer(&mut self, cost: u64) -> bool {
        let size = if cost <= self.max_fragment as u64 { Size::Small } else { Size::Large };
        let fits = self.takes(size);
        match size {
            Size::Small => self.wanted.small |= !fits,
            Size::Large => self.wanted.large |= !fits,
        }
        fits
    }

    fn takes(&self, size: Size) -> bool {
        match size {
            Size::Small => self.outbox.encoded() < self.send_buffer,
            Size::Large => {
                self.outbox.waiting() < self.send_buffer.saturating_add(self.ours.message_limit as usize)
            }
        }
    }

    /// Whether somebody was refused whom the write buffer would take now.
    pub(super) fn buffer_freed(&self) -> bool {
        let small = self.wanted.small && self.takes(Size::Small);
        let large = self.wanted.large && self.takes(Size::Large);
        (small || large) && !self.is_over()
    }
}
