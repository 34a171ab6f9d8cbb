//! What build.rs made of every schema, compiled, with all lints on and warnings as errors.
#![deny(warnings, missing_docs, unused_qualifications, unreachable_pub, clippy::all, clippy::pedantic)]

/// The generated code.
pub mod proto {
    protocall::include_schema!();
}
