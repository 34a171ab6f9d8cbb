//! What a server waits for on its way out beside the calls: pushes that were taken, and what handlers detached.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::task::Waker;

use super::Shared;
use super::runs::Runs;
use super::wakers::Place;

impl Runs {
    /// A handler detached something; it is done when the guard is dropped.
    pub(crate) fn detach(shared: &Arc<Shared>) -> Detached {
        shared.runs.queue.lock().detached += 1;
        Detached(Arc::clone(shared))
    }

    /// Waits until no push runs, or waits to, and what handlers detached is done.
    pub(crate) async fn finished(&self) {
        struct Waits<'a>(&'a Runs, Place);
        impl Drop for Waits<'_> {
            fn drop(&mut self) {
                self.0.queue.lock().finishers.leave(self.1);
            }
        }
        let mut waits = Waits(self, Place::default());
        poll_fn(|cx| {
            let mut queue = self.queue.lock();
            if queue.finished() {
                return Poll::Ready(());
            }
            queue.finishers.wait(&mut waits.1, cx.waker());
            Poll::Pending
        })
        .await;
    }
}

/// Something that a handler detached.
pub(crate) struct Detached(Arc<Shared>);

impl Drop for Detached {
    fn drop(&mut self) {
        let mut queue = self.0.runs.queue.lock();
        queue.detached -= 1;
        let wakes = queue.finishers_due();
        drop(queue);
        wakes.into_iter().for_each(Waker::wake);
    }
}
