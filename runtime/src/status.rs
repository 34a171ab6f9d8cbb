//! How a call ended when it did not end well. Made by handlers, by the runtime and by the peer's frames; read by callers.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::frame::{Block, Detail};
use crate::{Error, Message, Metadata};

/// The outcome of a call that failed: a code, a message for people, typed details for programs.
///
/// One pointer wide. A failure at this end (connection closed, message too large …) is a `Status` too, with
/// [`local`](Self::local) telling what it was.
///
/// ```
/// use protocall::{Code, Status};
///
/// let status = Status::not_found("no room `lobby`").metadata("room", "lobby");
/// assert_eq!(status.code(), Code::NOT_FOUND);
/// assert!(status.may_have_run());
/// ```
#[derive(Clone)]
pub struct Status(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: Cow<'static, str>,
    details: Vec<Detail>,
    metadata: Metadata,
    retry_after: Option<Duration>,
    /// The hint was set here, not by another call's answer.
    own_hint: bool,
    run: Run,
    local: Option<Error>,
}

/// Whether the handler may have seen the call (wire 13).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    Maybe,
    Not,
    /// Not run, by what the next hop of a proxy is certain of (wire 13.4).
    NotForwarded,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $make:ident = $number:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }

        impl Status {
            $($(#[$doc])* #[must_use] pub fn $make(message: impl Into<Cow<'static, str>>) -> Self {
                Self::new(Code::$name, message)
            })*
        }
    };
}

/// What kind of failure a [`Status`] is: one of gRPC's codes, or the application's own from 1,000 on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(u32);

codes! {
    /// The caller gave the call up.
    CANCELLED cancelled = 1;
    /// Something of which nothing more is known.
    UNKNOWN unknown = 2;
    /// The request is wrong, whatever the state of the system.
    INVALID_ARGUMENT invalid_argument = 3;
    /// The deadline passed first. The call may still have been carried out.
    DEADLINE_EXCEEDED deadline_exceeded = 4;
    /// What was asked for is not there.
    NOT_FOUND not_found = 5;
    /// What was to be made is there already.
    ALREADY_EXISTS already_exists = 6;
    /// The caller is known and may not.
    PERMISSION_DENIED permission_denied = 7;
    /// A limit or quota is used up.
    RESOURCE_EXHAUSTED resource_exhausted = 8;
    /// The system is not in the state that this needs.
    FAILED_PRECONDITION failed_precondition = 9;
    /// Lost against somebody else's change.
    ABORTED aborted = 10;
    /// Past the end.
    OUT_OF_RANGE out_of_range = 11;
    /// No such method here.
    UNIMPLEMENTED unimplemented = 12;
    /// Something is broken.
    INTERNAL internal = 13;
    /// Not now; trying again may help.
    UNAVAILABLE unavailable = 14;
    /// Data is lost for good.
    DATA_LOSS data_loss = 15;
    /// The caller is not known.
    UNAUTHENTICATED unauthenticated = 16;
}

impl Code {
    /// A code of the application's own.
    ///
    /// # Panics
    /// Under 1,000: those are the protocol's.
    #[must_use]
    #[track_caller]
    pub const fn user(number: u32) -> Self {
        assert!(number >= 1_000, "codes of an application start at 1,000");
        Self(number)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_wire(number: u32) -> Self {
        Self(number)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "CODE_{}", self.0),
        }
    }
}

impl Status {
    /// A status with a code and a message.
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            code,
            message: message.into(),
            details: Vec::new(),
            metadata: Metadata::new(),
            retry_after: None,
            own_hint: false,
            run: Run::Maybe,
            local: None,
        }))
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What happened, for people. At most 1,024 bytes of it travel.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// With a pair of metadata, which travels with it.
    ///
    /// # Panics
    /// On a key that [`Metadata::append`] refuses.
    #[must_use]
    #[track_caller]
    pub fn metadata(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.0.metadata.append(key, value);
        self
    }

    /// The metadata that came with it, or was set.
    #[must_use]
    pub fn all_metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    /// With a typed detail, told apart by the message's full name.
    #[must_use]
    pub fn detail<M: Message + prost::Name>(mut self, detail: &M) -> Self {
        let mut bytes = bytes::BytesMut::with_capacity(Message::encoded_len(detail));
        Message::encode(detail, &mut bytes);
        self.0.details.push(Detail { type_name: M::full_name().into(), bytes: bytes.freeze() });
        self
    }

    /// The first detail of this type that can be read.
    #[must_use]
    pub fn find_detail<M: Message + prost::Name>(&self) -> Option<M> {
        let name = M::full_name();
        let mut found = self.0.details.iter().filter(|d| d.type_name.as_str() == name);
        found.find_map(|d| <M as Message>::decode(d.bytes.clone()).ok())
    }

    /// With a hint when trying again may help.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self.0.own_hint = true;
        self
    }

    /// When trying again may help, if the other end said so, or [`retry_after`](Self::retry_after) was set.
    #[must_use]
    pub fn retry_hint(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// False only if it is certain that no handler has seen the call: repeating it can then do no harm.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        self.0.run == Run::Maybe
    }

    /// What failed at this end, if it was this end that failed.
    #[must_use]
    pub fn local(&self) -> Option<&Error> {
        self.0.local.as_ref()
    }

    pub(crate) fn not_run(mut self) -> Self {
        self.0.run = Run::Not;
        self
    }

    pub(crate) fn caused_by(mut self, error: Error) -> Self {
        self.0.local = Some(error);
        self
    }

    /// A handler's own status: whatever it came from, this call has run (wire 13.4).
    pub(crate) fn by_handler(mut self) -> Self {
        self.0.run = Run::Maybe;
        self.0.local = None;
        if !self.0.own_hint {
            self.0.retry_after = None;
        }
        self
    }

    /// The outcome of a call that a proxy forwarded; its own failures keep what is certain of them.
    pub(crate) fn mark_forwarded(mut self) -> Self {
        if self.0.run == Run::Not {
            self.0.run = Run::NotForwarded;
        }
        self
    }

    /// What a fallback answers: not run only if that is the outcome of the very call that it forwarded.
    pub(crate) fn by_forwarding(mut self) -> Self {
        self.0.run = match self.0.run {
            Run::NotForwarded => Run::Not,
            _ => Run::Maybe,
        };
        self.0.local = None;
        self
    }

    /// What came in the block of a REPLY.
    pub(crate) fn with_block(mut self, block: Block) -> Self {
        self.0.details = block.details;
        self.0.metadata = block.metadata;
        self.0.retry_after = block.retry_after.map(|ms| Duration::from_millis(u64::from(ms)));
        self
    }

    pub(crate) fn wire_details(&self) -> Vec<Detail> {
        self.0.details.clone()
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.to_string()).caused_by(error)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Status");
        out.field("code", &self.0.code).field("message", &self.0.message);
        if !self.0.details.is_empty() {
            let names: Vec<_> = self.0.details.iter().map(|d| d.type_name.as_str()).collect();
            out.field("details", &names);
        }
        if !self.0.metadata.is_empty() {
            out.field("metadata", &self.0.metadata);
        }
        if let Some(wait) = self.0.retry_after {
            out.field("retry_after", &wait);
        }
        out.field("may_have_run", &self.may_have_run());
        if let Some(local) = &self.0.local {
            out.field("local", local);
        }
        out.finish()
    }
}

impl std::error::Error for Status {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.local.as_ref().map(|e| e as &(dyn std::error::Error + 'static))
    }
}

impl PartialEq<Code> for Status {
    fn eq(&self, code: &Code) -> bool {
        self.0.code == *code
    }
}
