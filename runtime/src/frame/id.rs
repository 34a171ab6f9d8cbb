//! Whose call it is: the ends of a connection and the ids of calls. Read by every kind that concerns a call; the
//! machine keys its tables by [`CallId`].

use std::fmt;

use super::error::FrameError;

/// Which end opened the connection (wire 1.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Role {
    Dialler,
    Acceptor,
}

impl Role {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Acceptor,
            Self::Acceptor => Self::Dialler,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dialler => "dialler",
            Self::Acceptor => "acceptor",
        })
    }
}

// wire 2.6: the number in the low 31 bits, in the top bit who opened it.
const ACCEPTOR: u32 = 1 << 31;

/// The id of a call: its number, from 1, and who opened it.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct CallId(u32); // Invariant: the number is not 0.

impl CallId {
    /// The greatest number.
    pub(crate) const MAX: u32 = ACCEPTOR - 1;

    /// The id of `opener`'s call `number`, which is from 1 to [`MAX`](Self::MAX): other numbers are brought into
    /// that range.
    #[inline]
    pub(crate) fn new(opener: Role, number: u32) -> Self {
        debug_assert!((1..=Self::MAX).contains(&number), "call number {number}");
        let number = number.clamp(1, Self::MAX);
        match opener {
            Role::Dialler => Self(number),
            Role::Acceptor => Self(number | ACCEPTOR),
        }
    }

    /// None for number 0.
    #[inline]
    pub(crate) const fn from_wire(id: u32) -> Option<Self> {
        if id & Self::MAX == 0 { None } else { Some(Self(id)) }
    }

    // wire 2.6: number 0 is no call (MALFORMED).
    #[inline]
    pub(super) fn decode(id: u32) -> Result<Self, FrameError> {
        Self::from_wire(id).ok_or_else(|| FrameError::malformed("2.6", "call number 0"))
    }

    #[inline]
    pub(crate) const fn to_wire(self) -> u32 {
        self.0
    }

    #[inline]
    pub(crate) const fn number(self) -> u32 {
        self.0 & Self::MAX
    }

    #[inline]
    pub(crate) const fn opener(self) -> Role {
        if self.0 & ACCEPTOR == 0 { Role::Dialler } else { Role::Acceptor }
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.opener(), self.number())
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
