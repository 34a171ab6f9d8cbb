//! What handles, driver and runner share of a session, under one short lock.

use std::collections::HashMap;
use std::sync::Arc;
#[cfg(not(protocall_loom))]
use std::sync::Mutex;
#[cfg(not(protocall_loom))]
pub(crate) use std::sync::MutexGuard as LockGuard;
use std::sync::atomic::Ordering;
use std::task::Waker;

#[cfg(protocall_loom)]
use loom::sync::Mutex;
#[cfg(protocall_loom)]
pub(crate) use loom::sync::MutexGuard as LockGuard;

use super::Shared;
use super::member::Member;
use super::park::Park;
use super::pushers::Pushers;
use super::relay::{Asker, Relay};
use super::streams::StreamWakers;
use super::waiters::Waiters;
use super::wakers::Wakers;
use crate::context::CallCore;
use crate::proto::{Answer, Connection, Event, Stop, Work, lengthen};
use crate::{MethodSpec, Overflow, Reason, Status};

/// The lock. It does not poison: what is under it is put right by guards (see `proto::opening`).
#[derive(Debug)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> LockGuard<'_, T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<T: Default> Default for Lock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// The state of a session.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) conn: Connection,
    pub(crate) park: Park,
    pub(crate) waiters: Waiters,
    /// Who waits for the answer of our call with this number.
    callers: Vec<Option<Asker>>,
    /// Handlers of the peer's calls that did not finish at once.
    handlers: Vec<Option<Arc<CallCore>>>,
    /// Who reads the peer's streams and waits for items, and who waits to send into any.
    pub(crate) readers: StreamWakers,
    pub(crate) senders: StreamWakers,
    /// Who waits to push, in the order of coming.
    pub(crate) pushers: Pushers,
    /// One of them has left: whoever is first now must look.
    pub(crate) pusher_left: bool,
    /// What to do when a queue of pushes is full, if not what the settings say.
    pub(super) overflow: Option<Overflow>,
    /// Who waits for the peer to have taken pushes, or for more of one that is passed on.
    pub(crate) flushers: Wakers,
    /// Who waits for the end, or for the peer to be ready.
    pub(crate) watchers: Wakers,
    /// Which lane a push method takes; boxed, since most connections push nothing.
    lanes: Option<Box<LaneTable>>,
    /// The runner has gathered replies: the driver need not wait for more.
    pub(crate) has_gathered: bool,
    /// A push waits behind the handler that the runner polls: the driver must look whether that goes on.
    pub(crate) runner_waits: bool,
    pub(crate) ready: bool,
    /// The lists that it leaves when it ends.
    pub(super) member_of: Vec<Member>,
    /// Somebody who waited for room has left.
    pub(crate) regrant: bool,
    /// The driver has written all that there was to write after the end, or is gone.
    has_left: bool,
    watchers_due: bool,
}

/// The lane of each push method that was used, and of each service.
#[derive(Debug, Default)]
struct LaneTable {
    methods: HashMap<usize, u32>,
    services: HashMap<&'static str, u32>,
}

/// What the driver must do after unlocking.
#[derive(Debug, Default)]
pub(crate) struct Todo {
    pub(crate) wakes: Vec<Waker>,
    /// Calls that were passed on, and how they were answered.
    pub(crate) relayed: Vec<(Relay, Answer)>,
    pub(crate) work: Vec<Work>,
    pub(crate) told: Vec<(Arc<CallCore>, Told)>,
    pub(crate) announced: Option<Box<crate::proto::Announced>>,
    /// A call was given up that no handler is known of: it may wait to be run.
    pub(crate) stopped_early: bool,
    pub(crate) ended: Option<Reason>,
    /// Somebody who reads a stream is woken.
    pub(crate) to_read: bool,
}

/// What a call is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    Stop(Stop),
    /// It was passed on, and its answer is under way, as that of our call with this number.
    ReplyBegun(u32),
}

impl Shared {
    /// Takes the machine's events and sorts out who is to do what.
    pub(crate) fn take_events(&self, state: &mut State, todo: &mut Todo) {
        state.take_events(todo);
        if !state.conn.takes_calls() {
            // Under the lock: who hears of it from anybody, and then asks without, is told the same.
            self.takes_calls.store(false, Ordering::Release);
        }
    }
}

