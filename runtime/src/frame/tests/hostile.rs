//! Bytes that nobody would write: they cost the connection at most, never a panic, and never more memory than the
//! bound that is stated.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{decode_all, encoded, singly, strategies};
use crate::frame::decoder::PARTS_FROM;
use crate::frame::{Block, Decoder, Fragment, FragmentOf, Frame, FrameError, HEADER, Piece, Services, seal};

const LIMIT: u32 = 20_000;

#[derive(Clone, Debug)]
enum Change {
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            _ if bytes.is_empty() => {}
            Self::Flip(at, bit) => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Self::Insert(at, new) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Remove(at, count) => {
                let at = at.index(bytes.len());
                let end = bytes.len().min(at + count);
                bytes.drain(at..end);
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<prop::sample::Index>(), 0..8u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (any::<prop::sample::Index>(), vec(any::<u8>(), 1..9)).prop_map(|(at, new)| Change::Insert(at, new)),
        (any::<prop::sample::Index>(), 1..9usize).prop_map(|(at, count)| Change::Remove(at, count)),
    ]
}

/// The memory that a frame holds beside the receive buffer, and what it holds of that.
fn held(frame: &Frame) -> (usize, usize) {
    let piece = |piece: Option<&Piece>| piece.map_or(0, |piece| piece.bytes.len());
    match frame {
        Frame::Hello(hello) => {
            let lists = [&hello.settings.serves, &hello.settings.calls];
            let services: usize = lists.into_iter().flatten().map(held_services).sum();
            let agent = hello.settings.agent.as_ref().map_or(0, |agent| agent.as_bytes().len());
            let kinds = hello.settings.codecs.capacity() + hello.settings.compressions.capacity();
            (services + agent + kinds, 0)
        }
        Frame::Bind(bind) => (bind.name.as_bytes().len(), 0),
        Frame::GoAway(away) => (away.reason.as_bytes().len(), 0),
        Frame::Auth(bytes) => (0, bytes.len()),
        Frame::Call(call) => (0, call.block.len() + piece(call.message.as_ref())),
        Frame::Reply(reply) => (0, reply.block.len() + piece(reply.message.as_ref())),
        Frame::Item(item) => (0, item.message.bytes.len()),
        Frame::Push(push) => (0, push.block.len() + push.message.bytes.len()),
        Frame::Fragment(fragment) => (0, fragment.bytes.len()),
        Frame::Headers(headers) => (0, headers.block.len()),
        Frame::Reset(reset) => (0, reset.text.as_bytes().len()),
        _ => (0, 0),
    }
}

fn held_services(services: &Services) -> usize {
    let own = |service: &crate::frame::ServiceShape| service.name.capacity() + service.methods.capacity() * 8;
    services.list.capacity() * size_of::<crate::frame::ServiceShape>()
        + services.list.iter().map(own).sum::<usize>()
}

/// FRAGMENTs that are not whole are looked at in parts, and as they come with the limit that is set.
fn check(bytes: &[u8]) {
    for parts_from in [1, PARTS_FROM] {
        check_in_parts(bytes, parts_from);
    }
}

fn decoder(parts_from: usize) -> Decoder {
    let mut decoder = Decoder::new(LIMIT);
    decoder.accept_checksum();
    decoder.set_parts_from(parts_from);
    decoder
}

fn check_in_parts(bytes: &[u8], parts_from: usize) {
    let mut decoder = decoder(parts_from);
    let mut buf = BytesMut::from(bytes);
    loop {
        let before = buf.len();
        match decoder.decode(&mut buf) {
            Ok(Some(frame)) => {
                let length = before - buf.len();
                let frames = singly(frame.clone());
                let longest = frames.len() * (LIMIT as usize + 4);
                assert!((HEADER..=longest).contains(&length));
                let (allocated, shared) = held(&frame);
                // A HELLO of 16 KiB may hold eleven times as much: services of twelve bytes each. Nothing else
                // holds more than it has brought.
                let bound = if matches!(frame, Frame::Hello(_)) { 11 * length } else { length };
                assert!(allocated <= bound, "{allocated} for {length}: {frame:?}");
                assert!(shared <= length);
                if let Frame::Fragment(part) = &frame {
                    if part.rest > 0 {
                        // What there is of one that is still to come: no frame of its own that could be written.
                        assert!(part.rest as usize >= parts_from && buf.is_empty());
                        assert_eq!(decoder.body(), Some((part.of, part.rest as usize)));
                        continue;
                    }
                }
                // What was read can be written, and reads the same.
                let again = decode_all(&mut Decoder::new(u32::MAX), &encoded([&frame]));
                assert_eq!(again, (frames, Ok(0)));
            }
            Ok(None) => {
                assert!((1..=LIMIT as usize + 4).contains(&decoder.needed()));
                return;
            }
            Err(error) => {
                // For good.
                assert_eq!(decoder.decode(&mut buf), Err(error.clone()));
                assert_eq!(decoder.decode(&mut BytesMut::new()), Err(error));
                return;
            }
        }
    }
}

/// The frames of bytes that come a piece at a time, the parts of each FRAGMENT joined, and the error that they end in.
fn decode_pieces(mut decoder: Decoder, pieces: &[&[u8]]) -> (Vec<Frame>, Option<FrameError>) {
    let (mut buf, mut joined) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        buf.extend_from_slice(piece);
        let mut frames = Vec::new();
        let end = decoder.decode_most(&mut buf, usize::MAX, &mut frames);
        for frame in frames.into_iter().flat_map(singly) {
            match (joined.last_mut(), frame) {
                (Some(Frame::Fragment(begun)), Frame::Fragment(part)) if begun.rest > 0 => join(begun, &part),
                (_, frame) => joined.push(frame),
            }
        }
        if let Err(error) = end {
            return (joined, Some(error));
        }
    }
    (joined, None)
}

