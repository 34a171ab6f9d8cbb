//! The tasks that handlers go on as. tokio makes a heap block for each, larger than a small call's others together; so one
//! whose handler is done waits for another handler of the connection, as long as that has traffic. Given them by the runner.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, Waker};

use super::handler::HandlerTask;
use super::runs::Runs;
use super::state::Lock;

/// Tasks that wait for a handler.
const SPARE: usize = 256;

/// A task that polls one handler after the other.
pub(super) struct Worker {
    handler: Option<HandlerTask>,
    /// Once it had to wait for one: handlers of streams stay long, and most have a task that never does.
    seat: Option<Arc<Lock<Seat>>>,
}

/// Where such a task is given its next handler.
enum Seat {
    /// It has one.
    Busy,
    Idle(Waker),
    Given(HandlerTask),
    /// There will be none.
    Dismissed,
}

/// A task that waits for a handler.
pub(super) struct Spare(Arc<Lock<Seat>>);

impl Worker {
    pub(super) fn new(handler: HandlerTask) -> Self {
        Self { handler: Some(handler), seat: None }
    }
}

impl Spare {
    pub(super) fn give(self, handler: HandlerTask) {
        self.tell(Seat::Given(handler));
    }

    /// The task leaves.
    pub(super) fn dismiss(self) {
        self.tell(Seat::Dismissed);
    }

    fn tell(self, what: Seat) {
        let before = std::mem::replace(&mut *self.0.lock(), what);
        if let Seat::Idle(waker) = before {
            waker.wake();
        }
    }
}

impl Runs {
    /// A task for a handler, if one waits.
    pub(super) fn take_spare(&self) -> Option<Spare> {
        self.queue.lock().spare.pop()
    }

    /// Keeps a task for the next handler. False: it is to leave.
    pub(super) fn keep(&self, spare: Spare) -> bool {
        let mut queue = self.queue.lock();
        let keeps = self.stays() && !queue.ended && queue.spare.len() < SPARE;
        if keeps {
            queue.spare.push(spare);
        }
        keeps
    }
}

impl fmt::Debug for Spare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spare").finish_non_exhaustive()
    }
}

impl Future for Worker {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<()> {
        let this = self.get_mut();
        if let (None, Some(seat)) = (&this.handler, &this.seat) {
            let mut seat = seat.lock();
            match std::mem::replace(&mut *seat, Seat::Busy) {
                Seat::Given(handler) => this.handler = Some(handler),
                Seat::Dismissed => return Poll::Ready(()),
                // Woken by what its last handler waited for.
                Seat::Idle(_) | Seat::Busy => {
                    *seat = Seat::Idle(cx.waker().clone());
                    return Poll::Pending;
                }
            }
        }
        let Some(handler) = &mut this.handler else { return Poll::Ready(()) };
        if Pin::new(&mut *handler).poll(cx).is_pending() {
            return Poll::Pending;
        }
        let session = handler.core.session().clone();
        this.handler = None;
        let runs = &session.shared().runs;
        if !runs.stays() {
            return Poll::Ready(());
        }
        let seat = this.seat.get_or_insert_with(|| Arc::new(Lock::new(Seat::Busy)));
        *seat.lock() = Seat::Idle(cx.waker().clone());
        match runs.keep(Spare(Arc::clone(seat))) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spare() -> Spare {
        Spare(Arc::new(Lock::new(Seat::Busy)))
    }

    #[test]
    fn of_tasks_without_a_handler_256_wait_for_one_while_there_is_traffic() {
        let runs = Runs::default();
        assert!(!runs.keep(spare()), "there is no traffic");
        runs.stay();
        for number in 1..=256 {
            assert!(runs.keep(spare()), "{number}");
        }
        assert!(!runs.keep(spare()), "one too many");
        assert!(runs.take_spare().is_some());
        assert!(runs.keep(spare()), "there is room again");
        runs.rest();
        assert!(runs.take_spare().is_none(), "they are dismissed when there is no traffic any more");
        assert!(!runs.keep(spare()));
    }

    #[test]
    fn when_the_connection_ends_tasks_without_a_handler_leave() {
        let runs = Runs::default();
        runs.stay();
        let kept = spare();
        let seat = Arc::clone(&kept.0);
        assert!(runs.keep(kept));
        runs.end();
        assert!(matches!(*seat.lock(), Seat::Dismissed));
        assert!(!runs.keep(spare()));
    }
}
