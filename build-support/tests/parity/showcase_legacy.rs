//! The services of `schemas/showcase/legacy.proto`, as one would write them without it. Read by `parity.rs`, not compiled.

/// A service of proto2 messages.
#[service(package = "showcase.legacy")]
pub trait Store {
    async fn put(&self, ctx: &Context, req: Item) -> Result<Item, Status>;
}
