//! A peer written by hand: it says frames and hears frames, and keeps no rule by itself.

use super::*;
use crate::frame::{
    Bind, Call, CallId, Cancel, Credit, EndCode, Fragment, FragmentOf, GoAway, Headers, Hello, Item, Piece,
    Ping, Pong, Push, Reply, ReplyStatus, Reset, RouteRef, Scope, Settings, Stop as StopFrame, Taken, Text,
};

/// One machine, and what its peer hears of it.
pub(super) struct Raw {
    pub(super) end: End,
    hears: Decoder,
    wire: BytesMut,
}

impl Raw {
    /// Before an acceptor that has read nothing yet.
    pub(super) fn silent(config: &Config) -> Self {
        let end = End::new(Role::Acceptor, config, test_clock());
        Self { end, hears: Decoder::new(u32::MAX), wire: BytesMut::new() }
    }

    /// Before an acceptor with which HELLO was exchanged.
    pub(super) fn new(config: &Config) -> Self {
        Self::with_settings(config, Settings::initial())
    }

    pub(super) fn with_settings(config: &Config, settings: Settings) -> Self {
        let mut raw = Self::silent(config);
        raw.end.handler = Handler::Wait;
        raw.say(hello(settings));
        let heard = raw.heard();
        assert!(matches!(heard[..], [Frame::Hello(_)]), "{heard:?}");
        raw
    }

    #[expect(clippy::needless_pass_by_value, reason = "frames are made to be said")]
    pub(super) fn say(&mut self, frame: Frame) {
        let mut out = BytesMut::new();
        frame.encode(&mut out);
        self.end.feed(&out);
    }

    pub(super) fn say_all(&mut self, frames: impl IntoIterator<Item = Frame>) {
        frames.into_iter().for_each(|frame| self.say(frame));
    }

    /// As [`say_all`](Self::say_all), in one read.
    pub(super) fn say_at_once(&mut self, frames: &[Frame]) {
        let mut out = BytesMut::new();
        frames.iter().for_each(|frame| frame.encode(&mut out));
        self.end.feed(&out);
    }

    /// All that the machine has to say now, but for padding.
    pub(super) fn heard(&mut self) -> Vec<Frame> {
        let bytes = self.end.write(usize::MAX);
        self.decode(&bytes)
    }

    /// What was heard with these bytes.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> Vec<Frame> {
        self.wire.extend_from_slice(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = self.hears.decode(&mut self.wire).expect("the machine keeps the rules") {
            if frame != Frame::Pad {
                frames.push(frame);
            }
        }
        frames
    }

    pub(super) fn step(&mut self, by: Duration) {
        let until = self.end.now + by;
        while let Some(at) = self.end.conn.poll_timeout().filter(|at| *at <= until) {
            let at = at.max(self.end.now);
            self.end.time_out(at);
            if self.end.conn.poll_timeout().is_some_and(|next| next <= at) {
                break;
            }
        }
        self.end.time_out(until);
    }

    /// The machine has ended by this rule, says so, and says nothing after it.
    #[track_caller]
    pub(super) fn assert_ended(&mut self, code: EndCode, rule: &str) {
        let reason = self.end.ended.clone().expect("the connection ended");
        assert_eq!(reason.name(), code.name(), "{reason}");
        assert!(reason.text().contains(rule), "{reason} names {rule}");
        let heard = self.heard();
        let Some(Frame::GoAway(last)) = heard.last() else { panic!("GOAWAY is the last of {heard:?}") };
        assert_eq!(last.code, code);
        assert!(last.last.is_some(), "it is FINAL");
    }
}

pub(super) fn hello(settings: Settings) -> Frame {
    Frame::Hello(Box::new(Hello { version: 1, wants_auth: false, settings }))
}

/// A call of the raw peer's.
pub(super) fn theirs(number: u32) -> CallId {
    CallId::new(Role::Dialler, number)
}

