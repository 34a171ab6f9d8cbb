//! End-to-end tests.
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
