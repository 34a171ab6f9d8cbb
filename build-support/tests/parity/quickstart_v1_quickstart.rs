//! The services of `schemas/quickstart/v1/quickstart.proto`, as one would write them without it. Read by `parity.rs`, not compiled.

/// What the server answers.
#[service(package = "quickstart.v1")]
pub trait Greeter {
    /// Greets by name.
    #[method(idempotent)]
    async fn greet(&self, ctx: &Context, req: GreetRequest) -> Result<GreetReply, Status>;
    /// Answers after a while: for deadlines and cancellation.
    async fn slow(&self, ctx: &Context, req: SlowRequest) -> Result<SlowReply, Status>;
    /// Gives a payload back: for large messages.
    #[method(max_message = "64MiB")]
    async fn blob(&self, ctx: &Context, req: BlobRequest) -> Result<BlobReply, Status>;
    /// Leaves a note; no answer.
    #[method(push)]
    async fn note(&self, ctx: &Context, req: NoteRequest) -> Result<(), Status>;
}

/// What the client answers: the server calls it on the connection that the client opened.
#[service(package = "quickstart.v1")]
pub trait GreeterEvents {
    /// Tells the client something.
    #[method(push)]
    async fn announced(&self, ctx: &Context, req: Announcement) -> Result<(), Status>;
    /// Asks the client for its name.
    #[method(timeout = "5s")]
    async fn who_are_you(&self, ctx: &Context, req: ()) -> Result<Identity, Status>;
}
