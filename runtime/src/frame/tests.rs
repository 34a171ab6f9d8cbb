//! Frames against their bytes: hand-written ones that are also the vectors of `docs/wire-vectors.json`, and
//! generated ones.

mod cases;
mod decoder;
mod hostile;
mod properties;
mod strategies;
mod vectors;

use bytes::BytesMut;

use super::{Decoder, Frame, FrameError};

/// All frames of `bytes`, and the error or the number of bytes that they end in.
fn decode_all(decoder: &mut Decoder, bytes: &[u8]) -> (Vec<Frame>, Result<usize, FrameError>) {
    let mut buf = BytesMut::from(bytes);
    let mut frames = Vec::new();
    let end = decoder.decode_most(&mut buf, usize::MAX, &mut frames);
    (frames.into_iter().flat_map(singly).collect(), end.map(|_| buf.len()))
}

/// A frame by itself, or those of a run.
fn singly(frame: Frame) -> Vec<Frame> {
    match frame {
        Frame::Pushes(mut run) => std::iter::from_fn(|| run.next_push()).map(Frame::Push).collect(),
        Frame::Items(mut run) => std::iter::from_fn(|| run.next_item()).map(Frame::Item).collect(),
        frame => vec![frame],
    }
}

fn encoded<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> BytesMut {
    let mut out = BytesMut::new();
    frames.into_iter().for_each(|frame| frame.encode(&mut out));
    out
}
