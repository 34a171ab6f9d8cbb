//! The unchecked model: what every front end lowers to, `parse` for a trait and `build-support` for a schema.
//! It is as the user wrote it, each part with its place, and may break any rule; [`check`](crate::check)
//! turns it into a [`Service`](crate::model::Service) or a report.

use syn::{Attribute, Type, Visibility, parse_quote};

use crate::{model::Written, report::At};

/// A service as the user wrote it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServiceDraft {
    /// Its documentation.
    pub docs: Docs,
    /// `chat.v1`; an empty one is the empty package.
    pub package: At<String>,
    /// `Chat`: its name in the schema and on the wire.
    pub proto_name: At<String>,
    /// The trait's name, if it is not the one made from `proto_name`.
    pub rust_name: Option<At<String>>,
    /// Who sees what is generated; a schema's is `pub`.
    pub visibility: Visibility,
    /// `#[deprecated]`, with whatever it says.
    pub deprecated: Option<Attribute>,
    /// Other attributes of the trait, kept as they are.
    pub attributes: Vec<Attribute>,
    /// Its methods, in order.
    pub methods: Vec<MethodDraft>,
}

impl ServiceDraft {
    /// A service without methods, as a schema would have it: public, not deprecated, not documented.
    #[must_use]
    pub fn new(package: At<String>, proto_name: At<String>) -> Self {
        Self {
            docs: Docs::default(),
            package,
            proto_name,
            rust_name: None,
            visibility: parse_quote!(pub),
            deprecated: None,
            attributes: Vec::new(),
            methods: Vec::new(),
        }
    }
}

/// A method as the user wrote it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MethodDraft {
    /// Its documentation.
    pub docs: Docs,
    /// `Join`: its name in the schema and on the wire.
    pub proto_name: At<String>,
    /// The function's name, if it is not the one made from `proto_name`.
    pub rust_name: Option<At<String>>,
    /// What it takes.
    pub input: PartDraft,
    /// What it answers.
    pub output: PartDraft,
    /// `#[deprecated]`, with whatever it says.
    pub deprecated: Option<Attribute>,
    /// The options set, as they are written; see [`check`](crate::check) for those there are.
    pub options: Vec<OptionDraft>,
    /// For a trait: the signature as the user wrote it, so that it is emitted with their types and spans.
    pub written: Option<Written>,
}

impl MethodDraft {
    /// A method without options or docs.
    #[must_use]
    pub fn new(proto_name: At<String>, input: PartDraft, output: PartDraft) -> Self {
        Self {
            docs: Docs::default(),
            proto_name,
            rust_name: None,
            input,
            output,
            deprecated: None,
            options: Vec::new(),
            written: None,
        }
    }
}

/// One end of a method: a message or a stream of them.
#[derive(Debug, Clone)]
pub struct PartDraft {
    /// The message's Rust type, valid in the module that the service is expanded into; `()` for
    /// `google.protobuf.Empty`.
    pub ty: At<Type>,
    /// How many.
    pub arity: Arity,
}

impl PartDraft {
    /// One message.
    #[must_use]
    pub fn one(ty: At<Type>) -> Self {
        Self { ty, arity: Arity::One }
    }

    /// A stream of messages.
    #[must_use]
    pub fn stream(ty: At<Type>) -> Self {
        Self { ty, arity: Arity::Stream }
    }
}

/// Whether a type is `()`, the empty message; also one that came through a `macro_rules!` of the user's.
pub(crate) fn is_unit(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_unit(&group.elem),
        Type::Paren(paren) => is_unit(&paren.elem),
        Type::Tuple(tuple) => tuple.elems.is_empty(),
        _ => false,
    }
}

/// How many messages go one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// One.
    One,
    /// Any number.
    Stream,
}

/// An option as it is written: `timeout = "200ms"`, `push`.
#[derive(Debug, Clone)]
pub struct OptionDraft {
    /// `timeout`.
    pub key: At<String>,
    /// `"200ms"`.
    pub value: At<OptionValue>,
}

impl OptionDraft {
    /// An option whose key and value are at one place.
    #[must_use]
    pub fn new(key: &str, value: OptionValue, place: impl Into<crate::report::Place>) -> Self {
        let place = place.into();
        Self { key: At::new(key.to_owned(), place.clone()), value: At::new(value, place) }
    }
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionValue {
    /// `push`, `push = true`.
    Flag(bool),
    /// `timeout = "200ms"`.
    Text(String),
    /// `max_message = 65536`.
    Number(u64),
    /// Something that no option takes.
    Other,
}

/// Documentation, and in whose language it is.
#[derive(Debug, Clone)]
pub enum Docs {
    /// Lines of rustdoc, as in `///`: kept as they are.
    Rustdoc(Vec<String>),
    /// A comment of a schema, which may be anything: made safe by [`crate::docs`].
    Comment(String),
}

impl Default for Docs {
    fn default() -> Self {
        Self::Rustdoc(Vec::new())
    }
}
