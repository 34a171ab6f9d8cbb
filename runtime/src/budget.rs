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

/// Pending: it is time for others to run. The task is woken again.
#[inline]
pub(crate) fn poll_unit(cx: &mut Cx<'_>) -> Poll<Unit> {
    Poll::Ready(Unit(match MESSAGES.get() % MESSAGES_A_UNIT {
        0 => Some(ready!(poll_proceed(cx))),
        _ => None,
    }))
}

impl Unit {
    /// The message was sent or read.
    #[inline]
    pub(crate) fn spent(self) {
        MESSAGES.set(MESSAGES.get().wrapping_add(1));
        if let Some(unit) = self.0 {
            unit.made_progress();
        }
    }
}
