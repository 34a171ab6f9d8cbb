//! The services of `schemas/showcase/root.proto`, as one would write them without it. Read by `parity.rs`, not compiled.

/// A service at the root.
#[service]
pub trait Root {
    async fn post(&self, ctx: &Context, req: RootNote) -> Result<showcase::common::v1::User, Status>;
}
