//! End-to-end tests, and what they share. The generated code is here and not in a test, so that rustdoc looks for doctests
//! in what the schemas' comments became: there must be none, and `cargo test` would fail at each.
//!
//! What is no message is refused by rustc, in words that are its own and of no fixture:
//! ```compile_fail,E0277
//! use protocall::{Context, Status};
//!
//! pub struct Note;
//!
//! #[protocall::service(package = "chat.v1")]
//! pub trait Chat {
//!     async fn join(&self, ctx: &Context, req: Note) -> Result<(), Status>;
//! }
//! ```
#![deny(
    warnings,
    missing_docs,
    unused_qualifications,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    rustdoc::all
)]

#[cfg(doctest)]
mod guide;

/// Every schema of the repository, by build.rs.
pub mod proto {
    protocall::include_schema!();
}

/// One of them without a build.rs; its comments are the nastiest.
pub mod inline {
    protocall::proto!("../schemas/showcase/v1/showcase.proto");
}
