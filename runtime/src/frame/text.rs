//! Text of the wire: UTF-8 that was checked once and shares the buffer it came in. Held by route names, status
//! texts, reasons and block items; made by the decoders, and by `proto/` from its own strings.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use super::error::FrameError;

/// UTF-8 text in shared bytes. A clone costs one count.
///
/// Reading it as `&str` checks the bytes again (the crate forbids `unsafe`): some nanoseconds for a name. Where
/// bytes will do (comparing, hashing, writing), [`as_bytes`](Self::as_bytes) and the operators cost nothing.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub(crate) struct Text(Bytes); // Invariant: UTF-8. Every constructor checks it or starts from a `str`.

impl Text {
    /// Takes bytes that must be UTF-8.
    // wire 2.4: text that is not UTF-8 is MALFORMED.
    pub(crate) fn decode(bytes: Bytes) -> Result<Self, FrameError> {
        match std::str::from_utf8(&bytes) {
            Ok(_) => Ok(Self(bytes)),
            Err(at) => Err(FrameError::malformed("2.4", format!("text is not UTF-8: {at}"))),
        }
    }

    /// The same text in bytes of its own, for whoever keeps it longer than a call: a text that was read keeps the
    /// whole receive buffer alive.
    pub(crate) fn detached(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    pub(crate) fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    pub(crate) fn as_str(&self) -> &str {
        // Never empty for want of UTF-8: the invariant of the field.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

/// A map keyed by `Text` is asked with bytes. (Not with `str`, which hashes otherwise.)
impl Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}
