//! The pushes of one method that a lane's turn runs, one after the other, in one future: what generated code loops over.
//! Each has a context of its own all the same, and a handler that panics costs its own push alone.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use bytes::Bytes;

use crate::context::Context;
use crate::proto::Messages;
use crate::service::{PushUnderWay, trace_push};
use crate::session::{Turn, caught};
use crate::{Message, Status};

/// Pushes of one method, on their way into its handler. Named by generated code.
pub struct Pushes<Q> {
    incoming: PushesIn,
    payload: Bytes,
    message: PhantomData<fn() -> Q>,
}

/// As [`Pushes`], the message's type not yet known.
pub(crate) struct PushesIn {
    /// That of the push that runs, or ran last.
    pub(crate) context: Context,
    pub(crate) messages: Messages,
    /// The route's number, if it has one: what comes behind in the lane may be of it too.
    pub(crate) route: Option<u16>,
    pub(crate) turn: Arc<Turn>,
    /// How many had the context before a push was run in it; 0 before the first.
    pub(crate) holders: usize,
}

/// How a push ended that did not panic.
enum Ended {
    Ran(Result<(), Status>),
    NotRead(Status),
}

impl<Q: Message> Pushes<Q> {
    pub(crate) fn new(incoming: PushesIn) -> Self {
        Self { incoming, payload: Bytes::new(), message: PhantomData }
    }

    /// Goes on to the next push. False: no more are to be run now.
    #[inline]
    pub fn advance(&mut self) -> bool {
        let Some(payload) = self.incoming.next() else { return false };
        self.payload = payload;
        true
    }

    /// Runs the push.
    pub async fn run<'a, F>(&'a mut self, handler: impl FnOnce(&'a Context, Q) -> F)
    where
        F: Future<Output = Result<(), Status>>,
    {
        let payload = std::mem::take(&mut self.payload);
        let context = &self.incoming.context;
        let under_way = PushUnderWay::new(context);
        let mut begin = Some((handler, payload));
        let mut future = pin!(None::<F>);
        let ended = poll_fn(|cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| {
                context.make_current(|| {
                    if let Some((handler, payload)) = begin.take() {
                        match Q::decode(payload) {
                            Ok(request) => future.set(Some(handler(context, request))),
                            Err(status) => return Poll::Ready(Ended::NotRead(status)),
                        }
                    }
                    let Some(running) = future.as_mut().as_pin_mut() else { return Poll::Pending };
                    let result = ready!(running.poll(cx));
                    future.set(None);
                    Poll::Ready(Ended::Ran(result))
                })
            }));
            let Err(panic) = polled else { return polled.unwrap_or(Poll::Pending).map(Ok) };
            // One more in a destructor would otherwise be one too many.
            let dropped = catch_unwind(AssertUnwindSafe(|| context.make_current(|| future.set(None))));
            let _ = caught(context, dropped);
            Poll::Ready(caught(context, Err(panic)))
        });
        match ended.await {
            Ok(Ended::Ran(result)) => under_way.done(result),
            Ok(Ended::NotRead(status)) => {
                under_way.done(Ok(()));
                context.session().shared().with(|state| state.conn.pushes_dropped(1));
                trace_push(context, &status);
            }
            Err(()) => {}
        }
    }
}

impl PushesIn {
    #[inline]
    fn next(&mut self) -> Option<Bytes> {
        // Who began this has looked whether there is time for the first.
        if self.holders > 0 && !self.turn.goes_on() {
            return None;
        }
        let (payload, cost) = loop {
            match self.messages.next() {
                Some(next) => break next,
                None => self.messages = self.turn.next_of(self.route)?,
            }
        };
        self.turn.handed_on(cost);
        match self.holders {
            0 => self.holders = self.context.holders(),
            holders if !self.context.is_as_new(holders) => self.renew(),
            _ => {}
        }
        Some(payload)
    }

    /// Somebody has kept the last push's context, or put something beside it.
    #[cold]
    fn renew(&mut self) {
        let context = self.context.another();
        self.turn.runs_in(context.core());
        self.context = context;
        self.holders = self.context.holders();
    }
}

impl Drop for PushesIn {
    fn drop(&mut self) {
        if self.holders == 0 {
            // None was run, nor would be the next time: the first is given up.
            if let Some((_, cost)) = self.messages.next() {
                self.turn.handed_on(cost);
                self.context.session().shared().push_failed();
            }
        }
        self.turn.put_back(std::mem::replace(&mut self.messages, Messages::None), self.route);
    }
}

impl<Q> fmt::Debug for Pushes<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pushes").field("context", &self.incoming.context).finish_non_exhaustive()
    }
}