impl State {
    pub(crate) fn new(conn: Connection) -> Self {
        Self {
            conn,
            park: Park::default(),
            waiters: Waiters::default(),
            callers: Vec::new(),
            handlers: Vec::new(),
            readers: StreamWakers::default(),
            senders: StreamWakers::default(),
            pushers: Pushers::default(),
            pusher_left: false,
            overflow: None,
            flushers: Wakers::default(),
            watchers: Wakers::default(),
            lanes: None,
            has_gathered: false,
            runner_waits: false,
            ready: false,
            member_of: Vec::new(),
            regrant: false,
            has_left: false,
            watchers_due: false,
        }
    }

    /// Whether [`take_events`](Self::take_events) has nothing to do: so it is after most calls, which this keeps short.
    pub(crate) fn is_quiet(&self) -> bool {
        let room = self.conn.has_call_room() && self.waiters.wait();
        !(room || self.conn.has_events() || self.regrant || self.watchers_due || self.pusher_left)
    }

    fn take_events(&mut self, todo: &mut Todo) {
        self.sort_events(todo);
        if std::mem::take(&mut self.pusher_left) {
            self.pump_queues(&mut todo.wakes);
            self.pushers.wake_firsts(&mut todo.wakes);
            // The last that was queued may have been what a drain waited for.
            self.sort_events(todo);
        }
        if std::mem::take(&mut self.watchers_due) {
            self.watchers.wake_all(&mut todo.wakes);
        }
        if self.conn.take_call_room() | std::mem::take(&mut self.regrant) && self.waiters.wait() {
            self.grant(&mut todo.wakes);
        }
    }

    fn sort_events(&mut self, todo: &mut Todo) {
        self.conn.take_work(&mut todo.work);
        while let Some(number) = self.conn.take_answered() {
            self.answered(number, todo);
        }
        while let Some(event) = self.conn.poll_event() {
            match event {
                Event::Answered(number) => self.answered(number, todo),
                Event::ReplyBegun(number) => self.reply_begun(number, todo),
                Event::Readable(id) => {
                    let reader = self.take_reader(id);
                    todo.to_read |= reader.is_some();
                    todo.wakes.extend(reader);
                }
                Event::Writable(id) => {
                    let ours = self.conn.is_ours(id);
                    todo.wakes.extend(self.senders.take(id, ours));
                }
                Event::LaneRoom => {
                    self.pusher_left = true;
                    // Some of them wait for a large push to leave.
                    self.flushers.wake_all(&mut todo.wakes);
                }
                Event::PushesTaken | Event::PushGoesOn => self.flushers.wake_all(&mut todo.wakes),
                Event::Stopped(id, why) => match self.take_handler(id.number()) {
                    Some(handler) => todo.told.push((handler, Told::Stop(why))),
                    None => todo.stopped_early = true,
                },
                Event::Hello(announced) => todo.announced = Some(announced),
                Event::Ready => {
                    self.ready = true;
                    self.waiters.recheck_all(&mut todo.wakes);
                    self.watchers.wake_all(&mut todo.wakes);
                }
                Event::PeerDrains => {
                    self.waiters.recheck_all(&mut todo.wakes);
                    self.pushers.wake_all(&mut todo.wakes);
                    self.watchers.wake_all(&mut todo.wakes);
                    self.pusher_left = true;
                }
                Event::Auth(_) => {}
                Event::Ended(reason) => self.ended(reason, todo),
            }
        }
    }

    /// Gives back what is kept for its room and is empty. True: nothing is left that could be given back later.
    pub(crate) fn shrink(&mut self) -> bool {
        self.conn.shrink();
        let open = self.conn.in_flight();
        if open.calling == 0 {
            self.callers = Vec::new();
        }
        if open.serving == 0 {
            self.handlers = Vec::new();
        }
        for wakers in [&mut self.flushers, &mut self.watchers] {
            wakers.shrink();
        }
        for wakers in [&mut self.readers, &mut self.senders] {
            wakers.shrink();
        }
        self.waiters.shrink();
        self.pushers.shrink() & self.conn.keeps_nothing()
    }

    /// Lets those who wait to call go on, as far as there is room.
    pub(crate) fn grant(&mut self, wakes: &mut Vec<Waker>) {
        let conn = &mut self.conn;
        let reserve = |cost, keep| conn.reserve_call(cost, keep).ok_or_else(|| conn.call_credit());
        self.waiters.grant(reserve, wakes);
        if let Some(cost) = self.waiters.first_cost() {
            self.conn.ask_call_credit(cost);
        }
    }

