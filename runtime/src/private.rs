//! All that generated code may name, and nothing else may.
/// The names of this release line's generated code.
pub mod v1 {
    pub use crate::spec::{Idempotency, MethodKind, MethodSpec, ServiceSpec};
    pub use crate::stub::v1::*;
    pub use prost;
    pub use prost_types;
}
