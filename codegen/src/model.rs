//! The service model: what every front end lowers to and what `expand` reads. A [`Service`] is only made by
//! [`crate::check::check`], so one that exists is valid and its expansion cannot fail.

use std::time::Duration;

use proc_macro2::Ident;
use syn::{Attribute, FnArg, Type, Visibility, punctuated::Punctuated, token::Comma};

/// A checked service.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Service {
    /// Lines of documentation, safe for rustdoc.
    pub docs: Vec<String>,
    /// `chat.v1`; may be empty.
    pub package: String,
    /// `Chat`: its name in the schema and on the wire.
    pub proto_name: String,
    /// The Rust trait's name; `ChatClient` and `ChatServer` come from it.
    pub rust_name: Ident,
    /// Who sees what is generated.
    pub visibility: Visibility,
    /// `#[deprecated]`, with whatever it says.
    pub deprecated: Option<Attribute>,
    /// Other attributes, for the trait alone.
    pub attributes: Vec<Attribute>,
    /// In the order of the schema; at least the order in which they were written.
    pub methods: Vec<Method>,
}

impl Service {
    /// `chat.v1.Chat`: its name on the wire.
    #[must_use]
    pub fn full_name(&self) -> String {
        if self.package.is_empty() {
            self.proto_name.clone()
        } else {
            format!("{}.{}", self.package, self.proto_name)
        }
    }

    /// `chat.v1.Chat/Join`: a method's name on the wire.
    #[must_use]
    pub fn route(&self, method: &Method) -> String {
        format!("{}/{}", self.full_name(), method.proto_name)
    }
}

/// A checked method.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Method {
    /// Lines of documentation, safe for rustdoc.
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
    /// `#[deprecated]`, with whatever it says.
    pub deprecated: Option<Attribute>,
    /// What the schema says of it.
    pub options: MethodOptions,
    /// The signature as the user wrote it, if it was written in Rust.
    pub written: Option<Written>,
}

/// A method's signature as the user wrote it in a trait. `expand` emits it so that their imports are used and
/// errors of rustc point at their tokens.
#[derive(Debug, Clone)]
pub struct Written {
    /// Attributes that codegen does not know, for the trait's method alone.
    pub attributes: Vec<Attribute>,
    /// `&self, ctx: &Context, req: JoinRequest`.
    pub inputs: Punctuated<FnArg, Comma>,
    /// `Result<JoinReply, Status>`.
    pub output: Type,
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
