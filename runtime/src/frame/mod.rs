//! Frames: the units of the wire as values, and the bytes they are written as (`docs/wire.md`, sections 2 to 6).
//!
//! `proto/` calls it on both ends of a call's way: it hands received bytes to the [`Decoder`] and gets [`Frame`]s,
//! and it writes frames into the connection's write buffer with their `encode`. Everything here is pure: no
//! async, clock, lock or state of a connection. What one frame can break by itself is refused here with a
//! [`FrameError`]; what is wrong only at that moment of a connection (an id that is open, a total overdrawn, a
//! first frame that is not HELLO) is `proto/`'s to see. Bytes from the network never panic, and decoding
//! allocates only for HELLO, BIND and GOAWAY: everything else shares the receive buffer.
//!
//! One file a frame kind, or a family of close ones. Beside them: [`text`], [`id`], [`message`] and [`route`] are
//! fields that several kinds share; [`header`] and [`fields`] write and read; [`block`] is the optional items of an
//! opening or an answer, [`beside`] what of them goes beside a call or push.

#![cfg_attr(not(test), allow(dead_code, reason = "encoders of authentication, which is to come"))]

mod auth;
mod beside;
pub(crate) mod block;
mod call;
mod checksum;
mod close;
mod credit;
mod decoder;
mod encode;
mod error;
mod fields;
mod fragment;
mod go_away;
mod header;
mod hello;
mod id;
mod item;
mod message;
mod ping;
mod push;
mod reply;
mod route;
mod run;
mod services;
mod settings;
pub(crate) mod shape;
mod text;

pub(crate) use self::auth::{encode_auth, encode_ready};
pub(crate) use self::beside::Beside;
pub(crate) use self::block::{Block, BlockError, Detail};
pub(crate) use self::call::{Call, CallHead};
pub(crate) use self::close::{Cancel, Reset, Stop, encode_end};
pub(crate) use self::credit::{Credit, Scope};
pub(crate) use self::decoder::Decoder;
pub(crate) use self::error::{EndCode, FrameError};
pub(crate) use self::fragment::{Fragment, FragmentHead, FragmentOf};
pub(crate) use self::go_away::{GoAway, Taken};
pub(crate) use self::header::{withdraw, withdraw_all};
pub(crate) use self::hello::Hello;
pub(crate) use self::id::{CallId, Role};
pub(crate) use self::item::{Headers, Item, ItemHead, ItemRun, PlainItem};
pub(crate) use self::message::{Outline, Piece};
pub(crate) use self::ping::{Ping, Pong};
pub(crate) use self::push::{PlainHead, Push, PushHead, PushRun};
pub(crate) use self::reply::{Reply, ReplyHead, ReplyStatus, STATUS_TEXT_LIMIT, StatusHead};
pub(crate) use self::route::{Bind, ROUTE_LIMIT, RouteOut, RouteRef};
pub(crate) use self::run::Run;
pub(crate) use self::services::{ServiceShape, Services};
pub(crate) use self::settings::Settings;
pub(crate) use self::text::Text;

#[cfg(test)]
pub(crate) use self::block::Priority;
#[cfg(test)]
pub(crate) use self::header::{HEADER, seal};
#[cfg(test)]
pub(crate) use self::hello::VERSION;

use bytes::Bytes;

/// One frame, as it was read (wire 3).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    /// Boxed: it is large and comes once, the others are moved by the million.
    Hello(Box<Hello>),
    Auth(Bytes),
    Ready,
    Bind(Bind),
    Ping(Ping),
    Pong(Pong),
    GoAway(GoAway),
    Credit(Credit),
    /// The account, and the total that its sender waits for.
    Blocked(Credit),
    Call(Call),
    Reply(Reply),
    Item(Item),
    Fragment(Fragment),
    Headers(Headers),
    End(CallId),
    Reset(Reset),
    Stop(Stop),
    Cancel(Cancel),
    Push(Push),
    /// More than one, as they came (wire 10.1).
    Pushes(PushRun),
    /// More than one, as they came (wire 9.1).
    Items(ItemRun),
    /// PAD, and every ignorable kind that this version does not know (wire 2.2): skip it.
    Pad,
}

impl Frame {
    /// The kind's name in `docs/wire.md`, for logs and for the text of an error.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "HELLO",
            Self::Auth(_) => "AUTH",
            Self::Ready => "READY",
            Self::Bind(_) => "BIND",
            Self::Ping(_) => "PING",
            Self::Pong(_) => "PONG",
            Self::GoAway(_) => "GOAWAY",
            Self::Credit(_) => "CREDIT",
            Self::Blocked(_) => "BLOCKED",
            Self::Call(_) => "CALL",
            Self::Reply(_) => "REPLY",
            Self::Item(_) | Self::Items(_) => "ITEM",
            Self::Fragment(_) => "FRAGMENT",
            Self::Headers(_) => "HEADERS",
            Self::End(_) => "END",
            Self::Reset(_) => "RESET",
            Self::Stop(_) => "STOP",
            Self::Cancel(_) => "CANCEL",
            Self::Push(_) | Self::Pushes(_) => "PUSH",
            Self::Pad => "PAD",
        }
    }
}

// What is larger is moved by a call of memcpy.
const _: () = assert!(size_of::<Frame>() <= 128);

#[cfg(test)]
mod tests;
