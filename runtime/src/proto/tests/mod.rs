//! The machine's tests: two machines joined by a fake network and a fake clock ([`pair`]), and one machine before a
//! peer that is written by hand ([`raw`]). Nothing sleeps, nothing reads the real clock.
//!
//! An [`End`] is a machine with what its session would be: it keeps what was dispatched, answered and ended, and
//! checks what must always hold (one end, one answer a call, and what its [`ledger`] knows of "not run").

mod accounts;
mod ask;
mod batches;
mod cancel;
mod chaos;
mod deadlines;
mod ending;
mod ends;
mod halves;
mod handshake;
mod items;
mod ledger;
mod life;
mod limits;
mod matrix;
mod meddle;
mod model;
mod not_run;
mod observer;
mod pair;
mod pieces;
mod placing;
mod plain;
mod pushes;
mod raw;
mod stream_bounds;
mod stream_rules;
mod streams;
mod turns;

use std::collections::{HashSet, VecDeque};
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

pub(super) use self::ask::*;
use self::halves::Woken;
use self::ledger::Ledger;
use self::placing::Straight;
use super::*;
use crate::frame::{Decoder, Frame};
use crate::{Reason, Status};

/// One end.
pub(super) struct End {
    pub(super) conn: Connection,
    pub(super) now: Instant,
    pub(super) handler: Handler,
    /// What was taken and not dispatched yet.
    work: VecDeque<Work>,
    /// Calls dispatched and not answered.
    pub(super) calls: VecDeque<Inbound>,
    /// The tags of all calls that were ever dispatched.
    pub(super) journal: Vec<u64>,
    pub(super) stopped: Vec<(u32, Stop)>,
    pub(super) pushes: Vec<Pushed>,
    /// Whether pushes are handed on as they come.
    pub(super) takes_pushes: bool,
    pub(super) answers: Vec<(u32, Answer)>,
    pub(super) ended: Option<Reason>,
    pub(super) is_ready: bool,
    pub(super) peer_drains: bool,
    pub(super) room: usize,
    /// Calls of the peer's, and ours, whose large messages are under way.
    pub(super) begun: Vec<u32>,
    pub(super) pushes_begun: Vec<(u32, u64)>,
    pub(super) replies_begun: Vec<u32>,
    /// Halves of streams that were told to look.
    pub(super) woken: Vec<Woken>,
    /// Our calls whose answers their readers take.
    pub(super) streams: HashSet<u32>,
    decoder: Decoder,
    straight: Straight,
    input: BytesMut,
    batch: Batch,
    pub(super) written: u64,
    ledger: Ledger,
}

impl End {
    pub(super) fn new(role: Role, config: &Config, now: Instant) -> Self {
        Self {
            conn: Connection::new(role, &Arc::new(config.clone()), Announced::default(), now),
            now,
            handler: Handler::Echo,
            work: VecDeque::new(),
            calls: VecDeque::new(),
            journal: Vec::new(),
            stopped: Vec::new(),
            pushes: Vec::new(),
            takes_pushes: true,
            answers: Vec::new(),
            ended: None,
            is_ready: false,
            peer_drains: false,
            room: 0,
            begun: Vec::new(),
            pushes_begun: Vec::new(),
            replies_begun: Vec::new(),
            woken: Vec::new(),
            streams: HashSet::new(),
            decoder: Straight::decoder(config),
            straight: Straight::default(),
            input: BytesMut::new(),
            batch: Batch::default(),
            written: 0,
            ledger: Ledger::new(role),
        }
    }

