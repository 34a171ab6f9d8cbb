//! What is known of a service and its methods at compile time. Made by generated code as statics; read by
//! the router, by calls (defaults) and by whoever asks a [`Context`](crate::Context) for its method.

use std::time::Duration;

use crate::proto::Shape;

/// A service: its full name and its methods, in the order of the schema.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServiceSpec {
    /// `package.Service`.
    pub name: &'static str,
    /// Its methods; generated code refers to them by their place here.
    pub methods: &'static [MethodSpec],
}

impl ServiceSpec {
    /// Called by generated code.
    #[must_use]
    pub const fn new(name: &'static str, methods: &'static [MethodSpec]) -> Self {
        Self { name, methods }
    }
}

/// A method: its route, its kind and the options that the schema set.
#[derive(Debug)]
#[non_exhaustive]
pub struct MethodSpec {
    /// `package.Service/Method`, its name on the wire.
    pub route: &'static str,
    /// Which sides send how many messages.
    pub kind: MethodKind,
    /// How long a call may take, if the schema says so.
    pub timeout: Timeout,
    /// The largest message in bytes, either way, if the schema says so. It lowers `max_message` of the two ends, and does
    /// not raise it.
    pub max_message: Option<usize>,
    /// Whether a call may be repeated. Nothing is repeated by itself.
    pub idempotency: Idempotency,
    /// Marked `deprecated` in the schema.
    pub deprecated: bool,
}

impl MethodSpec {
    /// A method with no options. Called by generated code.
    #[must_use]
    pub const fn new(route: &'static str, kind: MethodKind) -> Self {
        Self {
            route,
            kind,
            timeout: Timeout::Default,
            max_message: None,
            idempotency: Idempotency::Unknown,
            deprecated: false,
        }
    }

    /// With a time limit.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Timeout::After(timeout);
        self
    }

    /// With no time limit, not even the default one.
    #[must_use]
    pub const fn no_timeout(mut self) -> Self {
        self.timeout = Timeout::None;
        self
    }

    /// With a limit for its messages, in bytes.
    #[must_use]
    pub const fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = Some(bytes);
        self
    }

    /// With its `idempotency_level`.
    #[must_use]
    pub const fn idempotency(mut self, level: Idempotency) -> Self {
        self.idempotency = level;
        self
    }

    /// Marked deprecated.
    #[must_use]
    pub const fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// The method's own name, without its service.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.route.rsplit_once('/').map_or(self.route, |(_, name)| name)
    }
}

/// The shape of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// One message each way.
    Unary,
    /// One message, then many back.
    ServerStream,
    /// Many messages, then one back.
    ClientStream,
    /// Many messages each way.
    Bidi,
    /// One message, no answer.
    Push,
}

/// Whether a call may run twice: the standard `idempotency_level` of a method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Idempotency {
    /// The schema does not say; taken as "no".
    #[default]
    Unknown,
    /// Changes nothing.
    NoSideEffects,
    /// A second run changes nothing more.
    Idempotent,
}

impl From<Shape> for MethodKind {
    fn from(shape: Shape) -> Self {
        match shape {
            Shape::Unary => Self::Unary,
            Shape::ServerStream => Self::ServerStream,
            Shape::ClientStream => Self::ClientStream,
            Shape::Bidi => Self::Bidi,
        }
    }
}

/// A method's own time limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Timeout {
    /// What the session says (30 s unless set).
    #[default]
    Default,
    /// So long.
    After(Duration),
    /// None.
    None,
}
