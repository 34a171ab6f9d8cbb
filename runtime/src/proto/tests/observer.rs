//! The grammar of the calls on the wire (wire 6.3, 8, 9), held against every frame that a machine writes in any test, and
//! against every frame that it reads and lets pass. It knows of the machine nothing but these frames.

use std::collections::HashMap;

use crate::frame::{Call, CallId, EndCode, FragmentOf, Frame, Piece, Role, Scope, Settings};
use crate::proto::growing::TIMES;

/// Items one way, or the message of the call that way.
#[derive(Debug, Default)]
struct Way {
    /// Items may go this way.
    flows: bool,
    spent: u64,
    total: u64,
    /// What the last BLOCKED wanted.
    wanted: u64,
    under_way: Option<UnderWay>,
    /// This way's side has ended.
    ended: bool,
    /// STOP was said of it.
    stopped: bool,
}

#[derive(Debug)]
struct UnderWay {
    missing: usize,
    /// Whether the side ends with it.
    last: bool,
}

/// One call, from its CALL to the end of both sides.
#[derive(Debug, Default)]
struct Line {
    /// From the caller.
    up: Way,
    /// From the callee.
    down: Way,
    cancelled: bool,
    headers: bool,
    /// How many calls stood before it.
    order: u64,
    /// After which batch of ours its end was read: one more may have frames of it that stood there before.
    heard_end: Option<u64>,
    /// It lies beyond the count of a FINAL.
    void: bool,
}

/// What is lawful now, from one end's place.
#[derive(Debug)]
pub(super) struct Observer {
    role: Role,
    lines: HashMap<CallId, Line>,
    ready: bool,
    unready: Option<Settings>,
    theirs: Settings,
    ours: Settings,
    batches: u64,
    calls: u64,
    draining: bool,
    counted: bool,
    over: bool,
    /// How many frames of streams were looked at.
    pub(super) seen: u64,
}

type Lawful = Result<(), &'static str>;

fn check(holds: bool, rule: &'static str) -> Lawful {
    if holds { Ok(()) } else { Err(rule) }
}

impl Way {
    fn new(flows: bool, total: u64) -> Self {
        Self { flows, total, ..Self::default() }
    }

    fn begin(&mut self, piece: &Piece, last: bool) {
        match piece.missing as usize {
            0 => self.ended |= last,
            missing => self.under_way = Some(UnderWay { missing, last }),
        }
    }

    fn item(&mut self, piece: &Piece, last: bool) -> Lawful {
        check(self.flows, "9.1: ITEM where none flow")?;
        check(!self.ended, "8.10: ITEM after the end")?;
        check(self.under_way.is_none(), "6.3: ITEM while a message is under way")?;
        self.spent += 64 + piece.total() as u64;
        check(self.spent <= self.total, "7.4: overdrawn")?;
        self.begin(piece, last);
        Ok(())
    }

    fn fragment(&mut self, (len, rest): (usize, usize)) -> Lawful {
        let Some(under_way) = &mut self.under_way else { return Err("6.2: FRAGMENT of nothing") };
        check(len + rest > 0 && len + rest <= under_way.missing, "6.2: FRAGMENT of a wrong length")?;
        under_way.missing -= len;
        if under_way.missing == 0 {
            self.ended |= under_way.last;
            self.under_way = None;
        }
        Ok(())
    }

    fn end(&mut self) {
        (self.ended, self.under_way) = (true, None);
    }
}

impl Line {
    fn is_over(&self) -> bool {
        self.up.ended && self.down.ended
    }

    /// A frame of a call that is open, from its caller or its callee.
    fn step(&mut self, frame: &Frame, by_caller: bool) -> Lawful {
        let (way, other) = if by_caller { (&mut self.up, &self.down) } else { (&mut self.down, &self.up) };
        match frame {
            Frame::Item(item) => {
                check(by_caller || !item.end, "9.2: END from a callee")?;
                self.headers |= !by_caller;
                way.item(&item.message, item.end)
            }
            Frame::Fragment(fragment) => way.fragment((fragment.bytes.len(), fragment.rest as usize)),
            Frame::End(_) => {
                check(by_caller && way.flows && !way.ended, "8.10: END of a side that has ended")?;
                check(way.under_way.is_none(), "6.3: END while a message is under way")?;
                way.end();
                Ok(())
            }
            Frame::Reset(_) => {
                check(!way.ended, "8.10: RESET of a side that has ended")?;
                way.end();
                Ok(())
            }
            Frame::Cancel(_) => {
                check(by_caller && !self.cancelled, "8.8: CANCEL twice")?;
                self.cancelled = true;
                way.end();
                Ok(())
            }
            Frame::Headers(_) => {
                check(!way.ended && !self.headers, "9.5: HEADERS twice, or late")?;
                check(way.under_way.is_none(), "6.3: HEADERS while a message is under way")?;
                self.headers = true;
                Ok(())
            }
            Frame::Reply(reply) => {
                check(!way.ended, "8.10: a second terminal frame")?;
                check(way.under_way.is_none(), "6.3: REPLY while a message is under way")?;
                self.headers = true;
                match &reply.message {
                    Some(piece) => way.begin(piece, true),
                    None => way.end(),
                }
                Ok(())
            }
            Frame::Stop(_) => {
                check(by_caller || !way.ended, "8.14: STOP after a terminal frame")?;
                check(other.flows, "9.4: STOP where nothing flows")
            }
            Frame::Credit(_) | Frame::Blocked(_) => {
                check(by_caller || !way.ended, "8.14: CREDIT or BLOCKED after a terminal frame")
            }
            _ => Ok(()),
        }
    }
}