/// A call of the machine's.
pub(super) fn ours(number: u32) -> CallId {
    CallId::new(Role::Acceptor, number)
}

pub(super) fn whole(len: usize) -> Piece {
    Piece { missing: 0, fragmented: false, compressed: false, bytes: body(7, len) }
}

/// The first piece of a message.
pub(super) fn first(len: usize, total: u32) -> Piece {
    Piece { missing: total - len as u32, fragmented: true, compressed: false, bytes: body(7, len) }
}

pub(super) fn name() -> RouteRef {
    RouteRef::Name(Text::from("r/r"))
}

/// What the name of [`name`] adds to the cost of a message.
pub(super) const NAME: u64 = 3;

pub(super) fn call_with(number: u32, message: Option<Piece>) -> Call {
    Call { id: theirs(number), route: name(), deadline: None, stream: false, block: Bytes::new(), message }
}

pub(super) fn call(number: u32, piece: Piece) -> Frame {
    Frame::Call(call_with(number, Some(piece)))
}

/// A call whose caller sends items.
pub(super) fn stream_call(number: u32) -> Frame {
    Frame::Call(call_with(number, None))
}

pub(super) fn reply(id: CallId, piece: Piece) -> Frame {
    Frame::Reply(Reply { id, status: None, block: Bytes::new(), message: Some(piece) })
}

pub(super) fn failed(id: CallId, code: u32) -> Frame {
    let status = ReplyStatus { code, text: Text::from("no"), not_run: false };
    Frame::Reply(Reply { id, status: Some(status), block: Bytes::new(), message: None })
}

pub(super) fn item(id: CallId, piece: Piece) -> Frame {
    Frame::Item(Item { id, end: false, message: piece })
}

pub(super) fn last_item(id: CallId, piece: Piece) -> Frame {
    Frame::Item(Item { id, end: true, message: piece })
}

pub(super) fn fragment(id: CallId, len: usize) -> Frame {
    Frame::Fragment(Fragment { of: FragmentOf::Call(id), bytes: body(9, len), rest: 0 })
}

pub(super) fn lane_fragment(lane: u32, len: usize) -> Frame {
    Frame::Fragment(Fragment { of: FragmentOf::Lane(lane), bytes: body(9, len), rest: 0 })
}

pub(super) fn headers(id: CallId) -> Frame {
    Frame::Headers(Headers { id, block: Bytes::new() })
}

pub(super) fn reset(of: FragmentOf) -> Frame {
    Frame::Reset(Reset { of, code: 10, text: Text::from("enough") })
}

pub(super) fn stop(id: CallId) -> Frame {
    Frame::Stop(StopFrame { id, code: 0 })
}

pub(super) fn cancel(id: CallId) -> Frame {
    Frame::Cancel(Cancel { id, expired: false })
}

pub(super) fn push(lane: u32, piece: Piece) -> Frame {
    Frame::Push(Push { lane, route: name(), block: Bytes::new(), message: piece })
}

pub(super) fn ping(number: u64) -> Frame {
    Frame::Ping(Ping { number })
}

pub(super) fn pong(number: u64, pushes_taken: u64) -> Frame {
    Frame::Pong(Pong { number, pushes_taken })
}

pub(super) fn bind(number: u16) -> Frame {
    Frame::Bind(Bind { number, name: Text::from("a/b") })
}

pub(super) fn credit(scope: Scope, total: u64) -> Frame {
    Frame::Credit(Credit { scope, total })
}

pub(super) fn blocked(scope: Scope, total: u64) -> Frame {
    Frame::Blocked(Credit { scope, total })
}

pub(super) fn intent() -> Frame {
    Frame::GoAway(GoAway { code: EndCode::None, last: None, reason: Text::default() })
}

pub(super) fn last_word(code: EndCode, calls: u64) -> Frame {
    let last = Some(Taken { calls, pushes: 0 });
    Frame::GoAway(GoAway { code, last, reason: Text::from("bye") })
}
