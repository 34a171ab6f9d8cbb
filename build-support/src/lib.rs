//! protocall in a build.rs: `.proto` files to messages, clients and server traits, without protoc.
//!
//! ```rust,no_run
//! // build.rs
//! fn main() -> Result<(), protocall_build::Error> {
//!     protocall_build::compile(&["schemas/chat/v1/chat.proto"], &["schemas"])
//! }
//! ```
//! The crate then has `protocall::include_schema!();` where its modules shall be. [`Builder`] has the options.
//!
//! Two halves: [`schema`] and [`generate`] read a schema and make code of it, and neither print nor look at the
//! environment; the macros use them too. [`Builder`] is the build script around them.

mod builder;
mod error;
pub mod generate;
pub mod options;
pub mod schema;

pub use builder::{Builder, compile};
pub use error::Error;
