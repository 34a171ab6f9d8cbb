//! Lets other tasks run when it is time: whoever sends or reads in a loop may never have to wait for anything else.

use std::cell::Cell;
use std::task::{Context as Cx, Poll, ready};

use tokio::task::coop::{RestoreOnPending, poll_proceed};

/// Messages that cost as much as one unit of a task's budget.
const MESSAGES_A_UNIT: u32 = 4;

thread_local! {
    /// Messages that were sent or read by tasks on this thread.
    static MESSAGES: Cell<u32> = const { Cell::new(0) };
}

/// A part of a task's budget, taken before a message is sent or read.
pub(crate) struct Unit(Option<RestoreOnPending>);

/// Messages that one half of a stream has sent or read: it counts by itself, which is quicker than to count for its thread.
#[derive(Debug, Default)]
pub(crate) struct Moved(u8);

/// Pending: it is time for others to run. The task is woken again.
#[inline]
pub(crate) fn poll_unit(cx: &mut Cx<'_>) -> Poll<Unit> {
    unit_after(MESSAGES.get(), cx)
}

#[inline(always)]
fn unit_after(messages: u32, cx: &mut Cx<'_>) -> Poll<Unit> {
    Poll::Ready(Unit(match messages % MESSAGES_A_UNIT {
        0 => Some(ready!(poll_proceed(cx))),
        _ => None,
    }))
}

impl Moved {
    /// As [`poll_unit`].
    #[inline(always)]
    pub(crate) fn poll_unit(&self, cx: &mut Cx<'_>) -> Poll<Unit> {
        unit_after(u32::from(self.0), cx)
    }

    /// One more was sent or read, for this unit.
    #[inline]
    pub(crate) fn one(&mut self, unit: Unit) {
        self.0 = self.0.wrapping_add(1);
        unit.made_progress();
    }
}

impl Unit {
    /// The message was sent or read.
    #[inline]
    pub(crate) fn spent(self) {
        MESSAGES.set(MESSAGES.get().wrapping_add(1));
        self.made_progress();
    }

    #[inline]
    fn made_progress(self) {
        if let Some(unit) = self.0 {
            unit.made_progress();
        }
    }
}
