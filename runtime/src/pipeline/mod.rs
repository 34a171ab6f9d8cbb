//! Several calls asked at once: they leave in one write, and their answers come in the order of asking, an error each.
//!
//! [`pipeline()`] takes any number of calls of one type, [`mixed`] a tuple of calls of several.
//!
//! ```
//! use protocall::{Caller, Raw, Status, pipeline};
//!
//! async fn ask(caller: &Caller) -> Result<(), Status> {
//!     let clocks = ["UTC", "CET", "JST"];
//!     let calls = clocks.map(|zone| caller.call_raw("clock.v1.Clock/Now", zone));
//!     // All of them, each with its own `Result`.
//!     for (zone, now) in clocks.iter().zip(pipeline(calls).await) {
//!         match now {
//!             Ok(Raw(now)) => println!("{zone}: {now:?}"),
//!             Err(status) => println!("{zone}: {status}"),
//!         }
//!     }
//!     // Calls of several types, each with its type.
//!     let (time, place) = pipeline::mixed((
//!         caller.call_raw("clock.v1.Clock/Now", "UTC"),
//!         caller.call_raw("maps.v1.Maps/Find", "Greenwich"),
//!     ))
//!     .await;
//!     println!("{:?} {:?}", time?, place?);
//!     Ok(())
//! }
//! ```
//!
//! The walk: a slot for each call (`member`); those that were not sent yet are opened in their order, many under one
//! lock of the session, with its driver left asleep until the last (`asking`); then the first is asked for its answer.

mod asking;
mod member;
mod mixed;

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::iter::Fuse;
use std::pin::Pin;
use std::task::{Context as Cx, Poll, ready};

use tokio::task::coop::poll_proceed;

use self::asking::{Asleep, TOGETHER, ask};
pub use self::member::Member;
use self::member::{Slot, Stands};
pub use self::mixed::{Members, Mixed, mixed};

/// Calls that are under way at once unless it is set.
const IN_FLIGHT: usize = 1_024;

/// Asks several calls at once: they leave in one write, as far as there is room, and their answers come in the order of
/// asking. `calls` are [`Call`](crate::Call)s, or calls `.with_metadata()`, of one type; [`mixed`] takes those of several.
///
/// Awaited, it gives all answers, a `Result` for each call; [`next`](Pipeline::next) gives one after the other. What is not
/// taken out of the iterator yet was not asked, so it may be long, or have no end.
///
/// ```
/// # use protocall::{Caller, Raw, Status, pipeline};
/// # async fn ask(caller: &Caller) -> Result<(), Status> {
/// let mut answers = pipeline((0..100_000).map(|n| caller.call_raw("sums.v1.Sums/Add", format!("{n}"))));
/// while let Some(answer) = answers.next().await {
///     let Raw(sum) = answer?;
///     println!("{sum:?}");
/// }
/// # Ok(())
/// # }
/// ```
pub fn pipeline<I>(calls: I) -> Pipeline<I::IntoIter>
where
    I: IntoIterator,
    I::Item: Member,
{
    Pipeline {
        calls: calls.into_iter().fuse(),
        slots: VecDeque::new(),
        asked: 0,
        in_flight: IN_FLIGHT,
        answers: Vec::new(),
    }
}

/// Calls of one type that are asked at once; made by [`pipeline()`].
///
/// Nothing is sent before it is polled. Each call keeps its settings: its time limit, counted from when the pipeline takes
/// it out of its iterator, its metadata, and what it inherits of the handler that the pipeline is polled in. One that fails
/// does not touch the others. Dropped, all that have no answer are cancelled at the other end too.
///
/// It waits where calls would: for a connection, and for room (`max_in_flight` and `receive_budget` of the other end,
/// `send_buffer` of this one). Those behind wait with the first, so that they are sent in their order.
#[must_use = "a pipeline does nothing unless it is awaited"]
pub struct Pipeline<I: Iterator<Item: Member>> {
    calls: Fuse<I>,
    /// Those under way, first first. `asked` of them need not be sent any more.
    slots: VecDeque<Slot<I::Item>>,
    asked: usize,
    in_flight: usize,
    /// Of those who await all.
    answers: Vec<Answer<I>>,
}

type Answer<I> = <<I as Iterator>::Item as Future>::Output;

impl<I: Iterator<Item: Member>> Pipeline<I> {
    /// So many calls are under way at most: asked, and their answers not yet handed out. 1,024 unless it is set; not more
    /// than the other end's `max_in_flight` are, whatever is set.
    pub fn max_in_flight(mut self, calls: usize) -> Self {
        self.in_flight = calls.max(1);
        self
    }

    /// The answer to the next call, in the order of asking; `None` after the last.
    pub async fn next(&mut self) -> Option<Answer<I>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Cx<'_>) -> Poll<Option<Answer<I>>> {
        // Many answers may be here: others run between them when it is time.
        let unit = ready!(poll_proceed(cx));
        // Not for each that is done: they would leave in a write each. Not only when all are done: both ends would wait.
        let mut has_asked = self.slots.len() * 2 <= self.in_flight;
        if has_asked {
            self.ask(cx);
        }
        loop {
            match self.slots.front_mut().map(|first| first.poll_done(cx)) {
                Some(Poll::Ready(())) => {
                    unit.made_progress();
                    self.asked -= 1;
                    return Poll::Ready(self.slots.pop_front().and_then(|mut first| first.take()));
                }
                Some(Poll::Pending) if has_asked => return Poll::Pending,
                None if has_asked => return Poll::Ready(None),
                _ => {}
            }
            has_asked = true;
            self.ask(cx);
        }
    }

    /// Asks as many as may be under way.
    fn ask(&mut self, cx: &mut Cx<'_>) {
        let mut asleep = Asleep::default();
        while self.asked < self.slots.len() || self.draw() {
            let mut behind: Vec<_> =
                self.slots.range_mut(self.asked..).map(|slot| slot as &mut dyn Stands).collect();
            ask(&mut behind, &mut asleep, cx);
            self.asked += behind.iter().take_while(|slot| !slot.is_behind()).count();
            if self.asked < self.slots.len() {
                return;
            }
        }
    }

    /// Takes calls out of the iterator. False: there is no room for them, or there are no more.
    fn draw(&mut self) -> bool {
        let room = self.in_flight.saturating_sub(self.slots.len()).min(TOGETHER);
        self.slots.extend(self.calls.by_ref().take(room).map(Slot::new));
        self.asked < self.slots.len()
    }
}

impl<I: Iterator<Item: Member>> Future for Pipeline<I> {
    type Output = Vec<Answer<I>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        while let Some(answer) = ready!(this.poll_next(cx)) {
            this.answers.push(answer);
        }
        Poll::Ready(std::mem::take(&mut this.answers))
    }
}

// Nothing of it is pinned: calls are not, and the iterator and the answers are never polled.
impl<I: Iterator<Item: Member>> Unpin for Pipeline<I> {}

impl<I: Iterator<Item: Member>> fmt::Debug for Pipeline<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("under_way", &self.slots.len()).finish_non_exhaustive()
    }
}