impl Observer {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            lines: HashMap::new(),
            ready: false,
            unready: None,
            theirs: Settings::initial(),
            ours: Settings::initial(),
            batches: 0,
            calls: 0,
            draining: false,
            counted: false,
            over: false,
            seen: 0,
        }
    }

    /// All frames of a batch were looked at.
    pub(super) fn batch_ends(&mut self) {
        self.batches += 1;
    }

    /// The machine writes a frame, which must be lawful.
    #[track_caller]
    pub(super) fn wrote(&mut self, frame: &Frame) {
        if let Frame::Items(run) = frame {
            return singly(run).for_each(|item| self.wrote(&item));
        }
        let lawful = self.try_write(frame);
        assert_eq!(lawful, Ok(()), "{frame:?} of {:?}", id_of(frame).and_then(|id| self.lines.get(&id)));
    }

    fn try_write(&mut self, frame: &Frame) -> Lawful {
        check(!self.over, "11.5: a frame after the last word")?;
        match frame {
            Frame::Hello(hello) => {
                self.ours = hello.settings.clone();
                self.ours.raise();
            }
            Frame::GoAway(last) => self.over = last.last.is_some() && last.code != EndCode::None,
            Frame::Call(call) => {
                check(!self.draining, "11.4: CALL after GOAWAY")?;
                check(call.id.number() <= self.theirs.in_flight_limit, "8.2: CALL over the limit")?;
                let credit = (self.theirs.stream_credit, self.ours.stream_credit);
                return self.open(call, credit);
            }
            _ => {}
        }
        let Some(id) = id_of(frame) else { return Ok(()) };
        self.seen += 1;
        let by_caller = id.opener() == self.role;
        let (ready, batches) = (self.ready, self.batches);
        let Some(line) = self.lines.get_mut(&id) else { return Err("8.10: of no call") };
        let in_time = line.heard_end.is_none_or(|at| at == batches);
        if line.void {
            return check(in_time, "11.3: of a call beyond the count");
        }
        match frame {
            Frame::Credit(credit) => {
                check(!line.down.ended, "8.14: CREDIT after the terminal frame")?;
                let way = if by_caller { &mut line.down } else { &mut line.up };
                check(way.flows && credit.total > way.total, "7.3: CREDIT that grows nothing")?;
                let largest = 64 + u64::from(self.ours.message_limit);
                let lent = largest.min(way.wanted.saturating_sub(way.spent));
                let most = self.ours.stream_credit.saturating_mul(TIMES).max(lent);
                check(
                    credit.total - way.spent <= most,
                    "7.8: more granted than is wanted or a stream may have",
                )?;
                way.total = credit.total;
            }
            Frame::Blocked(wanted) => {
                check(in_time, "8.14: BLOCKED after the terminal frame")?;
                let way = if by_caller { &mut line.up } else { &mut line.down };
                check(way.flows && wanted.total > way.spent, "7.6: BLOCKED for nothing")?;
            }
            Frame::Stop(_) => {
                check(in_time, "8.14: STOP after the terminal frame")?;
                let way = if by_caller { &mut line.down } else { &mut line.up };
                check(!std::mem::replace(&mut way.stopped, true), "7.11: STOP twice")?;
            }
            Frame::Cancel(_) if line.is_over() => return check(in_time, "8.14: CANCEL after the end"),
            Frame::Item(_) => check(ready, "4.4: ITEM before the other end is ready")?,
            _ => {}
        }
        line.step(frame, by_caller)
    }

    /// The machine has read a frame and goes on. `discards`: it may have passed over what it takes no more (wire 11.3).
    #[track_caller]
    pub(super) fn read(&mut self, frame: &Frame, discards: bool) {
        if let Frame::Items(run) = frame {
            return singly(run).for_each(|item| self.read(&item, discards));
        }
        let lawful = self.try_read(frame, discards);
        let line = id_of(frame).and_then(|id| self.lines.get(&id));
        assert!(lawful.is_ok() || discards, "let pass: {lawful:?}: {frame:?} of {line:?}");
    }

    fn try_read(&mut self, frame: &Frame, discards: bool) -> Lawful {
        match frame {
            Frame::Hello(hello) if hello.wants_auth => self.unready = Some(hello.settings.clone()),
            Frame::Hello(hello) => self.becomes_ready(hello.settings.clone()),
            Frame::Ready => {
                let settings = self.unready.take().ok_or("4.4: READY that was not announced")?;
                self.becomes_ready(settings);
            }
            Frame::GoAway(go_away) => {
                self.draining = true;
                if let (Some(taken), false) = (&go_away.last, self.counted) {
                    self.counted = true;
                    self.beyond(taken.calls);
                }
            }
            Frame::Call(_) if discards => return Ok(()),
            Frame::Call(call) => {
                let credit = (self.ours.stream_credit, self.theirs.stream_credit);
                return self.open(call, credit);
            }
            _ => {}
        }
        let Some(id) = id_of(frame) else { return Ok(()) };
        self.seen += 1;
        let by_caller = id.opener() != self.role;
        let late = matches!(frame, Frame::Cancel(_) | Frame::Stop(_) | Frame::Credit(_) | Frame::Blocked(_));
        let Some(line) = self.lines.get_mut(&id).filter(|line| !line.is_over()) else {
            return check(late, "8.10: of no call");
        };
        match frame {
            Frame::Credit(credit) => {
                let way = if by_caller { &mut line.down } else { &mut line.up };
                way.total = way.total.max(credit.total);
                return Ok(());
            }
            Frame::Blocked(wanted) => {
                let way = if by_caller { &mut line.up } else { &mut line.down };
                way.wanted = way.wanted.max(wanted.total);
                return Ok(());
            }
            Frame::Cancel(_) if line.cancelled => return Ok(()),
            // Where none flow it says nothing.
            Frame::Stop(_) => return Ok(()),
            _ => {}
        }
        if line.void {
            return Ok(());
        }
        let lawful = line.step(frame, by_caller);
        if line.down.ended && !by_caller || line.is_over() {
            line.heard_end.get_or_insert(self.batches);
        }
        lawful
    }

    fn becomes_ready(&mut self, mut settings: Settings) {
        settings.raise();
        let more = settings.stream_credit - self.theirs.stream_credit;
        for (id, line) in &mut self.lines {
            let way = if id.opener() == self.role { &mut line.up } else { &mut line.down };
            way.total = way.total.saturating_add(more);
        }
        (self.theirs, self.ready) = (settings, true);
    }

    /// The other end has taken so many calls of ours.
    fn beyond(&mut self, count: u64) {
        let batches = self.batches;
        for (id, line) in &mut self.lines {
            if id.opener() == self.role && line.order >= count && !line.is_over() {
                (line.void, line.heard_end) = (true, Some(batches));
            }
        }
    }

    fn open(&mut self, call: &Call, (up, down): (u64, u64)) -> Lawful {
        check(
            self.lines.get(&call.id).is_none_or(Line::is_over),
            "8.2: CALL with a number that is not idle",
        )?;
        let mut line = Line {
            up: Way::new(call.message.is_none(), up),
            down: Way::new(call.stream, down),
            order: self.calls,
            ..Line::default()
        };
        self.calls += u64::from(call.id.opener() == self.role);
        if let Some(piece) = &call.message {
            line.up.begin(piece, true);
        }
        self.lines.insert(call.id, line);
        Ok(())
    }
}

/// The call that a frame is of.
fn id_of(frame: &Frame) -> Option<CallId> {
    match frame {
        Frame::Reply(reply) => Some(reply.id),
        Frame::Item(item) => Some(item.id),
        Frame::Headers(headers) => Some(headers.id),
        Frame::End(id) => Some(*id),
        Frame::Stop(stop) => Some(stop.id),
        Frame::Cancel(cancel) => Some(cancel.id),
        Frame::Credit(credit) | Frame::Blocked(credit) => match credit.scope {
            Scope::Stream(id) => Some(id),
            _ => None,
        },
        Frame::Fragment(fragment) => of_call(&fragment.of),
        Frame::Reset(reset) => of_call(&reset.of),
        _ => None,
    }
}

fn of_call(of: &FragmentOf) -> Option<CallId> {
    match of {
        FragmentOf::Call(id) => Some(*id),
        FragmentOf::Lane(_) => None,
    }
}

/// The items of a run.
fn singly(run: &crate::frame::ItemRun) -> impl Iterator<Item = Frame> {
    let mut run = run.clone();
    std::iter::from_fn(move || run.next_item()).map(Frame::Item)
}
