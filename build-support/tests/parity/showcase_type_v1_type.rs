//! The services of `schemas/showcase/type/v1/type.proto`, as one would write them without it. Read by `parity.rs`, not compiled.

/// A service in a package that is a keyword.
#[service(package = "showcase.type.v1")]
pub trait Match {
    async fn r#loop(&self, ctx: &Context, req: Option) -> Result<Option, Status>;
}
