//! The services of `schemas/echo/v1/echo.proto`, as one would write them without it. Read by `parity.rs`, not compiled.

/// Gives back what it gets, in each of the five shapes.
#[service(package = "echo.v1")]
pub trait Echo {
    /// Gives the message back.
    #[method(no_side_effects)]
    async fn echo(&self, ctx: &Context, req: EchoRequest) -> Result<EchoReply, Status>;
    /// Gives the message back `times` times.
    async fn repeat(
        &self,
        ctx: &Context,
        req: RepeatRequest,
        out: SendStream<EchoReply>,
    ) -> Result<(), Status>;
    /// Gives all of them back, joined.
    async fn gather(&self, ctx: &Context, input: RecvStream<EchoRequest>) -> Result<EchoReply, Status>;
    /// Gives each back.
    async fn converse(
        &self,
        ctx: &Context,
        input: RecvStream<EchoRequest>,
        out: SendStream<EchoReply>,
    ) -> Result<(), Status>;
    /// Takes the message and gives nothing back.
    #[method(push)]
    async fn note(&self, ctx: &Context, req: EchoRequest) -> Result<(), Status>;
}