    /// Bytes arrive.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.conn.handle_read(self.now);
        let bytes = self.fill_place(bytes);
        self.input.extend_from_slice(bytes);
        loop {
            match self.decoder.decode(&mut self.input) {
                Ok(Some(frame)) => {
                    if !self.conn.is_over() {
                        self.ledger.read(&frame);
                    }
                    self.hear(frame);
                }
                Ok(None) => break,
                Err(error) => {
                    self.conn.handle_broken(&error);
                    break;
                }
            }
        }
        self.settle();
        self.find_place();
    }

    /// A frame was read; the session does not look yet.
    pub(super) fn hear(&mut self, frame: Frame) {
        let seen = frame.clone();
        self.conn.handle_frame(self.now, frame);
        if !self.conn.is_over() {
            self.ledger.observer.read(&seen, self.conn.takes_no_more());
        }
    }

    /// The transport takes at most so many bytes.
    pub(super) fn write(&mut self, most: usize) -> Vec<u8> {
        let mut taken = Vec::new();
        while taken.len() < most {
            if self.batch.is_empty() {
                if !self.conn.has_output() {
                    break;
                }
                self.poll_batch();
                assert!(!self.batch.is_empty(), "output was announced and there is none");
            }
            let mut slices = [IoSlice::new(&[]); 1];
            assert_eq!(self.batch.slices(&mut slices), 1);
            let n = slices[0].len().min(most - taken.len());
            taken.extend_from_slice(&slices[0][..n]);
            self.batch.advance(n);
            self.written += n as u64;
            self.conn.handle_written(self.now, !self.batch.is_empty());
        }
        taken
    }

    /// The driver takes a batch.
    pub(super) fn poll_batch(&mut self) {
        self.conn.poll_batch(self.now, &mut self.batch);
        let mut slices = [IoSlice::new(&[]); 256];
        let count = self.batch.slices(&mut slices);
        assert!(count < slices.len());
        let mut bytes = BytesMut::new();
        slices[..count].iter().for_each(|slice| bytes.extend_from_slice(slice));
        self.ledger.handed_over(bytes);
        self.settle();
    }

    /// Whether something waits to be written.
    pub(super) fn has_output(&self) -> bool {
        !self.batch.is_empty() || self.conn.has_output()
    }

    /// The bytes that the driver holds.
    pub(super) fn batch_len(&self) -> usize {
        let mut slices = [IoSlice::new(&[]); 64];
        let count = self.batch.slices(&mut slices);
        slices[..count].iter().map(|slice| slice.len()).sum()
    }

    /// The transport is gone.
    pub(super) fn cut(&mut self) {
        if !self.conn.is_over() {
            self.ledger.cut(self.written);
        }
        self.conn.handle_transport_end(self.written, "cut");
        self.batch = Batch::default();
        self.settle();
    }

    pub(super) fn time_out(&mut self, now: Instant) {
        self.now = now;
        if self.conn.poll_timeout().is_some_and(|at| now >= at) {
            self.conn.handle_timeout(now);
            self.settle();
        }
    }

    /// Opens a call as a session would. `Err`: it can never go; `Ok(None)`: it must wait.
    pub(super) fn open(&mut self, ask: Ask) -> Result<Option<u32>, Status> {
        let route = ask.route();
        self.conn.check_open(route, ask.len, ask.block.len())?;
        let cost = self.conn.call_cost(route, ask.len, ask.block.len());
        let Some(permit) = self.conn.reserve_call(cost, 0) else {
            self.conn.ask_call_credit(cost);
            return Ok(None);
        };
        self.open_reserved(permit, ask);
        Ok(Some(permit.number))
    }

    pub(super) fn open_reserved(&mut self, permit: Permit, ask: Ask) {
        let route = ask.route();
        let Ask { tag, len, limit, block, shape, .. } = ask;
        self.ledger.opened(permit.number);
        self.streams.remove(&permit.number);
        let opening = Opening { route, shape, left: limit, limit, block, len };
        let message = body(tag, len);
        if self.conn.fits_in_place(route, len, block.len()) {
            let opened = self.conn.open_call(permit, opening, |out| out.extend_from_slice(&message));
            assert!(opened.is_ok(), "{opened:?}");
        } else {
            self.conn.open_large_call(self.now, permit, opening, in_pieces(message));
        }
        self.conn.stamp(self.now);
        self.settle();
    }

    /// A call that has room now.
    pub(super) fn call(&mut self, ask: Ask) -> u32 {
        self.open(ask).expect("it may go").expect("there is room")
    }

    pub(super) fn give_up(&mut self, number: u32) {
        self.ledger.given_up(number);
        self.conn.give_up(number);
        self.settle();
    }

    /// Answers a call of the peer's with so many bytes.
    pub(super) fn reply(&mut self, number: u32, message: Bytes) {
        let call = self.calls.iter().position(|call| call.id.number() == number);
        let call = call.and_then(|at| self.calls.remove(at));
        match self.conn.reply_room(message.len(), 0) {
            // As the session does: the end of items may have to wait for the last.
            _ if call.is_some_and(|call| call.shape.answers_with_items()) => {
                self.conn
                    .reply(number, Terminal::Message { block: Bytes::new(), message: in_pieces(message) });
            }
            ReplyRoom::InPlace => {
                let written = self
                    .conn
                    .reply_in_place(number, message.len(), &[], |out| out.extend_from_slice(&message));
                assert!(written.is_ok());
            }
            ReplyRoom::Outside => self
                .conn
                .reply(number, Terminal::Message { block: Bytes::new(), message: in_pieces(message) }),
            ReplyRoom::Nobody => {}
        }
        self.settle();
    }

    pub(super) fn reply_status(&mut self, number: u32, status: &Status) {
        self.calls.retain(|call| call.id.number() != number);
        self.conn.reply(number, Terminal::status(status, Bytes::new()));
        self.settle();
    }

    /// Pushes as a session would. False: there is no room.
    pub(super) fn push(&mut self, lane: u32, message: &Bytes) -> bool {
        let pushing = Pushing { route: OpenRoute::Spec(&NOTE), lane, block: &[], len: message.len() };
        self.conn.check_push(&pushing).expect("it may go");
        let room = self.conn.push_room(&pushing);
        match room {
            PushRoom::InPlace => {
                self.conn
                    .push_in_place(pushing, |out| out.extend_from_slice(message))
                    .expect("its length is right");
            }
            PushRoom::Large => self.conn.push_large(pushing, in_pieces(message.clone())),
            PushRoom::Full(_) => {}
        }
        self.settle();
        !matches!(room, PushRoom::Full(_))
    }

    /// Does what a session does with the machine's events.
    pub(super) fn settle(&mut self) {
        let mut taken = Vec::new();
        self.conn.take_work(&mut taken);
        self.work.extend(taken);
        // A handler's answer settles too, and takes what is left of it before what has happened since.
        while let Some(work) = self.work.pop_front() {
            assert!(self.ended.is_none(), "{work:?} after the end");
            match work {
                Work::Bound(_) => {}
                Work::Begun(number) => self.begun.push(number),
                Work::PushBegun(lane, serial) => self.pushes_begun.push((lane, serial)),
                Work::Call(call) => self.dispatch(call),
                Work::Push(push) => self.take_push(push),
            }
        }
        while let Some(event) = self.conn.poll_event() {
            let woken = matches!(event, Event::Answered(_) | Event::Readable(_) | Event::Writable(_));
            let late = self.ended.is_some() && !woken;
            assert!(!late, "{event:?} after the end");
            match event {
                Event::Hello(_)
                | Event::Auth(_)
                | Event::PushesTaken
                | Event::PushGoesOn
                | Event::LaneRoom => {}
                Event::ReplyBegun(number) => self.replies_begun.push(number),
                Event::Readable(id) => self.woken.push(Woken::Reader(id)),
                Event::Writable(id) => self.woken.push(Woken::Sender(id)),
                Event::Answered(number) if self.streams.contains(&number) => self.stream_answered(number),
                Event::Ready => self.is_ready = true,
                Event::PeerDrains => self.peer_drains = true,
                Event::Stopped(id, why) => self.stop(id.number(), why),
                Event::Answered(number) => {
                    let answer = self.conn.take_answer(number).expect("an answer was announced").into();
                    self.ledger.answered(number, &answer, self.conn.is_over());
                    self.answers.push((number, answer));
                }
                Event::Ended(reason) => self.ended = Some(reason),
            }
        }
        self.room += usize::from(self.conn.take_call_room());
    }

    fn dispatch(&mut self, call: Inbound) {
        self.ledger.dispatched(call.id.number());
        self.journal.push(tag_of(&call.message));
        let (number, cost, message) = (call.id.number(), call.cost, call.message.clone());
        self.calls.push_back(call);
        if self.handler != Handler::Busy {
            self.conn.free_calls(cost);
        }
        if self.handler == Handler::Echo {
            self.reply(number, message);
        }
    }

    fn stop(&mut self, number: u32, why: Stop) {
        self.stopped.push((number, why));
        if self.handler != Handler::Stubborn && self.calls.iter().any(|call| call.id.number() == number) {
            self.reply_status(number, &stop_status(why));
        }
    }

    /// The answer of a call of ours, which must be there.
    pub(super) fn answer(&mut self, number: u32) -> Answer {
        let at = self.answers.iter().position(|(n, _)| *n == number).expect("the call has its answer");
        self.answers.remove(at).1
    }

    /// The answer of a call that failed.
    pub(super) fn failure(&mut self, number: u32) -> Status {
        match self.answer(number) {
            Answer::Message { payload, .. } => panic!("answered with {} bytes", payload.len()),
            Answer::Failed { status, .. } => {
                let known = Status::new(crate::Code::from_wire(status.code), status.text.to_string());
                if status.not_run { known.not_run() } else { known }
            }
            Answer::Local(status) => status,
        }
    }

    pub(super) fn success(&mut self, number: u32) -> Bytes {
        match self.answer(number) {
            Answer::Message { payload, .. } => payload,
            other => panic!("answered with {other:?}"),
        }
    }
}

/// The code by which this end ended, if it did.
pub(super) fn end_code(end: &End) -> Option<EndCode> {
    let name = end.conn.ended()?.name();
    (0..16).map(EndCode::from_wire).find(|code| code.name() == name)
}
