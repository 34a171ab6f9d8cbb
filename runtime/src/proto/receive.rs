//! Frames come in: each kind is handed to what it concerns (`requests`, `answers`, `arriving`, `crediting`, `ending`);
//! here are those of the connection itself. A frame that breaks a rule ends the connection by that rule; what only
//! one call broke costs that call (wire 12.1).

use std::time::Instant;

use bytes::Bytes;

use super::assembly::Part;
use super::event::{Announced, Event, Work};
use super::{Connection, MESSAGE_COST};
use crate::frame::{Bind, EndCode, FragmentOf, Frame, FrameError, Hello, Ping, Pong, RouteRef};

/// AUTH frames that one end may send (wire 4.4).
const AUTHS: u32 = 16;

impl Connection {
    /// A frame was read. (One function down to each kind's own: every other on the way would move the frame again.)
    pub(crate) fn handle_frame(&mut self, now: Instant, frame: Frame) {
        if self.is_over() {
            return;
        }
        if !self.peer.said_hello && !matches!(frame, Frame::Hello(_)) {
            return self.begins_wrong(&frame);
        }
        let taken = match frame {
            Frame::Call(call) => self.on_call(now, call),
            Frame::Reply(reply) => self.on_reply(reply),
            Frame::Push(push) => self.on_push(push),
            Frame::Pushes(run) => self.on_pushes(run),
            Frame::Fragment(fragment) => self.on_fragment(fragment.of, Part::of(&fragment)),
            Frame::Credit(credit) => self.on_credit(credit),
            Frame::Blocked(wanted) => self.on_blocked(wanted),
            Frame::Cancel(cancel) => self.on_cancel(cancel),
            Frame::Ping(ping) => {
                self.on_ping(ping);
                Ok(())
            }
            Frame::Pong(pong) => {
                self.on_pong(now, pong);
                Ok(())
            }
            Frame::Bind(bind) => self.on_bind(bind),
            Frame::GoAway(go_away) => {
                self.on_go_away(&go_away);
                Ok(())
            }
            Frame::Reset(reset) => match reset.of {
                FragmentOf::Lane(lane) => self.on_push_reset(lane),
                FragmentOf::Call(id) if id.opener() == self.role => self.on_answer_reset(id.number(), reset),
                FragmentOf::Call(id) => self.on_request_reset(id.number(), &reset),
            },
            Frame::Hello(hello) => self.on_hello(*hello),
            Frame::Auth(bytes) => self.on_auth(bytes),
            Frame::Ready => self.on_ready(),
            Frame::Item(item) if item.id.opener() == self.role => self.on_answer_item(item),
            Frame::Item(item) => self.on_request_item(item),
            Frame::Items(run) => self.on_items(run),
            Frame::End(id) => self.on_end(id),
            Frame::Headers(headers) => self.on_headers(&headers),
            Frame::Stop(stop) => {
                self.on_stop(stop);
                Ok(())
            }
            Frame::Pad => Ok(()),
        };
        self.was_taken(taken);
    }

    #[inline]
    pub(super) fn was_taken(&mut self, taken: Result<(), FrameError>) {
        match taken {
            Ok(()) if self.takes_no_more() => self.check_drained(),
            Ok(()) => {}
            Err(error) => self.break_off(&error),
        }
    }

    pub(super) fn on_fragment(&mut self, of: FragmentOf, part: Part<'_>) -> Result<(), FrameError> {
        match of {
            FragmentOf::Lane(lane) => self.on_push_fragment(lane, part),
            FragmentOf::Call(id) if id.opener() == self.role => self.on_reply_fragment(id.number(), part),
            FragmentOf::Call(id) => self.on_request_fragment(id.number(), part),
        }
    }

    #[cold]
    fn begins_wrong(&mut self, frame: &Frame) {
        let text = format!("the first frame is {}, not HELLO", frame.name());
        self.break_off(&FrameError::new(EndCode::BadHello, "4.1", text));
    }

    #[cold]
    fn break_off(&mut self, error: &FrameError) {
        self.fail(error.code, &error.to_string());
    }

