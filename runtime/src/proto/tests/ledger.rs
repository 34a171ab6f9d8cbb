//! What an end's network knows of its calls, kept by reading the bytes that the machine gives to be written and those
//! that come, and by nothing else: which calls left, where their last bytes lie, what counts and replies came. So it
//! says by itself whether a call was not run (wire 13), and every answer of every test of the machine must say the same.

use std::collections::{HashMap, HashSet};

use bytes::{Buf, BytesMut};

use super::super::Answer;
use super::observer::Observer;
use crate::frame::{CallId, Decoder, Fragment, FragmentOf, Frame, Reply, Reset, Role};

/// By which rule an answer says that its call was not run, if one allows it (wire 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NotRun {
    /// 13.1: it never left.
    Withdrawn,
    /// 13.2: its last byte was never given to the transport.
    CutShort,
    /// 13.3
    BeyondCount,
    /// 13.4
    Replied,
}

/// One call of ours.
#[derive(Debug, Default)]
struct Sent {
    /// How many calls left before it, if it has.
    order: Option<u64>,
    /// Bytes of its message that have not left.
    missing: usize,
    /// Where its last byte lies, if that has left.
    end: Option<u64>,
    /// Whether its REPLY says that it was not run.
    replied: Option<bool>,
    /// Its caller was told.
    told: bool,
}

pub(super) struct Ledger {
    role: Role,
    decoder: Decoder,
    /// Whether what is said is lawful.
    pub(super) observer: Observer,
    /// All bytes that were handed over to be written.
    handed_over: u64,
    opened: u64,
    sent: HashMap<u32, Sent>,
    /// What the other end's GOAWAY FINAL says that it took.
    count: Option<u64>,
    /// How many bytes the transport took before it broke.
    cut_at: Option<u64>,
    /// Calls of the other end's that were dispatched and have no reply yet.
    dispatched: HashSet<u32>,
    /// GOAWAYs that came, intent or final.
    pub(super) go_aways: usize,
    /// What every answer was told by.
    pub(super) told: Vec<Option<NotRun>>,
}

impl Ledger {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            decoder: Decoder::new(u32::MAX >> 1),
            observer: Observer::new(role),
            handed_over: 0,
            opened: 0,
            sent: HashMap::new(),
            count: None,
            cut_at: None,
            dispatched: HashSet::new(),
            go_aways: 0,
            told: Vec::new(),
        }
    }

    /// A call of ours may leave from now on.
    pub(super) fn opened(&mut self, number: u32) {
        self.sent.insert(number, Sent::default());
    }

    /// Nobody waits for it: it leaves no more if it has not left.
    pub(super) fn given_up(&mut self, number: u32) {
        if self.sent.get(&number).is_some_and(|sent| sent.order.is_none()) {
            self.sent.remove(&number);
        }
    }

    /// The machine hands a batch over to be written.
    pub(super) fn handed_over(&mut self, mut rest: BytesMut) {
        while rest.has_remaining() {
            let before = rest.len();
            let frame = self.decoder.decode(&mut rest).expect("it writes what can be read");
            self.handed_over += (before - rest.len()) as u64;
            let frame = frame.expect("a batch has whole frames");
            self.observer.wrote(&frame);
            self.wrote(frame);
        }
        self.observer.batch_ends();
    }

    fn wrote(&mut self, frame: Frame) {
        match frame {
            Frame::Call(call) => {
                let sent = self.sent.get_mut(&call.id.number()).expect("no call leaves that was withdrawn");
                assert!(sent.order.is_none(), "a call leaves once");
                sent.order = Some(self.opened);
                sent.missing = call.message.as_ref().map_or(0, |piece| piece.missing as usize);
                sent.end = (sent.missing == 0).then_some(self.handed_over);
                self.opened += 1;
            }
            Frame::Fragment(Fragment { of: FragmentOf::Call(id), bytes, .. }) if self.is_ours(id) => {
                if let Some(sent) = self.sent.get_mut(&id.number()).filter(|sent| sent.missing > 0) {
                    sent.missing -= bytes.len();
                    sent.end = (sent.missing == 0).then_some(self.handed_over);
                }
            }
            Frame::Reset(Reset { of: FragmentOf::Call(id), .. }) if !self.is_ours(id) => {
                self.dispatched.remove(&id.number());
            }
            Frame::Reply(Reply { id, status, .. }) => {
                let ran = self.dispatched.remove(&id.number());
                if let Some(status) = status {
                    assert_ne!(
                        status.not_run, ran,
                        "{id:?}: NOT_RUN says whether it was dispatched: {status:?}"
                    );
                }
            }
            _ => {}
        }
    }

    /// A call of the other end's is handed to the session.
    pub(super) fn dispatched(&mut self, number: u32) {
        self.dispatched.insert(number);
    }

    /// A frame arrives, before the end.
    pub(super) fn read(&mut self, frame: &Frame) {
        match frame {
            Frame::GoAway(go_away) => {
                self.go_aways += 1;
                self.count = self.count.or_else(|| go_away.last.map(|taken| taken.calls));
            }
            Frame::Reply(reply) if self.is_ours(reply.id) => {
                if let Some(sent) = self.sent.get_mut(&reply.id.number()) {
                    sent.replied = reply.status.as_ref().map(|status| status.not_run);
                }
            }
            Frame::Reset(Reset { of: FragmentOf::Call(id), .. }) if self.is_ours(*id) => {
                if let Some(sent) = self.sent.get_mut(&id.number()) {
                    sent.replied = Some(false);
                }
            }
            _ => {}
        }
    }

    /// The connection ends because the transport broke, after so many bytes.
    pub(super) fn cut(&mut self, written: u64) {
        self.cut_at = Some(written);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut_at.is_some()
    }

    /// A call is answered: it is said not to have run if a rule allows it, and only then. Once the connection is over,
    /// only what is handed over already still goes.
    #[track_caller]
    pub(super) fn answered(&mut self, number: u32, answer: &Answer, over: bool) {
        let allowed = self.not_run(number, answer, over);
        let said = match answer {
            Answer::Message { .. } => false,
            Answer::Failed { status, .. } => status.not_run,
            Answer::Local(status) => !status.may_have_run(),
        };
        assert_eq!(said, allowed.is_some(), "{allowed:?} of {answer:?}, {:?}", self.sent.get(&number));
        self.told.push(allowed);
        self.given_up(number);
    }

    /// As [`answered`](Self::answered), of a call with streams: what was told its reader first is what holds.
    #[track_caller]
    pub(super) fn stream_answered(&mut self, number: u32, answer: &Answer, over: bool) {
        if self.sent.get(&number).is_some_and(|sent| !sent.told) {
            self.answered(number, answer, over);
        }
        if let Some(sent) = self.sent.get_mut(&number) {
            sent.told = true;
        }
    }

    fn not_run(&self, number: u32, answer: &Answer, over: bool) -> Option<NotRun> {
        let sent = self.sent.get(&number).expect("only what was opened is answered");
        if !matches!(answer, Answer::Local(_)) {
            return sent.replied.unwrap_or_default().then_some(NotRun::Replied);
        }
        let Some(order) = sent.order else { return Some(NotRun::Withdrawn) };
        if self.count.is_some_and(|count| order >= count) {
            return Some(NotRun::BeyondCount);
        }
        let given = self.cut_at.unwrap_or(self.handed_over);
        let cut_short = over && sent.end.is_none_or(|end| end > given);
        cut_short.then_some(NotRun::CutShort)
    }

    fn is_ours(&self, id: CallId) -> bool {
        id.opener() == self.role
    }
}
