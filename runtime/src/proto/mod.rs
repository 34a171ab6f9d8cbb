//! One connection as a state machine: no tokio, no clock, no lock. Frames and `now` go in (`handle_*`), batches,
//! events and the next time to be called come out (`poll_*`). Sessions, the simulated network of the tests and the
//! fuzzer drive the same [`Connection`].
//!
//! | file | what of the connection |
//! |---|---|
//! | `calling` `opening` `plain` `leaving` `answers` | the calls that this end opens: the table, what their callers do, what most of them are, how they let go, what their callees say |
//! | `serving` `requests` `replying` | the calls that the peer opens: the table, what their callers say, what their handlers do |
//! | `lanes` `pushing` `arriving` | pushes: the lanes, ours, the peer's |
//! | `stream` `reading` `sending` | streams: their halves, items that come, items that go |
//! | `receive` `peer` | where a frame goes; HELLO, AUTH, READY, BIND, PING, PONG |
//! | `placing` | bytes of large messages that are read straight to where they belong |
//! | `crediting` `growing` | CREDIT and BLOCKED; streams that are given more |
//! | `ending` | GOAWAY, drain, the end of it all |
//! | `resting` | memory that is given back when little is going on |
//! | `account` `routes` `deadlines` `life` `assembly` `pool` `items` `outbox` `transit` `seldom` | the parts: credit, route numbers, deadlines, keepalive, fragments and their buffers, items that came, what waits to be written, what of large messages is on its way, queues that most never use |

mod account;
mod answers;
mod arriving;
mod assembly;
mod batch;
mod buffer;
mod calling;
mod crediting;
mod deadlines;
mod ending;
mod event;
mod growing;
mod items;
mod lanes;
mod leaving;
mod life;
mod opening;
mod outbox;
mod peer;
mod pieces;
mod placing;
mod plain;
mod pool;
mod pushing;
mod queries;
mod reading;
mod receive;
mod replying;
mod requests;
mod resting;
mod routes;
mod seldom;
mod sending;
mod serving;
mod slot;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod transit;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use self::account::{Account, Grant};
use self::buffer::Wanted;
use self::calling::Calling;
use self::crediting::{Asker, Owed};
use self::deadlines::Deadlines;
use self::ending::Farewell;
use self::growing::Grown;
use self::lanes::Lanes;
use self::life::{Life, Verdict};
use self::outbox::{Left, Outbox};
use self::peer::{Bounds, Peer, count};
use self::pool::Pool;
use self::replying::WaitingReply;
use self::routes::Routes;
use self::serving::Serving;
use self::transit::Transit;
use crate::config::Config;
use crate::frame::{CallId, EndCode, Hello, Ping, Pong, Role, Settings};

pub(crate) use self::account::MESSAGE_COST;
pub(crate) use self::batch::Batch;
pub(crate) use self::calling::{Answer, Kept};
pub(crate) use self::event::{
    Announced, ComingPush, Event, Inbound, InboundPush, Messages, Shape, Stop, Work,
};
pub(crate) use self::opening::{OpenRoute, Opening, Permit, cost_to};
pub(crate) use self::pieces::{BegunRequest, Came, ReplyKey};
pub(crate) use self::placing::Place;
pub(crate) use self::pushing::{PushRoom, Pushing};
pub(crate) use self::reading::Read;
pub(crate) use self::replying::{ReplyRoom, Terminal, stop_status};
pub(crate) use self::seldom::Seldom;
pub(crate) use self::sending::ItemRoom;
pub(crate) use self::stream::{Half, StreamKey};
pub(crate) use self::table::lengthen;

