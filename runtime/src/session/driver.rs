//! The driver: the one task that reads and writes a connection's transport. It parses what it read unlocked, locks
//! once a batch, and wakes after unlocking. No user code runs on it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as Cx, Poll, ready};
use std::time::Instant;

use tokio::runtime::RuntimeFlavor;
use tokio::time::Sleep;

use super::clock;
use super::closing::Closing;
use super::input::{Input, Read};
use super::patience::Patience;
use super::pipe::Pipe;
use super::rest::Rest;
use super::{Shared, Todo};
use crate::proto::Connection;
use crate::transport::Transport;

/// Frames in one turn. Those whom they wake run before the next: a worker of tokio's has room for 256 tasks that are
/// ready, and who is woken beyond that waits long behind others.
const FRAMES: usize = 256;
/// Pushes and items of so many bytes are written at once, though more may come.
const GATHERED: usize = 32 << 10;
/// So many times others run while they come, before what there is is written: something else may wait behind them.
const GATHERINGS: u32 = 2;
/// To have read so many bytes takes about as long as to run some hundred handlers.
const HEAVY: usize = 128 << 10;
/// Turns before the driver lets other tasks run.
const TURNS: usize = 16;

/// The driver of one connection.
pub(crate) struct Driver {
    pipe: Pipe,
    shared: Arc<Shared>,
    input: Input,
    /// Kept for its room, while there is traffic.
    todo: Option<Box<Todo>>,
    sleep: Option<Pin<Box<Sleep>>>,
    wake_at: Option<Instant>,
    rest: Rest,
    /// On a multi-threaded runtime a task just woken runs next: the driver lets the other ready ones run first.
    gathers: bool,
    gathered: bool,
    /// All who were woken have run since the last turn.
    yielded: bool,
    /// Pushes and items that were begun when it was last looked, and how often others ran for them since something was written.
    one_way_seen: u64,
    gatherings: u32,
    /// When the transport last took bytes, or why it takes none: the machine is told in the next turn.
    wrote: Result<Option<Instant>, String>,
    /// The machine has more to write than was taken.
    more: bool,
    /// Somebody may wait behind the handler that the runner polls.
    watches: bool,
    patience: Patience,
    /// There once the machine is over.
    closing: Option<Box<Closing>>,
}

/// What to do after a turn.
enum After {
    Again,
    Gather,
    Sleep,
    /// The machine is over.
    Close,
}

impl Driver {
    pub(crate) fn new(transport: Transport, shared: Arc<Shared>, flavor: &RuntimeFlavor) -> Self {
        let limit = shared.config.settings().frame_limit;
        Self {
            pipe: Pipe::new(transport),
            shared,
            input: Input::new(limit),
            todo: None,
            sleep: None,
            wake_at: None,
            rest: Rest::new(clock::now()),
            gathers: *flavor != RuntimeFlavor::CurrentThread,
            gathered: false,
            yielded: false,
            one_way_seen: 0,
            gatherings: 0,
            wrote: Ok(None),
            more: false,
            watches: false,
            patience: Patience::default(),
            closing: None,
        }
    }

    fn poll_running(&mut self, cx: &mut Cx<'_>) -> Poll<()> {
        let (mut heavy, mut came) = (false, 0);
        for _ in 0..TURNS {
            let mut read = Read::default();
            let cold = self.rest.is_cold();
            if !cold || self.input.poll_little(cx, &mut self.pipe, &mut read).is_continue() {
                self.input.poll_read(cx, &mut self.pipe, &mut read);
            }
            came += if self.input.is_large() { read.bytes } else { 0 };
            let crowded = self.input.parse(if read.end.is_some() { usize::MAX } else { FRAMES });
            read.more |= crowded;
            let now = clock::now();
            if read.bytes > 0 {
                self.patience.came(self.input.has_several(), now);
            }
            let turn = self.turn(cx, now, read);
            let to_read = self.todo.as_mut().is_some_and(|todo| std::mem::take(&mut todo.to_read));
            if matches!(turn, After::Close) {
                return Poll::Ready(());
            }
            if matches!(turn, After::Gather) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.wrote = self.pipe.poll_write(cx).map(|bytes| (bytes > 0).then_some(now));
            // More to write, if the transport took all of this; or the machine must be told that it takes no more.
            let again = self.wrote.is_err() || (self.more && self.pipe.batch.is_empty());
            if matches!(turn, After::Sleep) && !again {
                self.give_back(now);
                if !self.arm(cx, now) {
                    if self.patience.looks_again(now) {
                        yield_now(cx);
                    }
                    return Poll::Pending;
                }
            }
            heavy =
                came >= HEAVY || (self.wrote.as_ref().is_ok_and(Option::is_some) && self.pipe.was_heavy());
            // Who reads takes what is here before more is read, which would else be copied to wait for it.
            if crowded || heavy || to_read {
                break;
            }
        }
        self.yielded = true;
        match heavy {
            // Others run, and first the runtime looks at its sockets.
            true => yield_now(cx),
            false => cx.waker().wake_by_ref(),
        }
        Poll::Pending
    }

