//! The services of `schemas/hello/v1/hello.proto`, as one would write them without it. Read by `parity.rs`, not compiled.

/// Says hello.
#[service(package = "hello.v1")]
pub trait Hello {
    /// Greets by name.
    async fn greet(&self, ctx: &Context, req: GreetRequest) -> Result<GreetReply, Status>;
}