    /// The bytes that were read are no frame.
    pub(crate) fn handle_broken(&mut self, error: &FrameError) {
        if self.is_over() {
            return;
        }
        // Whoever speaks another protocol does not begin with HELLO (wire 4.1). Settings that are wrong stay so.
        let no_frame = matches!(error.rule, "2.1" | "2.2");
        match !self.peer.said_hello && no_frame {
            true => self.fail(EndCode::BadHello, &format!("this is no protocall peer: {error}")),
            false => self.fail(error.code, &error.to_string()),
        }
    }

    fn on_hello(&mut self, hello: Hello) -> Result<(), FrameError> {
        if self.peer.said_hello {
            return Err(FrameError::unexpected("4.1", "a second HELLO"));
        }
        let mut settings = hello.settings;
        let announced = Announced { serves: settings.serves.take(), calls: settings.calls.take() };
        // A later version speaks this one too: the smaller of the two holds (wire 4.2).
        self.peer.said_hello = true;
        self.events.push_back(Event::Hello(Box::new(announced)));
        match hello.wants_auth {
            true => self.peer.unready = Some(Box::new(settings)),
            false => self.peer_ready(settings),
        }
        Ok(())
    }

    fn on_auth(&mut self, bytes: Bytes) -> Result<(), FrameError> {
        self.peer.auths += 1;
        if self.peer.auths > AUTHS {
            return Err(FrameError::new(EndCode::LimitExceeded, "4.4", "more than 16 AUTH frames"));
        }
        // We want none; it counts only while the peer, which does, is not ready (wire 4.4).
        if !self.peer.ready {
            self.events.push_back(Event::Auth(bytes));
        }
        Ok(())
    }

    fn on_ready(&mut self) -> Result<(), FrameError> {
        let Some(settings) = self.peer.unready.take() else {
            return Err(FrameError::unexpected("4.4", "READY that was not announced, or twice"));
        };
        self.peer_ready(*settings);
        Ok(())
    }

    fn on_bind(&mut self, bind: Bind) -> Result<(), FrameError> {
        self.routes.bind(bind.number)?;
        self.work.push(Work::Bound(bind.name));
        Ok(())
    }

    // wire 11.1: one PONG answers all PINGs so far; one whose number has not grown needs none.
    fn on_ping(&mut self, ping: Ping) {
        if self.peer.pinged.is_none_or(|last| ping.number > last) {
            self.peer.pinged = Some(ping.number);
            self.pong_owed = Some(ping.number);
        }
    }

    // wire 11.1: a PONG to a PING never sent is ignored.
    fn on_pong(&mut self, now: Instant, pong: Pong) {
        if (1..=self.pinged).contains(&pong.number) {
            if let Some(transit) = &mut self.transit {
                transit.answered(pong.number, now);
            }
            self.pushes_taken(pong.pushes_taken);
            self.pong_arrived(pong.number);
        }
    }

    /// The peer says how many pushes it has taken (wire 10.5, 11.3).
    pub(super) fn pushes_taken(&mut self, count: u64) {
        self.lanes.peer_taken = self.lanes.peer_taken.max(count);
        self.events.push_back(Event::PushesTaken);
    }
}

/// What a CALL or PUSH costs (wire 7.1).
pub(super) fn cost_of(route: &RouteRef, block: &Bytes, total: usize) -> u64 {
    let name = match route {
        RouteRef::Number(_) => 0,
        RouteRef::Name(name) => name.as_bytes().len(),
    };
    MESSAGE_COST + (name + block.len() + total) as u64
}

pub(super) fn overdrawn(account: &str) -> FrameError {
    FrameError::new(EndCode::CreditOverdrawn, "7.4", format!("the {account} account is overdrawn"))
}

/// A route and a block in bytes of their own: those that were read keep the receive buffer alive, which is too much
/// while fragments are waited for.
pub(super) fn detach(route: &RouteRef, block: &Bytes) -> (RouteRef, Bytes) {
    let route = match route {
        RouteRef::Number(number) => RouteRef::Number(*number),
        RouteRef::Name(name) => RouteRef::Name(name.detached()),
    };
    (route, Bytes::copy_from_slice(block))
}
