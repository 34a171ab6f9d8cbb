//! An encoded message on its way out: the bytes that were written for it, and among them those that it shares with whoever made
//! it. Made by [`links`](super::links), outside of the lock; cut into fragments when its turn comes.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes};

/// An encoded message, in one piece or in several.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Whole(Bytes),
    Linked(Box<Linked>),
    /// What is passed on while it comes.
    Coming(Box<Coming>),
}

/// The pieces of a message, first first, none of them empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Linked {
    pieces: VecDeque<Bytes>,
    len: usize,
}

/// A message of a known length, of which some bytes are here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coming {
    here: Linked,
    /// So many are still to come.
    missing: usize,
    /// By which what comes is known to be this message's: numbers of calls are used again.
    serial: u64,
}

impl Payload {
    /// A message of so many bytes, none of which is here.
    pub(crate) fn coming(len: usize, serial: u64) -> Self {
        Self::Coming(Box::new(Coming { missing: len, serial, ..Coming::default() }))
    }

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
            Self::Coming(coming) => coming.here.len + coming.missing,
        }
    }

    /// Bytes that are here.
    pub(crate) fn held(&self) -> usize {
        match self {
            Self::Coming(coming) => coming.here.len,
            whole => whole.len(),
        }
    }

    /// Whether some are still to come.
    pub(crate) fn is_coming(&self) -> bool {
        self.held() < self.len()
    }

    /// What it was given when it began to come; 0 for what was whole then.
    pub(crate) fn serial(&self) -> u64 {
        match self {
            Self::Coming(coming) => coming.serial,
            _ => 0,
        }
    }

    /// More of it has come: never more than there was to come.
    pub(crate) fn add(&mut self, bytes: Bytes) {
        let Self::Coming(coming) = self else { return debug_assert!(false, "it is whole") };
        debug_assert!(bytes.len() <= coming.missing, "a message has no more bytes than its length");
        coming.missing = coming.missing.saturating_sub(bytes.len());
        coming.here.add(bytes);
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
            Self::Coming(coming) => coming.here.move_to(out, most),
        }
    }

    /// A copy of it, in one piece.
    pub(crate) fn put_to(&self, out: &mut impl BufMut) {
        match self {
            Self::Whole(bytes) => out.put_slice(bytes),
            Self::Linked(linked) => linked.put_to(out),
            Self::Coming(coming) => coming.here.put_to(out),
        }
    }
}

impl Linked {
    #[cfg(test)]
    pub(super) fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter()
    }

    fn add(&mut self, bytes: Bytes) {
        self.len += bytes.len();
        self.pieces.extend((!bytes.is_empty()).then_some(bytes));
    }

    fn put_to(&self, out: &mut impl BufMut) {
        self.pieces.iter().for_each(|piece| out.put_slice(piece));
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
    fn what_comes_leaves_in_its_order_and_no_more_than_is_here() {
        let mut payload = Payload::coming(10, 3);
        let mut out = VecDeque::new();
        assert_eq!((payload.move_to(&mut out, 4), payload.held(), payload.serial()), (0, 0, 3));
        payload.add(Bytes::from_static(b"01234"));
        payload.add(Bytes::from_static(b"56"));
        assert_eq!((payload.len(), payload.held(), payload.is_coming()), (10, 7, true));
        assert_eq!([(); 3].map(|()| payload.move_to(&mut out, 4)), [4, 3, 0]);
        assert!(!payload.is_empty());
        payload.add(Bytes::from_static(b"789"));
        assert!(!payload.is_coming());
        assert_eq!(payload.move_to(&mut out, 4), 3);
        assert!(payload.is_empty());
        assert_eq!(out, ["0123", "4", "56", "789"]);
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