fn join(begun: &mut Fragment, part: &Fragment) {
    assert_eq!((part.of, part.rest), (begun.of, begun.rest - part.bytes.len() as u32));
    begun.bytes = [&begun.bytes[..], &part.bytes].concat().into();
    begun.rest = part.rest;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn changed_frames_never_panic(frames in vec(strategies::frame(), 1..4), changes in vec(change(), 1..6)) {
        let mut bytes = encoded(&frames).to_vec();
        changes.iter().for_each(|change| change.apply(&mut bytes));
        check(&bytes);
    }

    #[test]
    fn a_changed_fragment_never_panics_however_much_of_it_is_to_come(
        lane in any::<u32>(),
        here in 0..40usize,
        to_come in PARTS_FROM - 8..PARTS_FROM + 8,
        changes in vec(change(), 0..2),
    ) {
        let (of, bytes) = (FragmentOf::Lane(lane), vec![7; here + to_come].into());
        let mut bytes = encoded([&Frame::Fragment(Fragment { of, bytes, rest: 0 })]).to_vec();
        bytes.truncate(HEADER + here);
        changes.iter().for_each(|change| change.apply(&mut bytes));
        check(&bytes);
    }

    #[test]
    fn changed_frames_are_the_same_however_they_come(
        frames in vec((prop_oneof![strategies::fragment(), strategies::frame().boxed()], any::<bool>()), 1..6),
        (in_header, changes) in (option::of((4..HEADER, 0..8u8)), vec(change(), 0..3)),
        (sizes, parts_from) in (vec(0..60usize, 1..20), 1..10usize),
    ) {
        let mut bytes = BytesMut::new();
        let mut at = 0;
        for (frame, sealed) in &frames {
            at = bytes.len();
            frame.encode(&mut bytes);
            if *sealed && !matches!(frame, Frame::Hello(_)) {
                seal(&mut bytes, at);
            }
        }
        let mut bytes = bytes.to_vec();
        if let Some((byte, bit)) = in_header {
            bytes[at + byte] ^= 1 << bit;
        }
        changes.iter().for_each(|change| change.apply(&mut bytes));
        let changed = bytes.len();
        // Whatever is under way comes to its end, and to an error.
        bytes.resize(changed + LIMIT as usize + 4 + 4, 0);
        let (whole, end) = decode_all(&mut decoder(parts_from), &bytes);
        let mut pieces = Vec::new();
        let mut rest = &bytes[..changed];
        for size in sizes {
            let (piece, later) = rest.split_at(size.min(rest.len()));
            pieces.push(piece);
            rest = later;
        }
        pieces.extend([rest, &bytes[changed..]]);
        prop_assert_eq!(decode_pieces(decoder(parts_from), &pieces), (whole, end.err()));
    }

    #[test]
    fn a_changed_body_behind_a_right_length_never_panics(
        frame in strategies::frame(),
        changes in vec(change(), 1..6),
    ) {
        let bytes = encoded([&frame]);
        let mut body = bytes[5..].to_vec();
        changes.iter().for_each(|change| change.apply(&mut body));
        let length = (body.len() as u32 + 1).to_be_bytes();
        check(&[&length[..], &bytes[4..5], &body].concat());
    }

    #[test]
    fn any_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        check(&bytes);
    }

    #[test]
    fn any_body_of_any_kind_never_panics(kind in 0..0x21u8, rest in vec(any::<u8>(), 5..120)) {
        check(&[&(rest.len() as u32 + 1).to_be_bytes()[..], &[kind], &rest].concat());
    }

    #[test]
    fn any_length_is_judged_before_its_frame(length in any::<u32>(), kind in any::<u8>(), rest in vec(any::<u8>(), 0..20)) {
        check(&[&length.to_be_bytes()[..], &[kind], &rest].concat());
    }

    #[test]
    fn changed_blocks_never_panic(block in strategies::opening_block(), changes in vec(change(), 1..6)) {
        let mut bytes = block.encode().to_vec();
        changes.iter().for_each(|change| change.apply(&mut bytes));
        let bytes = Bytes::from(bytes);
        let _ = Block::decode_answer(&bytes);
        if let Ok(block) = Block::decode(&bytes) {
            prop_assert_eq!(Block::decode(&block.clone().encode()), Ok(block));
        }
    }

    #[test]
    fn a_block_of_empty_items_takes_no_more_than_is_stated(id in 8..10u16, count in 0..500usize) {
        let item: Vec<u8> = match id {
            8 => [0, 8, 0, 0, 0, 2, 0, 0].to_vec(),
            _ => [0, 9, 0, 0, 0, 0].to_vec(),
        };
        let bytes = Bytes::from(item.repeat(count));
        let opening = Block::decode(&bytes).unwrap();
        let answer = Block::decode_answer(&bytes).unwrap();
        // The first growth is to four.
        let least = 4 * size_of::<crate::frame::Detail>();
        let forwarded = opening.forwarded_for.capacity() * size_of::<crate::frame::Text>();
        prop_assert!(forwarded <= least.max(11 * bytes.len()));
        let details = answer.details.capacity() * size_of::<crate::frame::Detail>();
        prop_assert!(details <= least.max(16 * bytes.len()));
    }
}

#[test]
fn a_hello_full_of_the_smallest_services_holds_no_more_than_is_stated() {
    let service = [0; 12];
    let list: Vec<u8> = [&[0][..], &service.repeat(1_363)].concat();
    let items = [&[0, 14][..], &(list.len() as u32).to_be_bytes(), &list].concat();
    let body = [&b"\x01\0\0\0\0\0pCal\x01\0"[..], &items].concat();
    check(&[&(body.len() as u32).to_be_bytes()[..], &body].concat());
}
