//! What is read lands where it belongs, however it comes.

use std::collections::VecDeque;
use std::pin::Pin;

use tokio::io::{AsyncRead, join, sink};

use super::*;
use crate::PeerAddr;
use crate::config::Config;
use crate::frame::{
    CallHead, CallId, Credit, FragmentHead, FragmentOf, Outline, PlainItem, Role, RouteOut, Settings,
};
use crate::proto::{Announced, Work};
use crate::transport::Transport;

/// Fills the buffer to where there is too little room, and takes all of it as messages that are held.
fn fill(input: &mut Input) -> BytesMut {
    let spare = input.buffer.capacity() - input.buffer.len();
    input.buffer.resize(input.buffer.len() + spare - ROOM / 2, 7);
    input.buffer.split()
}

#[test]
fn of_the_buffers_that_messages_share_four_are_kept_and_one_that_is_free_is_used_again() {
    let mut input = Input::new(64 << 10);
    input.make_room();
    let mut held = Vec::new();
    for full in 1..=SHARED + 2 {
        held.push(fill(&mut input));
        input.make_room();
        assert_eq!(input.shared.len(), full.min(SHARED));
        assert!(input.buffer.capacity() >= ROOM_BUSY && input.buffer.is_empty());
    }
    // Their messages go, those of the last one first.
    let freed = held.pop().map(|message| message.as_ptr()).unwrap();
    let last = fill(&mut input);
    input.make_room();
    assert_eq!(input.shared.len(), SHARED);
    input.buffer.extend_from_slice(b"again");
    assert_eq!(input.buffer.as_ptr(), freed);
    drop((held, last));
    input.shrink();
    assert!(input.shared.is_empty());
}

#[test]
fn a_run_of_items_and_the_credit_for_them_tell_of_several_messages_and_one_item_does_not() {
    let id = CallId::new(Role::Dialler, 1);
    let frames = |items: usize, credit: &[Scope]| {
        let mut bytes = BytesMut::new();
        (0..items).for_each(|_| PlainItem::new(id).encode(0, &mut bytes));
        credit.iter().for_each(|&scope| Credit { scope, total: 1 << 20 }.encode(&mut bytes));
        bytes
    };
    let cases = [
        (frames(1, &[]), false),
        (frames(2, &[]), true),
        (frames(0, &[Scope::Stream(id)]), true),
        (frames(0, &[Scope::Calls]), false),
        (frames(0, &[Scope::Calls; 2]), true),
    ];
    for (bytes, several) in cases {
        let mut input = Input::new(64 << 10);
        input.buffer = bytes;
        input.parse(usize::MAX);
        assert!(input.broken.is_none() && !input.frames.is_empty());
        assert_eq!(input.has_several(), several, "{:?}", input.frames);
    }
}

/// What a transport has to be read, one after the other; then there is nothing more for now.
enum Comes {
    Bytes(Vec<u8>),
    /// Nothing for now.
    Nothing,
    Interrupted,
    End,
}

