//! A whole [`Frame`] as bytes: for tests, scripted peers and the rare kinds. The frames of a call are written by
//! their heads, so that a message is encoded in place.

use bytes::BytesMut;

use super::header::{Header, kind};
use super::message::{Outline, Piece};
use super::reply::{Reply, StatusHead};
use super::{FragmentHead, Frame, ItemHead, ReplyHead, encode_auth, encode_end, encode_ready};

impl Frame {
    /// Appends the frame. Nothing is checked that its parts do not check: a frame that could not be read can be
    /// written.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Hello(hello) => hello.encode(out),
            Self::Auth(bytes) => encode_auth(bytes, out),
            Self::Ready => encode_ready(out),
            Self::Bind(bind) => bind.encode(out),
            Self::Ping(ping) => ping.encode(out),
            Self::Pong(pong) => pong.encode(out),
            Self::GoAway(go_away) => go_away.encode(out),
            Self::Credit(credit) => credit.encode(out),
            Self::Blocked(credit) => credit.encode_blocked(out),
            Self::Call(call) => {
                call.head().encode(call.message.as_ref().map(Piece::outline), out);
                call.message.iter().for_each(|piece| out.extend_from_slice(&piece.bytes));
            }
            Self::Reply(reply) => reply.encode(out),
            Self::Item(item) => {
                ItemHead { id: item.id, end: item.end }.encode(item.message.outline(), out);
                out.extend_from_slice(&item.message.bytes);
            }
            Self::Fragment(fragment) => {
                FragmentHead { of: fragment.of }.encode(fragment.bytes.len(), out);
                out.extend_from_slice(&fragment.bytes);
            }
            Self::Headers(headers) => headers.encode(out),
            Self::End(id) => encode_end(*id, out),
            Self::Reset(reset) => reset.encode(out),
            Self::Stop(stop) => stop.encode(out),
            Self::Cancel(cancel) => cancel.encode(out),
            Self::Push(push) => {
                push.head().encode(push.message.outline(), out);
                out.extend_from_slice(&push.message.bytes);
            }
            Self::Pushes(run) => {
                let mut run = run.clone();
                while let Some(push) = run.next_push() {
                    Self::Push(push).encode(out);
                }
            }
            Self::Items(run) => {
                let mut run = run.clone();
                while let Some(item) = run.next_item() {
                    Self::Item(item).encode(out);
                }
            }
            Self::Pad => Header::connection(kind::PAD).put(0, 0, out),
        }
    }
}

impl Reply {
    fn encode(&self, out: &mut BytesMut) {
        let Self { id, status, block, message } = self;
        if let Some(status) = status {
            return StatusHead { id: *id, status, block }.encode(out);
        }
        let outline = message.as_ref().map_or(Outline::whole(0), Piece::outline);
        ReplyHead { id: *id, block }.encode(outline, out);
        message.iter().for_each(|piece| out.extend_from_slice(&piece.bytes));
    }
}
