//! The items of a call as they arrive (wire 9), one way. Streams are refused for now (wire 8.1), so what comes is
//! counted and dropped: by the rules, and without holding any of it.

use super::account::Grant;
use super::assembly::{Assembly, take_from};
use super::{MESSAGE_COST, receive::overdrawn};
use crate::frame::{FrameError, Item};

/// The items of one side of a call.
#[derive(Debug)]
pub(crate) struct Items {
    grant: Grant,
    /// Bytes still to come of the item under way.
    rest: usize,
    /// The item under way is the last.
    last: bool,
}

impl Items {
    pub(crate) fn new(credit: u64) -> Self {
        Self { grant: Grant::new(credit), rest: 0, last: false }
    }

    /// Whether an item is under way (wire 6.3).
    pub(crate) fn is_under_way(&self) -> bool {
        self.rest > 0
    }

    /// ITEM. True: the side has ended with it.
    pub(crate) fn take(&mut self, item: &Item) -> Result<bool, FrameError> {
        if self.is_under_way() {
            return Err(FrameError::unexpected("6.3", "ITEM while one is under way"));
        }
        if !self.grant.charge(MESSAGE_COST + item.message.total() as u64) {
            return Err(overdrawn("stream"));
        }
        self.rest = Assembly::discard(&item.message).missing();
        self.last = item.end;
        Ok(self.last && self.rest == 0)
    }

    /// FRAGMENT. True: the side has ended with it.
    pub(crate) fn fragment(&mut self, bytes: &[u8]) -> Result<bool, FrameError> {
        if !self.is_under_way() {
            return Err(FrameError::unexpected("6.2", "FRAGMENT without a message under way"));
        }
        Ok(take_from(&mut self.rest, bytes)? && self.last)
    }
}
