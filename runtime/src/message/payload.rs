//! An encoded message on its way out: the bytes that were written for it, and among them those that it shares with whoever made
//! it. Made by [`links`](super::links), outside of the lock; cut into fragments when its turn comes.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes};

/// An encoded message, in one piece or in several.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Whole(Bytes),
    Linked(Box<Linked>),
}

/// The pieces of a message, first first, none of them empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Linked {
    pieces: VecDeque<Bytes>,
    len: usize,
}

impl Payload {
    /// In the order in which they stand in the message.
    pub(crate) fn linked(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        let pieces: VecDeque<Bytes> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        let len = pieces.iter().map(Bytes::len).sum();
        Self::Linked(Box::new(Linked { pieces, len }))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Linked(linked) => linked.len,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes so many bytes from its front, or all: how many. They are shared, and not copied.
    pub(crate) fn move_to(&mut self, out: &mut VecDeque<Bytes>, most: usize) -> usize {
        match self {
            Self::Whole(bytes) => {
                let part = bytes.split_to(most.min(bytes.len()));
                let moved = part.len();
                out.extend((moved > 0).then_some(part));
                moved
            }
            Self::Linked(linked) => linked.move_to(out, most),
        }
    }

    /// A copy of it, in one piece.
    pub(crate) fn put_to(&self, out: &mut impl BufMut) {
        match self {
            Self::Whole(bytes) => out.put_slice(bytes),
            Self::Linked(linked) => linked.pieces.iter().for_each(|piece| out.put_slice(piece)),
        }
    }
}

impl Linked {
    #[cfg(test)]
    pub(super) fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter()
    }

    fn move_to(&mut self, out: &mut VecDeque<Bytes>, most: usize) -> usize {
        let moved = most.min(self.len);
        let mut left = moved;
        while let Some(front) = self.pieces.front_mut().filter(|_| left > 0) {
            let part = front.split_to(left.min(front.len()));
            left -= part.len();
            out.push_back(part);
            if front.is_empty() {
                self.pieces.pop_front();
            }
        }
        self.len -= moved;
        moved
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = b"head, body, and tail";

    fn both() -> [Payload; 2] {
        let bytes = Bytes::from_static(WHOLE);
        let pieces = [bytes.slice(..6), bytes.slice(6..6), bytes.slice(6..12), bytes.slice(12..)];
        [Payload::from(bytes.clone()), Payload::linked(pieces)]
    }

    #[test]
    fn a_message_of_several_pieces_is_cut_like_one_of_one_piece_and_its_bytes_stay_where_they_are() {
        for most in 1..=WHOLE.len() + 1 {
            for mut payload in both() {
                let (mut at, begin) = (0, WHOLE.as_ptr());
                while !payload.is_empty() {
                    let mut out = VecDeque::new();
                    let moved = payload.move_to(&mut out, most);
                    assert_eq!(moved, most.min(WHOLE.len() - at));
                    for part in out {
                        assert_eq!(part.as_ptr(), begin.wrapping_add(at));
                        assert!(!part.is_empty());
                        at += part.len();
                    }
                    assert_eq!(payload.len(), WHOLE.len() - at);
                }
                assert_eq!(at, WHOLE.len());
            }
        }
    }

    #[test]
    fn a_message_of_several_pieces_is_copied_as_one() {
        for payload in both() {
            let mut out = Vec::new();
            payload.put_to(&mut out);
            assert_eq!(out, WHOLE);
        }
        assert!(Payload::default().is_empty() && Payload::linked([]).is_empty());
    }
}
