//! The runtime. (Skeleton: bodies follow.)
#![allow(missing_docs, missing_debug_implementations, unreachable_pub)]
extern crate self as protocall;
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod config;
mod error;
mod frame;
mod message;
mod metadata;
#[allow(dead_code)]
mod proto;
mod schema;
mod spec;
mod status;
mod stub;
pub use config::Compatibility;
pub use error::{EndedBy, Error, Reason};
pub use message::{Message, Raw};
pub use metadata::{Metadata, MetadataError};
#[cfg(feature = "macros")]
pub use protocall_macros::*;
pub use spec::{Idempotency, MethodKind, MethodSpec, ServiceSpec, Timeout};
pub use status::{Code, Status};
pub use stub::*;
