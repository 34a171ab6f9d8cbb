//! What holds for every frame: it is read as it was written, wherever the stream was split or cut.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{decode_all, encoded, strategies};
use crate::frame::{Block, Decoder, Frame, HEADER, seal, withdraw};

fn decoder() -> Decoder {
    let mut decoder = Decoder::new(65_536);
    decoder.accept_checksum();
    decoder
}

proptest! {
    #[test]
    fn a_frame_is_read_as_it_was_written(frame in strategies::frame()) {
        let (frames, end) = decode_all(&mut decoder(), &encoded([&frame]));
        prop_assert_eq!(frames, [frame]);
        prop_assert_eq!(end, Ok(0));
    }

    #[test]
    fn a_sealed_frame_is_read_as_it_was_written(frame in strategies::frame(), ahead in strategies::bytes()) {
        prop_assume!(!matches!(frame, Frame::Hello(_)));
        let mut out = BytesMut::from(&ahead[..]);
        frame.encode(&mut out);
        seal(&mut out, ahead.len());
        let (frames, end) = decode_all(&mut decoder(), &out[ahead.len()..]);
        prop_assert_eq!(frames, [frame]);
        prop_assert_eq!(end, Ok(0));
    }

    #[test]
    fn one_wrong_bit_of_a_sealed_frame_is_seen(frame in strategies::frame(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        prop_assume!(!matches!(frame, Frame::Hello(_) | Frame::Pad));
        let mut out = encoded([&frame]);
        seal(&mut out, 0);
        // The length and the flag that says there is a checksum are outside of what it can protect, and so is the
        // bit that makes a kind ignorable.
        let at = 4 + at.index(out.len() - 4);
        prop_assume!(bit != 7 || !matches!(at, 4 | 5));
        out[at] ^= 1 << bit;
        prop_assert!(decode_all(&mut decoder(), &out).1.is_err());
    }

    #[test]
    fn any_split_of_the_stream_gives_the_same_frames(
        frames in vec(strategies::frame(), 1..6),
        splits in vec(1..50usize, 1..20),
    ) {
        let stream = encoded(&frames);
        let (mut decoder, mut buf, mut read, mut at) = (decoder(), BytesMut::new(), Vec::new(), 0);
        for size in splits.iter().cycle() {
            let end = stream.len().min(at + size);
            buf.extend_from_slice(&stream[at..end]);
            at = end;
            while let Some(frame) = decoder.decode(&mut buf).unwrap() {
                read.push(frame);
            }
            if at == stream.len() {
                break;
            }
        }
        prop_assert_eq!(read, frames);
        prop_assert!(buf.is_empty());
    }

    #[test]
    fn a_cut_frame_is_none_and_needed_leads_to_its_end(frame in strategies::frame()) {
        let bytes = encoded([&frame]);
        for cut in 0..bytes.len() {
            let mut decoder = decoder();
            let mut buf = BytesMut::from(&bytes[..cut]);
            prop_assert_eq!(decoder.decode(&mut buf), Ok(None));
            prop_assert_eq!(buf.len(), cut);
            let needed = decoder.needed();
            prop_assert!(needed >= 1 && cut + needed <= bytes.len());
            // With what it needs there is a frame, or its length is known and there is one the next time.
            buf.extend_from_slice(&bytes[cut..cut + needed]);
            let known = cut > 4;
            prop_assert_eq!(decoder.decode(&mut buf).unwrap().is_some(), known || bytes.len() == HEADER);
        }
    }

    #[test]
    fn a_body_cut_short_never_panics(frame in strategies::frame()) {
        let bytes = encoded([&frame]);
        for end in HEADER..bytes.len() {
            let mut cut = bytes[..end].to_vec();
            cut[..4].copy_from_slice(&(end as u32 - 4).to_be_bytes());
            let (frames, rest) = decode_all(&mut decoder(), &cut);
            prop_assert_eq!(frames.len(), usize::from(rest.is_ok()));
            prop_assert_ne!(frames.first(), Some(&frame));
        }
    }

    #[test]
    fn a_withdrawn_frame_is_skipped(frames in vec(strategies::frame(), 3)) {
        let (ahead, len) = (encoded(&frames[..1]).len(), encoded(&frames[1..2]).len());
        let mut stream = encoded(&frames);
        withdraw(&mut stream[ahead..ahead + len]);
        let (read, end) = decode_all(&mut decoder(), &stream);
        prop_assert_eq!(read, [frames[0].clone(), Frame::Pad, frames[2].clone()]);
        prop_assert_eq!(end, Ok(0));
    }

    #[test]
    fn a_block_of_an_opening_is_read_as_it_was_written(block in strategies::opening_block()) {
        let out = block.clone().encode();
        prop_assert_eq!(out.is_empty(), block == Block::default());
        prop_assert_eq!(Block::decode(&out), Ok(block));
    }

    #[test]
    fn a_block_of_an_answer_is_read_as_it_was_written(block in strategies::answer_block()) {
        prop_assert_eq!(Block::decode_answer(&block.clone().encode()), Ok(block));
    }

    #[test]
    fn a_cut_block_never_panics_nor_is_it_the_same(block in strategies::opening_block()) {
        let bytes = block.clone().encode();
        for cut in 0..bytes.len() {
            prop_assert_ne!(Block::decode(&bytes.slice(..cut)), Ok(block.clone()));
            prop_assert!(Block::decode_answer(&bytes.slice(..cut)).is_ok() == ends_an_item(&bytes, cut));
        }
    }
}

/// Whether an item of the block ends at `cut`.
fn ends_an_item(block: &Bytes, cut: usize) -> bool {
    let mut at = 0;
    while at < cut {
        at += 6 + u32::from_be_bytes(block[at + 2..at + 6].try_into().unwrap()) as usize;
    }
    at == cut
}
