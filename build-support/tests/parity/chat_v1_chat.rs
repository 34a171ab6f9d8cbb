//! The services of `schemas/chat/v1/chat.proto`, as one would write them without it. Read by `parity.rs`, not compiled.

/// A chat room.
#[service(package = "chat.v1")]
pub trait Chat {
    /// Enters the room.
    #[method(idempotent)]
    async fn join(&self, ctx: &Context, req: JoinRequest) -> Result<JoinReply, Status>;
    /// What was said, oldest first.
    async fn history(
        &self,
        ctx: &Context,
        req: HistoryRequest,
        out: SendStream<Message>,
    ) -> Result<(), Status>;
    /// Shares a file with the room.
    async fn upload(&self, ctx: &Context, input: RecvStream<Chunk>) -> Result<Summary, Status>;
    /// Talks and listens.
    async fn converse(
        &self,
        ctx: &Context,
        input: RecvStream<Message>,
        out: SendStream<Message>,
    ) -> Result<(), Status>;
    /// Tells the room that somebody is typing.
    #[method(push)]
    async fn typing(&self, ctx: &Context, req: TypingNote) -> Result<(), Status>;
}

/// What the server pushes to a client: a service like any other, served by the client.
#[service(package = "chat.v1")]
pub trait ChatEvents {
    /// Somebody said something.
    #[method(push)]
    async fn posted(&self, ctx: &Context, req: Message) -> Result<(), Status>;
}
