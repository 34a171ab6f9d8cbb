//! What can fail at this end: building, connecting, binding, serving, and the local causes of a [`Status`](crate::Status).

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::Code;
use crate::frame::EndCode;

/// A failure at this end. What the *other* end answers is a [`Status`](crate::Status).
#[derive(Clone)]
#[non_exhaustive]
pub enum Error {
    /// A listener could not be opened.
    Bind {
        /// The address as it was given.
        uri: String,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The connection has ended; the reason says who ended it and why.
    Closed(Reason),
    /// A setting cannot work, by itself or together with another.
    Config {
        /// The setter to change.
        knob: &'static str,
        /// What is wrong with its value.
        problem: String,
    },
    /// No connection could be made.
    Connect {
        /// The address as it was given.
        uri: String,
        /// Why.
        source: Arc<io::Error>,
    },
    /// Connecting and HELLO together took too long.
    ConnectTimeout {
        /// The address as it was given.
        uri: String,
        /// The limit.
        limit: Duration,
    },
    /// The call's deadline passed, or the push found no room in time.
    Deadline {
        /// The call's time limit.
        limit: Duration,
    },
    /// No new calls are taken, because one of the ends is shutting down.
    Draining,
    /// A message wrote another number of bytes than it had announced.
    Encode {
        /// What `encoded_len` said.
        announced: usize,
        /// What `encode` wrote.
        written: usize,
    },
    /// A stream's next item was not here, or could not be sent, within the time that its half was given for each.
    ItemTimeout {
        /// That time.
        limit: Duration,
    },
    /// The message, or the metadata beside it, is larger than this end or the other accepts.
    MessageTooLarge {
        /// Its encoded size, in bytes.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
        /// Which limit it is.
        knob: &'static str,
    },
    /// There was no room for a push or an item, and its sender did not want to wait.
    NoRoom(&'static str),
    /// A call or push could not be sent within its time limit.
    NotSent {
        /// Its time limit.
        limit: Duration,
        /// What it waited for, and the settings that decide it.
        why: &'static str,
    },
    /// A group was called, or a stream opened on it: only pushes go to many.
    NotOne,
    /// No tokio runtime to run on, or it is shutting down.
    NoRuntime,
    /// An address that cannot be read.
    Uri {
        /// The address as it was given.
        uri: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Error {
    /// The setting `knob` must be more than zero, and is not.
    pub(crate) fn zero(knob: &'static str) -> Self {
        Self::Config { knob, problem: "is zero".into() }
    }

    /// The code of the status that this failure becomes.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Deadline { .. } | Self::ItemTimeout { .. } | Self::NotSent { .. } => {
                Code::DEADLINE_EXCEEDED
            }
            Self::Config { .. } | Self::NotOne | Self::Uri { .. } => Code::FAILED_PRECONDITION,
            Self::Encode { .. } => Code::INTERNAL,
            Self::MessageTooLarge { .. } | Self::NoRoom(_) => Code::RESOURCE_EXHAUSTED,
            Self::Closed(reason) => reason.code(),
            _ => Code::UNAVAILABLE,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { uri, source } => write!(f, "cannot listen on `{uri}`: {source}"),
            Self::Closed(reason) => write!(f, "the connection is closed: {reason}"),
            Self::Config { knob, problem } => write!(f, "`{knob}` {problem}"),
            Self::Connect { uri, source } => write!(f, "cannot connect to `{uri}`: {source}"),
            Self::ConnectTimeout { uri, limit } => {
                write!(f, "no connection to `{uri}` within {limit:?} (`connect_timeout`)")
            }
            Self::Deadline { limit } => {
                write!(f, "no reply within {limit:?} (`timeout` of the call, the method or the session)")
            }
            Self::Draining => f.write_str("the connection is draining and takes no new calls"),
            Self::Encode { announced, written } => {
                write!(f, "the message announced {announced} bytes and wrote {written}: ")?;
                f.write_str("its `Message` implementation is wrong")
            }
            Self::ItemTimeout { limit } => {
                write!(f, "no item came or went within {limit:?} (`item_timeout`)")
            }
            Self::MessageTooLarge { size, limit, knob } => {
                write!(f, "the message has {size} bytes, more than the {limit} allowed ({knob})")
            }
            Self::NoRoom(what) => write!(f, "no room now (`try_send`): {what}"),
            Self::NotOne => {
                f.write_str("a call goes to one session, and this is a group: only pushes go to many")
            }
            Self::NotSent { limit, why } => write!(f, "not sent within {limit:?}: {why}"),
            Self::NoRuntime => f.write_str("the tokio runtime that drives this connection is gone"),
            Self::Uri { uri, problem } => write!(f, "`{uri}` is no address: {problem}"),
        }
    }
}

impl fmt::Debug for Error {
    /// The sentence: what `fn main() -> Result` prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } | Self::Connect { source, .. } => Some(&**source),
            _ => None,
        }
    }
}

/// Why a connection ended.
#[derive(Clone, PartialEq, Eq)]
pub struct Reason(Arc<ReasonInner>);

#[derive(Debug, PartialEq, Eq)]
struct ReasonInner {
    by: EndedBy,
    code: EndCode,
    text: String,
}

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndedBy {
    /// This end.
    Us,
    /// The other end, and it said why.
    Peer,
    /// Neither said so: the transport failed or ended.
    Transport,
}

impl Reason {
    pub(crate) fn new(by: EndedBy, code: EndCode, text: impl Into<String>) -> Self {
        Self(Arc::new(ReasonInner { by, code, text: text.into() }))
    }

    /// Who ended it.
    #[must_use]
    pub fn by(&self) -> EndedBy {
        self.0.by
    }

    /// Whether it ended as it should: closed or drained by either end's will. A connection that the other end cut, after
    /// its `drain_timeout` say, is told from a drained one at that end only.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.0.code == EndCode::None && self.0.by != EndedBy::Transport
    }

    /// Whether connecting again does not help: another protocol, an incompatible schema, a refused login; or it would take
    /// the place of the one that took this one's.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self.0.code,
            EndCode::BadHello | EndCode::Incompatible | EndCode::AuthRefused | EndCode::Replaced
        )
    }

    /// Whether this end gave the other up because nothing came from it, or nothing went.
    pub(crate) fn is_dead(&self) -> bool {
        self.0.by == EndedBy::Us && self.0.code == EndCode::Timeout
    }

    /// The name of the code that travelled, as in wire 12.2.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.0.code.name()
    }

    /// What was said of it, for people.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    pub(crate) fn code(&self) -> Code {
        match self.0.code {
            EndCode::AuthRefused => Code::UNAUTHENTICATED,
            EndCode::Incompatible | EndCode::Replaced => Code::FAILED_PRECONDITION,
            _ => Code::UNAVAILABLE,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.0.by {
            EndedBy::Us => "this end",
            EndedBy::Peer => "the other end",
            EndedBy::Transport => "the transport",
        };
        match (self.0.code, self.0.text.as_str()) {
            (EndCode::None, "") => write!(f, "{by} closed it"),
            (EndCode::None, text) => write!(f, "{by} closed it: {text}"),
            (code, "") => write!(f, "{by} ended it with {}", code.name()),
            (code, text) => write!(f, "{by} ended it with {}: {text}", code.name()),
        }
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reason({self})")
    }
}
