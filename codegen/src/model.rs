//! The service model: what every front end lowers to and what `expand` reads. A [`Service`] is only made by
//! [`crate::check::check`], so one that exists is valid and its expansion cannot fail.

use std::time::Duration;

use proc_macro2::Ident;
use syn::Type;

/// A checked service.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Service {
    /// Lines of documentation, as the user wrote them, not yet made safe for rustdoc.
    pub docs: Vec<String>,
    /// `chat.v1`; may be empty.
    pub package: String,
    /// `Chat`: its name in the schema and on the wire.
    pub proto_name: String,
    /// The Rust trait's name; `ChatClient` and `ChatServer` come from it.
    pub rust_name: Ident,
    /// Marked deprecated.
    pub deprecated: bool,
    /// In the order of the schema; at least the order in which they were written.
    pub methods: Vec<Method>,
}

/// A checked method.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Method {
    /// Lines of documentation.
    pub docs: Vec<String>,
    /// `Join`: its name in the schema and on the wire.
    pub proto_name: String,
    /// `join`, or a raw identifier where it is a keyword.
    pub rust_name: Ident,
    /// Which sides send how many messages.
    pub kind: MethodKind,
    /// The Rust type of the request, or of its items.
    pub input: Type,
    /// The Rust type of the answer, or of its items; `()` for a push.
    pub output: Type,
    /// What the schema says of it.
    pub options: MethodOptions,
}

/// The shape of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// The options of a method.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MethodOptions {
    /// Its time limit.
    pub timeout: Timeout,
    /// The largest message, in bytes.
    pub max_message: Option<u64>,
    /// The standard `idempotency_level`.
    pub idempotency: Idempotency,
    /// Marked deprecated.
    pub deprecated: bool,
}

/// A method's time limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Timeout {
    /// Not set: the session's default holds.
    #[default]
    Default,
    /// So long.
    After(Duration),
    /// `"none"`: no limit.
    None,
}

/// The standard `idempotency_level`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Idempotency {
    /// Not set.
    #[default]
    Unknown,
    /// `NO_SIDE_EFFECTS`.
    NoSideEffects,
    /// `IDEMPOTENT`.
    Idempotent,
}