    /// Nothing more will be written.
    pub(crate) fn left(&mut self) {
        self.has_left = true;
        self.watchers_due = true;
    }

    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) fn has_left(&self) -> bool {
        self.has_left
    }

    fn ended(&mut self, reason: Reason, todo: &mut Todo) {
        self.waiters.recheck_all(&mut todo.wakes);
        self.pushers.wake_all(&mut todo.wakes);
        self.pushers.discard_all();
        for wakers in [&mut self.flushers, &mut self.watchers] {
            wakers.wake_all(&mut todo.wakes);
        }
        for number in 1..=self.callers.len() as u32 {
            self.answered(number, todo);
        }
        for wakers in [&mut self.readers, &mut self.senders] {
            wakers.wake_all(&mut todo.wakes);
        }
        let handlers = self.handlers.iter_mut().filter_map(Option::take);
        todo.told.extend(handlers.map(|handler| (handler, Told::Stop(Stop::Cancelled))));
        todo.ended = Some(reason);
    }

    pub(crate) fn set_caller(&mut self, number: u32, waker: &Waker) {
        let index = number as usize - 1;
        lengthen(&mut self.callers, index + 1, || None);
        match &mut self.callers[index] {
            Some(Asker::Task(caller)) => caller.clone_from(waker),
            none => *none = Some(Asker::Task(waker.clone())),
        }
    }

    pub(crate) fn take_caller(&mut self, number: u32) -> Option<Waker> {
        match self.take_asker_if(number, |asker| matches!(asker, Asker::Task(_)))? {
            Asker::Task(waker) => Some(waker),
            Asker::Relay(_) => None,
        }
    }

    pub(super) fn set_asker(&mut self, number: u32, asker: Asker) {
        let index = number as usize - 1;
        lengthen(&mut self.callers, index + 1, || None);
        self.callers[index] = Some(asker);
    }

    pub(super) fn take_asker_if(&mut self, number: u32, is: impl FnOnce(&Asker) -> bool) -> Option<Asker> {
        let asker = self.callers.get_mut(number as usize - 1)?;
        if asker.as_ref().is_some_and(is) { asker.take() } else { None }
    }

    /// The answer of a call is there: whoever waits for it is woken, or given it.
    fn answered(&mut self, number: u32, todo: &mut Todo) {
        match self.callers.get_mut(number as usize - 1).and_then(Option::take) {
            None => {}
            Some(Asker::Task(waker)) => todo.wakes.push(waker),
            Some(Asker::Relay(relay)) => {
                let answer = self.conn.take_answer(number);
                let none = || Answer::Local(Status::internal("no answer"));
                todo.relayed.push((relay, answer.map_or_else(none, Answer::from)));
            }
        }
    }

    /// The answer of a call is under way: some look at it as it comes.
    fn reply_begun(&mut self, number: u32, todo: &mut Todo) {
        match self.callers.get(number as usize - 1) {
            Some(Some(Asker::Task(_))) => todo.wakes.extend(self.take_caller(number)),
            Some(Some(Asker::Relay(relay))) => {
                todo.told.push((Arc::clone(relay.core()), Told::ReplyBegun(number)));
            }
            Some(None) | None => {}
        }
    }

    /// A handler goes on by itself: it is told when it must stop. False: it must stop already.
    pub(crate) fn set_handler(&mut self, number: u32, core: &Arc<CallCore>) -> Option<Stop> {
        if let Some(why) = self.conn.stopped(number) {
            return Some(why);
        }
        let index = number as usize - 1;
        lengthen(&mut self.handlers, index + 1, || None);
        self.handlers[index] = Some(Arc::clone(core));
        None
    }

    pub(crate) fn take_handler(&mut self, number: u32) -> Option<Arc<CallCore>> {
        self.handlers.get_mut(number as usize - 1)?.take()
    }

    /// The lane of a push method: one for each service, kept once chosen so that its order holds (wire 10.2).
    pub(crate) fn lane(&mut self, spec: &'static MethodSpec) -> u32 {
        let address = std::ptr::from_ref(spec) as usize;
        let table = self.lanes.get_or_insert_default();
        if let Some(lane) = table.methods.get(&address) {
            return *lane;
        }
        let service = spec.route.rsplit_once('/').map_or(spec.route, |(service, _)| service);
        let next = self.conn.lane_of(table.services.len() as u32);
        let lane = *table.services.entry(service).or_insert(next);
        table.methods.insert(address, lane);
        lane
    }
}
