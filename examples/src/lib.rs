//! What the example programs share: the code that `build.rs` generated, and the service that several of them serve.
//!
//! The programs are in `src/bin`; each opens with what it shows and the command that runs it. Start with `quickstart`.

pub mod bar;
pub mod greeter;
pub mod partial;

/// Every package that `build.rs` compiled, as its module tree.
pub mod proto {
    protocall::include_schema!();
}

/// The README's Rust, compiled by `cargo test`.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