    /// One visit to the state: gives it what was read, takes what is to be written and done.
    fn turn(&mut self, cx: &Cx<'_>, now: Instant, read: Read) -> After {
        let mut todo = self.todo.take().unwrap_or_default();
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state.lock();
        let more_to_read = read.more;
        self.tell(&mut state.conn, now, read);
        if !state.is_quiet() {
            shared.take_events(&mut state, &mut todo);
        }
        if let Some(announced) = todo.announced.take() {
            super::compatible::check(&shared, &announced, &mut state.conn);
        }
        let turn = self.next_turn(cx, &mut state, now, more_to_read);
        // Filling the batch may have let calls go that were held.
        if !state.is_quiet() {
            shared.take_events(&mut state, &mut todo);
        }
        self.more = state.conn.has_output();
        self.watches |= std::mem::take(&mut state.runner_waits);
        drop(state);
        self.follow_up(&mut todo, now);
        self.todo = Some(todo);
        turn
    }

    /// Tells the machine what was read and written, and the time.
    fn tell(&mut self, conn: &mut Connection, now: Instant, read: Read) {
        let mut moved = (read.bytes > 0).then_some(now);
        if read.bytes > 0 {
            conn.handle_read(now);
        }
        self.input.tell(conn, now);
        match std::mem::replace(&mut self.wrote, Ok(None)) {
            Ok(None) => {}
            Ok(Some(at)) => {
                conn.handle_written(at, !self.pipe.batch.is_empty());
                // It may have been some time ago: this turn may be that of an alarm.
                moved = moved.or(Some(at));
            }
            Err(what) => conn.handle_transport_end(self.pipe.written(), &what),
        }
        if let Some(at) = moved {
            self.rest.disturb(at);
        }
        if read.much {
            self.rest.has_traffic();
        }
        if let Some(what) = read.end {
            // What is left must not leave: its callers are told that it was not run. (Unless the end came before.)
            if !conn.is_over() {
                self.pipe.cut();
            }
            conn.handle_transport_end(self.pipe.written(), &what);
        }
        // Who sets an earlier one meanwhile rouses the driver, and it is seen at the end of this turn.
        if self.wake_at.is_some_and(|at| now >= at) {
            conn.handle_timeout(now);
        }
    }

    /// What comes next, decided under the lock that saw what there is to do.
    fn next_turn(
        &mut self,
        cx: &Cx<'_>,
        state: &mut super::State,
        now: Instant,
        more_to_read: bool,
    ) -> After {
        self.gathered |= std::mem::take(&mut state.has_gathered);
        let yielded = std::mem::take(&mut self.yielded);
        let conn = &mut state.conn;
        if conn.is_over() {
            state.park.awake();
            return After::Close;
        }
        let mut turn = if more_to_read { After::Again } else { After::Sleep };
        if self.pipe.batch.is_empty() && conn.has_output() {
            let calls = self.gathers && !(self.gathered || yielded) && conn.is_busy();
            if calls || self.messages_flow(conn) {
                self.gathered = true;
                turn = After::Gather;
            } else {
                (self.gathered, self.gatherings) = (false, 0);
                conn.poll_batch(now, &mut self.pipe.batch);
            }
        }
        self.input.find_place(conn);
        conn.stamp(now);
        self.wake_at = conn.poll_timeout();
        match turn {
            After::Sleep => state.park.sleep(cx.waker()),
            _ => state.park.awake(),
        }
        turn
    }

