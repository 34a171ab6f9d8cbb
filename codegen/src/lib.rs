//! The core of protocall's code generation. Front ends lower what the user wrote to a
//! [draft](draft::ServiceDraft), [`check`](check::check) makes it a [`Service`](model::Service) or a
//! [report](report::Report) of every mistake, and [`expand`](expand::expand) turns the service into tokens,
//! which cannot fail.
//!
//! ```text
//! #[service] trait ─ parse ─┐
//!                           ├─ draft ─ check ─ model ─ expand ─ tokens
//! .proto ── build-support ──┘            └ report, at the user's tokens or file:line:column
//! ```

pub mod attribute;
pub mod check;
pub mod compare;
pub mod docs;
pub mod draft;
pub mod expand;
pub mod inline;
pub mod message;
pub mod model;
pub mod names;
pub mod options;
mod parse;
pub mod report;
pub mod rule;
