//! How a connection ends for what was read: the codes of GOAWAY and the error that carries one. Made by every
//! decoder here and by `proto/` for what is wrong in its state; `proto/` writes it into GOAWAY.

use std::fmt;

/// Why a connection ended (wire 12.2).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum EndCode {
    None,
    Malformed,
    FrameTooLarge,
    UnknownKind,
    UnknownFlag,
    BadHello,
    Incompatible,
    AuthRefused,
    Unexpected,
    LimitExceeded,
    CreditOverdrawn,
    Checksum,
    Timeout,
    Overloaded,
    Idle,
    Internal,
    Slow,
    Replaced,
}

impl EndCode {
    // wire 12.2: in the order of their numbers, from 0.
    const ALL: [Self; 18] = [
        Self::None,
        Self::Malformed,
        Self::FrameTooLarge,
        Self::UnknownKind,
        Self::UnknownFlag,
        Self::BadHello,
        Self::Incompatible,
        Self::AuthRefused,
        Self::Unexpected,
        Self::LimitExceeded,
        Self::CreditOverdrawn,
        Self::Checksum,
        Self::Timeout,
        Self::Overloaded,
        Self::Idle,
        Self::Internal,
        Self::Slow,
        Self::Replaced,
    ];

    // wire 12.2: an unknown one is treated as INTERNAL.
    pub(crate) fn from_wire(code: u32) -> Self {
        usize::try_from(code).ok().and_then(|at| Self::ALL.get(at)).copied().unwrap_or(Self::Internal)
    }

    pub(crate) const fn to_wire(self) -> u32 {
        self as u32
    }

    /// The name in `docs/wire.md`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Malformed => "MALFORMED",
            Self::FrameTooLarge => "FRAME_TOO_LARGE",
            Self::UnknownKind => "UNKNOWN_KIND",
            Self::UnknownFlag => "UNKNOWN_FLAG",
            Self::BadHello => "BAD_HELLO",
            Self::Incompatible => "INCOMPATIBLE",
            Self::AuthRefused => "AUTH_REFUSED",
            Self::Unexpected => "UNEXPECTED",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::CreditOverdrawn => "CREDIT_OVERDRAWN",
            Self::Checksum => "CHECKSUM",
            Self::Timeout => "TIMEOUT",
            Self::Overloaded => "OVERLOADED",
            Self::Idle => "IDLE",
            Self::Internal => "INTERNAL",
            Self::Slow => "SLOW",
            Self::Replaced => "REPLACED",
        }
    }
}

/// A frame that costs the connection: the code, the rule of `docs/wire.md` that it broke, and how. Its `Display`
/// is the text for GOAWAY (wire 12.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FrameError {
    pub(crate) code: EndCode,
    /// The rule's number: "2.1".
    pub(crate) rule: &'static str,
    pub(crate) text: String,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (wire {})", self.text, self.rule)
    }
}

impl FrameError {
    #[cold]
    pub(crate) fn new(code: EndCode, rule: &'static str, text: impl Into<String>) -> Self {
        Self { code, rule, text: text.into() }
    }

    /// A frame that does not fit the state of what it concerns.
    #[cold]
    pub(crate) fn unexpected(rule: &'static str, text: impl Into<String>) -> Self {
        Self::new(EndCode::Unexpected, rule, text)
    }

    /// A body that is not as its kind says.
    #[cold]
    pub(crate) fn malformed(rule: &'static str, text: impl Into<String>) -> Self {
        Self::new(EndCode::Malformed, rule, text)
    }
}