/// One connection.
///
/// - `handle_*` put something in. After any of them [`take_work`](Self::take_work), [`poll_event`](Self::poll_event) until it is
///   empty, [`take_call_room`](Self::take_call_room), and call [`poll_timeout`](Self::poll_timeout) again.
/// - [`poll_batch`](Self::poll_batch) gives what to write, when the last batch is written and [`has_output`](Self::has_output).
/// - The rest (`reserve_call`, `open_call`, `reply`, `push` …) are what handles do. They write into the outbox in place.
#[derive(Debug)]
pub(crate) struct Connection {
    role: Role,
    ours: Bounds,
    config: Arc<Config>,
    max_fragment: usize,
    send_buffer: usize,
    peer: Peer,
    calls_account: Account,
    replies_account: Account,
    calls_grant: Grant,
    replies_grant: Grant,
    calling: Calling,
    serving: Serving,
    replies_waiting: Seldom<WaitingReply>,
    /// What small replies cost that passed the first large one of them.
    replies_passed: u64,
    lanes: Lanes,
    routes: Routes,
    outbox: Outbox,
    /// Of large messages; none before the first, nor when it rests.
    transit: Option<Box<Transit>>,
    wanted: Wanted,
    deadlines: Deadlines,
    life: Life,
    farewell: Farewell,
    pinged: u64,
    pong_owed: Option<u64>,
    owed: Owed,
    /// Calls that wait until what we have to write leaves (wire 7.11).
    held: Seldom<u32>,
    /// Lanes and streams that wait for a large grant, in the order of asking.
    asking: Seldom<Asker>,
    /// The one that was given it last (wire 7.8).
    turn: Option<Asker>,
    /// Streams that were ever begun.
    streams_begun: u64,
    /// Small items that were ever sent.
    items_begun: u64,
    /// Streams whose senders wait for the write buffer.
    senders_in_line: Vec<CallId>,
    /// Those that were given more credit than their first, or may be soon; some may be over.
    grown: Seldom<Grown>,
    events: VecDeque<Event>,
    work: Vec<Work>,
    /// Calls of ours that were answered: the event that comes most, kept small.
    answered: VecDeque<u32>,
    /// There may be room for calls that wait.
    call_room: bool,
    left: Vec<Left>,
    pool: Pool,
}

impl Connection {
    /// A connection that has just come about; its HELLO waits to be written.
    pub(crate) fn new(role: Role, config: &Arc<Config>, announced: Announced, now: Instant) -> Self {
        let initial = Settings::initial();
        let mut ours = Settings { serves: announced.serves, calls: announced.calls, ..config.settings() };
        count(&mut ours);
        let mut connection = Self {
            role,
            config: Arc::clone(config),
            max_fragment: config.max_fragment,
            send_buffer: config.send_buffer,
            calls_account: Account::new(initial.calls_credit),
            replies_account: Account::new(initial.replies_credit),
            calls_grant: Grant::new(initial.calls_credit),
            replies_grant: Grant::new(initial.replies_credit),
            calling: Calling::new(initial.in_flight_limit),
            serving: Serving::new(initial.in_flight_limit),
            replies_waiting: Seldom::default(),
            replies_passed: 0,
            lanes: Lanes::new((initial.lanes, initial.lane_credit), (initial.lanes, initial.lane_credit)),
            routes: Routes::new(initial.bindings, initial.bindings),
            outbox: Outbox::default(),
            transit: None,
            wanted: Wanted::default(),
            deadlines: Deadlines::new(now),
            life: Life::new(now, config),
            farewell: Farewell::default(),
            pinged: 0,
            pong_owed: None,
            owed: Owed::default(),
            held: Seldom::default(),
            asking: Seldom::default(),
            turn: None,
            streams_begun: 0,
            items_begun: 0,
            senders_in_line: Vec::new(),
            grown: Seldom::default(),
            events: VecDeque::new(),
            work: Vec::new(),
            answered: VecDeque::new(),
            call_room: false,
            left: Vec::new(),
            pool: Pool::new(&ours),
            peer: Peer {
                said_hello: false,
                ready: false,
                unready: None,
                auths: 0,
                pinged: None,
                settings: Bounds::from(&initial),
            },
            ours: Bounds::from(&ours),
        };
        connection.say_hello(ours);
        connection
    }

    fn say_hello(&mut self, ours: Settings) {
        // We are ready with our HELLO, so what it says is in force (wire 4.3).
        self.calls_grant.apply_setting(ours.calls_credit);
        self.replies_grant.apply_setting(ours.replies_credit);
        self.serving.set_limit(ours.in_flight_limit);
        self.lanes.apply_ours(ours.lanes, ours.lane_credit);
        self.routes.set_our_limit(ours.bindings);
        let hello = Hello { version: 1, wants_auth: false, settings: ours };
        hello.encode(self.outbox.control());
    }

    /// Which end this is.
    #[allow(dead_code, reason = "for whoever debugs a session")]
    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// Bytes were read, whatever they are: the peer lives.
    pub(crate) fn handle_read(&mut self, now: Instant) {
        self.life.read(now);
    }