    /// Whether pushes or items come one after the other: then more of them come while this lets others run. One alone is
    /// written at once.
    fn messages_flow(&mut self, conn: &Connection) -> bool {
        let begun = conn.one_way_begun();
        let before = std::mem::replace(&mut self.one_way_seen, begun);
        let flow = begun - before > 1 && self.gatherings < GATHERINGS && conn.in_flight().unsent < GATHERED;
        self.gatherings += u32::from(flow);
        flow
    }

    /// Wakes and hands on, with the lock released.
    fn follow_up(&mut self, todo: &mut Todo, now: Instant) {
        let runs = &self.shared.runs;
        if !todo.work.is_empty() {
            self.watches |= runs.deliver(&self.shared, &mut todo.work, now);
        }
        if self.watches {
            let look_again = runs.check_busy(&self.shared, now);
            self.watches = look_again.is_some();
            self.wake_at = look_again.into_iter().chain(self.wake_at).min();
        }
        self.shared.settle(todo);
    }

    /// About to sleep: a connection without traffic keeps nothing for its room, nor does one that rests from now on.
    fn give_back(&mut self, now: Instant) {
        let begins = self.rest.begins(now);
        if !self.rest.is_cold() {
            return self.shared.runs.stay();
        }
        self.todo = None;
        self.pipe.batch.shrink();
        self.input.shrink();
        let mut state = self.shared.state.lock();
        if begins {
            state.conn.rest();
        }
        let is_idle = state.shrink();
        drop(state);
        if begins {
            self.shared.runs.rest();
        }
        if self.shared.runs.queue.lock().shrink() && is_idle {
            self.rest.done();
        }
    }

    /// Sets the alarm for the next timeout. True: it is due already.
    fn arm(&mut self, cx: &mut Cx<'_>, now: Instant) -> bool {
        let at = match (self.wake_at, self.rest.next()) {
            (Some(at), Some(rest)) => at.min(rest),
            (at, rest) => match at.or(rest) {
                Some(at) => at,
                None => return false,
            },
        };
        if at <= now {
            return true;
        }
        let at = tokio::time::Instant::from_std(at);
        // An alarm that is too early is kept: it costs one turn, resetting costs one a call.
        let sleep = match &mut self.sleep {
            Some(sleep) if sleep.deadline() <= at && !sleep.is_elapsed() => return false,
            Some(sleep) => {
                sleep.as_mut().reset(at);
                sleep
            }
            None => self.sleep.insert(Box::pin(tokio::time::sleep_until(at))),
        };
        sleep.as_mut().poll(cx).is_ready()
    }
}

/// Has the task polled again, but not at once: first the runtime looks at its sockets.
fn yield_now(cx: &mut Cx<'_>) {
    let _ = pin!(tokio::task::yield_now()).poll(cx);
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.closing.is_none() {
            ready!(this.poll_running(cx));
            (this.input, this.sleep) = (Input::new(0), None);
        }
        let closing = this.closing.get_or_insert_with(|| Box::new(Closing::new(&this.shared)));
        closing.poll(cx, &mut this.pipe, &this.shared)
    }
}

impl Drop for Driver {
    /// The runtime is going down, or the driver is done: whatever is still open is answered.
    fn drop(&mut self) {
        let mut todo = Todo::default();
        let mut state = self.shared.state.lock();
        state.conn.handle_transport_end(self.pipe.written(), "the runtime that drove it is gone");
        state.left();
        self.shared.take_events(&mut state, &mut todo);
        let sleeper = state.park.rouse();
        drop(state);
        drop(sleeper);
        self.shared.settle(&mut todo);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_driver_and_what_tokio_has_beside_it_fit_into_a_block_of_512_bytes() {
        // It is of a multiple of 128, and each connection has one.
        assert!(size_of::<super::Driver>() <= 400, "{} bytes", size_of::<super::Driver>());
    }
}
