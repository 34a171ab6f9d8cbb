//! Calls that wait to be passed on: what they were charged is given back when their bytes have gone, and those behind them
//! stay there. Held by a fallback's call, and by its bytes on their way.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::Shared;
use super::runs::Runs;

impl Runs {
    /// A call that was taken is not handed on yet, but is to be passed on: its cost is the [`Held`]'s to give back, unless it
    /// was given back already.
    pub(crate) fn hold(shared: &Arc<Shared>, cost: u64) -> Option<Held> {
        let mut queue = shared.runs.queue.lock();
        queue.freed = queue.freed.checked_sub(cost)?;
        Some(Held::new(shared, cost))
    }

    /// Whether calls wait to be passed on.
    pub(crate) fn has_line(&self) -> bool {
        self.in_line.load(Ordering::Relaxed) > 0
    }
}

/// Bytes that are passed on, and what they were charged: they count as long as anybody still has them.
struct Passing {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Passing {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The cost of a call whose bytes are still here, given back when this is dropped (wire 7.5).
#[derive(Debug)]
pub(crate) struct Held {
    shared: Arc<Shared>,
    cost: u64,
    in_line: bool,
}

impl Held {
    pub(super) fn new(shared: &Arc<Shared>, cost: u64) -> Self {
        Self { shared: Arc::clone(shared), cost, in_line: false }
    }

    /// The bytes, which it now goes with.
    pub(crate) fn with(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Passing { bytes, _held: self })
    }

    /// Calls that come behind it are to stay behind it.
    pub(crate) fn stand_in_line(&mut self) {
        self.shared.runs.in_line.fetch_add(1, Ordering::Relaxed);
        self.in_line = true;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.in_line {
            self.shared.runs.in_line.fetch_sub(1, Ordering::Relaxed);
        }
        // Its bytes may be dropped under the lock of the session that they leave by, which no other's is to be taken under.
        if let Some(runtime) = &self.shared.runtime {
            let (shared, cost) = (Arc::clone(&self.shared), self.cost);
            runtime.spawn(async move { shared.with_little(|state| state.conn.free_calls(cost)) });
        }
    }
}
