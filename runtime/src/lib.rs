//! The runtime. (Skeleton: bodies follow.)
#![allow(missing_docs, missing_debug_implementations, clippy::all, unused)]
extern crate self as protocall;
mod frame;
mod message;
mod metadata;
mod schema;
mod spec;
mod stub;
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub use message::{Message, Raw};
pub use metadata::{Metadata, MetadataError};
pub use spec::{Idempotency, MethodKind, MethodSpec, ServiceSpec, Timeout};
pub use stub::*;
#[cfg(feature = "macros")]
pub use protocall_macros::*;