    /// The transport took bytes of the batch; `more` of it is left.
    pub(crate) fn handle_written(&mut self, now: Instant, more: bool) {
        self.life.write_progress(now, more);
    }

    /// Time has passed: call at [`poll_timeout`](Self::poll_timeout), or at any other time.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.is_over() {
            return;
        }
        match self.life.check(now, &self.config) {
            Verdict::Fine => {}
            Verdict::Ping => {
                self.ping();
            }
            Verdict::Dead(why) => return self.fail(EndCode::Timeout, why),
        }
        let mut expired = Vec::new();
        self.deadlines.expire(now, |key| expired.push(key));
        for key in expired {
            match key % 2 {
                0 => self.expire_call(key / 2),
                _ => self.expire_served(key / 2),
            }
        }
        self.check_drain(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called at the latest.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.is_over() {
            return None;
        }
        [self.life.next(&self.config), self.deadlines.next(), self.drain_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next thing for the session to do.
    #[must_use]
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        if let Some(number) = self.take_answered() {
            return Some(Event::Answered(number));
        }
        if self.events.is_empty() && self.buffer_freed() {
            self.wanted = Wanted::default();
            self.call_room = true;
            self.events.push_back(Event::LaneRoom);
            self.buffer_takes_items();
        }
        self.events.pop_front()
    }

    /// The next call of ours that was answered, of which there is then no event.
    #[inline]
    pub(crate) fn take_answered(&mut self) -> Option<u32> {
        self.answered.pop_front()
    }

    /// Whether there may be room for calls that wait, since this was last asked.
    pub(crate) fn take_call_room(&mut self) -> bool {
        std::mem::take(&mut self.call_room)
    }

    /// Whether [`poll_batch`](Self::poll_batch) would give anything.
    pub(crate) fn has_output(&self) -> bool {
        let owes = self.pong_owed.is_some() || !self.owed.is_empty();
        // After the last word nothing is owed any more (wire 11.5).
        (owes && !self.is_over())
            || self.outbox.encoded() > 0
            || (self.outbox.has_large() && self.transit_room() > 0)
    }

    /// Refills `batch`, which is empty, with what waits to be written.
    pub(crate) fn poll_batch(&mut self, now: Instant, batch: &mut Batch) {
        if let Some(number) = self.pong_owed.take() {
            Pong { number, pushes_taken: self.lanes.taken }.encode(self.outbox.control());
        }
        if !self.owed.is_empty() {
            self.write_owed();
        }
        let piece = self.piece();
        let mut left = std::mem::take(&mut self.left);
        let carried = self.outbox.fill(now, (piece, self.transit_room()), batch, &mut left);
        if carried > 0 {
            self.fragments_left(carried, now, batch);
        }
        for what in left.drain(..) {
            self.has_left(what);
        }
        self.left = left;
        self.release_held();
        if !batch.is_empty() {
            self.life.write_progress(now, true);
        }
    }

    /// So many bytes of fragments leave with the batch.
    fn fragments_left(&mut self, carried: u64, now: Instant, batch: &mut Batch) {
        let transit = self.transit.get_or_insert_default();
        if transit.left(carried) {
            self.pinged += 1;
            self.outbox.fill_last(batch, |out| Ping { number: self.pinged }.encode(out));
            transit.marked(self.pinged, now);
        }
    }

    fn has_left(&mut self, what: Left) {
        match what {
            Left::Call(id, at) => self.calling.left_whole(id.number(), at),
            Left::CallBegun(id) => self.calling.begun(id.number()),
            Left::CallEnded(id, at) => self.calling.ended(id.number(), at),
            Left::ReplyEnded(id) => self.end_served(id.number(), None),
            Left::ItemEnded(id) => self.item_left(id),
            Left::PushEnded(lane) => {
                self.large_push_ended(lane);
                self.check_drained();
            }
        }
    }

    /// Sends a PING (wire 11.1) behind all small frames, so that its PONG tells of them.
    pub(crate) fn ping(&mut self) -> u64 {
        self.pinged += 1;
        Ping { number: self.pinged }.encode(self.outbox.small());
        self.pinged
    }
}

/// A moment to count from, for tests that move time by hand.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests' clocks start somewhere")]
pub(crate) fn test_clock() -> Instant {
    Instant::now()
}