struct Script(VecDeque<Comes>);

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Cx<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.0.pop_front() {
            None | Some(Comes::Nothing) => return Poll::Pending,
            Some(Comes::Interrupted) => return Poll::Ready(Err(io::ErrorKind::Interrupted.into())),
            Some(Comes::End) => {}
            Some(Comes::Bytes(mut bytes)) => {
                let rest = bytes.split_off(bytes.len().min(buf.remaining()));
                buf.put_slice(&bytes);
                if !rest.is_empty() {
                    self.0.push_front(Comes::Bytes(rest));
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// An end that reads, as its driver does.
struct Reader {
    input: Input,
    conn: Connection,
    pipe: Pipe,
    /// Bytes that were read to their place.
    placed: usize,
    messages: Vec<bytes::Bytes>,
}

impl Reader {
    /// Of a peer that has said HELLO. FRAGMENTs are read to their place wherever a read ends within one.
    fn new(comes: impl IntoIterator<Item = Comes>) -> Self {
        let now = crate::proto::test_clock();
        let config = Config::default();
        let mut conn =
            Connection::new(Role::Acceptor, &std::sync::Arc::new(config), Announced::default(), now);
        let hello = crate::frame::Hello { version: 1, wants_auth: false, settings: Settings::initial() };
        conn.handle_frame(now, Frame::Hello(Box::new(hello)));
        let mut input = Input::new(64 << 10);
        input.decoder.set_parts_from(1);
        let script = Script(comes.into_iter().collect());
        let pipe = Pipe::new(Transport::new(join(script, sink()), PeerAddr::Memory));
        Self { input, conn, pipe, placed: 0, messages: Vec::new() }
    }

    /// One turn: what there is is read, parsed and told, and the next place found.
    fn turn(&mut self) -> Read {
        let mut read = Read::default();
        let left = |input: &Input| input.decoder.body().map_or(0, |(_, left)| left);
        let before = self.input.place.as_ref().map(|_| left(&self.input));
        self.input.poll_read(&mut Cx::from_waker(std::task::Waker::noop()), &mut self.pipe, &mut read);
        self.placed += before.map_or(0, |before| before - left(&self.input));
        self.input.parse(usize::MAX);
        assert!(self.input.broken.is_none(), "{:?}", self.input.broken);
        self.input.tell(&mut self.conn, crate::proto::test_clock());
        self.input.find_place(&mut self.conn);
        let mut work = Vec::new();
        self.conn.take_work(&mut work);
        for work in work {
            if let Work::Call(call) = work {
                self.messages.push(call.message);
            }
        }
        while self.conn.poll_event().is_some() {}
        read
    }
}

fn message(tag: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at as u8).wrapping_mul(31) ^ tag).collect()
}

/// A call whose message travels in pieces of `piece` bytes.
fn call(number: u32, message: &[u8], piece: usize) -> Vec<u8> {
    let id = CallId::new(Role::Dialler, number);
    let mut out = BytesMut::new();
    let (first, rest) = message.split_at(piece.min(message.len()));
    let head = CallHead { id, route: RouteOut::Name("a.B/C"), deadline: None, stream: false, block: &[] };
    let total = (!rest.is_empty()).then_some(message.len() as u32);
    head.encode(Some(Outline { len: first.len(), total, compressed: false }), &mut out);
    out.extend_from_slice(first);
    for piece in rest.chunks(piece) {
        FragmentHead { of: FragmentOf::Call(id) }.encode(piece.len(), &mut out);
        out.extend_from_slice(piece);
    }
    out.to_vec()
}

/// Two calls of which the first comes in three pieces, and what follows the last of those at once.
fn calls() -> (Vec<u8>, [Vec<u8>; 2]) {
    let messages = [message(1, 900), message(2, 20)];
    ([call(1, &messages[0], 300), call(2, &messages[1], 300)].concat(), messages)
}

#[test]
fn the_bytes_of_a_large_message_land_in_their_place_wherever_a_read_ends() {
    let (bytes, messages) = calls();
    let mut placed = 0;
    for at in 0..=bytes.len() {
        let (first, rest) = bytes.split_at(at);
        let mut reader =
            Reader::new([Comes::Bytes(first.to_vec()), Comes::Nothing, Comes::Bytes(rest.to_vec())]);
        let mut read = 0;
        for _ in 0..8 {
            read += reader.turn().bytes;
        }
        assert_eq!(read, bytes.len(), "cut at {at}");
        assert_eq!(reader.messages, messages, "cut at {at}");
        assert!(reader.input.place.is_none() && reader.input.buffer.is_empty(), "cut at {at}");
        placed += reader.placed;
    }
    let of_a_fragment: usize = (1..=300).sum();
    assert!(placed >= 2 * of_a_fragment, "from wherever a read ended within one to its end: {placed}");
}

#[test]
fn a_message_of_which_every_byte_comes_alone_is_whole_and_what_follows_is_not_touched() {
    let (bytes, messages) = calls();
    let one_by_one = bytes.iter().flat_map(|byte| [Comes::Bytes(vec![*byte]), Comes::Nothing]);
    let mut reader = Reader::new(one_by_one);
    let mut read = 0;
    while read < bytes.len() {
        let turn = reader.turn();
        assert!(turn.bytes == 1 || turn.bytes == 0 && !turn.more, "{} bytes", turn.bytes);
        read += turn.bytes;
    }
    assert_eq!(reader.messages, messages);
    assert_eq!(reader.placed, 2 * 300, "all of both FRAGMENTs");
}

/// What comes up to the middle of a FRAGMENT, so that a place is lent for the rest.
fn to_the_middle() -> (Vec<u8>, Vec<u8>) {
    let (bytes, _) = calls();
    let (first, rest) = bytes.split_at(bytes.len() - 250);
    (first.to_vec(), rest.to_vec())
}

#[test]
fn a_read_that_finds_nothing_or_is_interrupted_loses_nothing() {
    let (first, rest) = to_the_middle();
    let mut reader = Reader::new([
        Comes::Bytes(first),
        Comes::Nothing,
        Comes::Nothing,
        Comes::Interrupted,
        Comes::Bytes(rest.clone()),
    ]);
    reader.turn();
    assert!(reader.input.place.is_some());
    let empty = reader.turn();
    assert!(empty.bytes == 0 && empty.end.is_none() && !empty.more);
    assert!(reader.input.place.is_some(), "it is lent anew");
    let read = reader.turn();
    assert!(read.end.is_none() && read.bytes > 0);
    reader.turn();
    assert_eq!(reader.messages, calls().1);
}

#[test]
fn the_end_in_the_middle_of_a_place_is_told_with_what_came_before_it() {
    let (first, rest) = to_the_middle();
    for came in [0, 10] {
        let mut comes = vec![Comes::Bytes(first.clone()), Comes::Nothing];
        if came > 0 {
            comes.push(Comes::Bytes(rest[..came].to_vec()));
        }
        comes.push(Comes::End);
        let mut reader = Reader::new(comes);
        reader.turn();
        assert!(reader.input.place.is_some());
        let read = reader.turn();
        assert_eq!(read.bytes, came);
        assert_eq!(read.end.as_deref(), Some("the other end closed it without a word"));
        assert_eq!(reader.placed, came);
        reader.conn.handle_transport_end(0, "gone");
        reader.turn();
        assert!(reader.messages.is_empty() && reader.input.place.is_none(), "half a message is none");
    }
}
