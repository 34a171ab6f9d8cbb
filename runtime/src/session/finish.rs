//! What a server waits for on its way out beside the calls: pushes that were taken, and what handlers detached.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::task::Waker;

use super::runs::Runs;
use super::wakers::Place;
use super::{Session, Shared};

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

/// A place among those who wait for the end; left when dropped.
pub(super) struct Watching<'a> {
    shared: &'a Shared,
    pub(super) place: Place,
}

impl<'a> Watching<'a> {
    pub(super) fn new(session: &'a Session) -> Self {
        Self { shared: &session.0, place: Place::default() }
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        if self.place != Place::default() {
            self.shared.state.lock().watchers.leave(self.place);
        }
    }
}
