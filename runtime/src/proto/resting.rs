//! What is kept for its room is given back: each part that is empty, so that it may be done at any time. Called by the
//! driver of a connection that does little, or nothing any more.

use super::{Connection, VecDeque};

impl Connection {
    /// Nothing has come or gone for some time: everything is given back that is not in use.
    pub(crate) fn rest(&mut self) {
        self.pool.clear();
        self.rest_transit();
        self.shrink();
    }

    /// Gives back what is empty, but for the buffers of large messages: those cost too much to be made anew.
    pub(crate) fn shrink(&mut self) {
        self.outbox.shrink();
        self.deadlines.shrink();
        shrink_queue(&mut self.events);
        shrink_queue(&mut self.answered);
        self.held.shrink();
        self.replies_waiting.shrink();
        self.asking.shrink();
        self.beyond();
        self.grown.shrink();
        if self.owed.lanes.is_empty() {
            self.owed.lanes = Vec::new();
        }
        for list in [&mut self.owed.streams, &mut self.senders_in_line] {
            if list.is_empty() {
                *list = Vec::new();
            }
        }
        self.left = Vec::new();
        if self.work.is_empty() {
            self.work = Vec::new();
        }
        self.calling.shrink();
        // Until the last terminal frames have left, it counts which numbers they are of.
        if self.outbox.is_empty() {
            self.serving.shrink();
        }
    }

    /// Whether there is nothing that could be given back later.
    pub(crate) fn keeps_nothing(&self) -> bool {
        self.calling.busy() + self.serving.busy() == 0 && self.outbox.is_empty() && self.pool.is_empty()
    }
}

fn shrink_queue<T>(queue: &mut VecDeque<T>) {
    if queue.is_empty() {
        *queue = VecDeque::new();
    }
}
