//! The services of `schemas/lounge/v1/lounge.proto`, as one would write them without it. Read by `parity.rs`, not compiled.

/// A house of rooms in which people talk. The server serves it.
#[service(package = "lounge.v1")]
pub trait Lounge {
    /// Enters a room, under a name that nobody else has.
    async fn enter(&self, ctx: &Context, req: EnterRequest) -> Result<EnterReply, Status>;
    /// What was said in the room before, oldest first, as far as it is remembered.
    #[method(no_side_effects)]
    async fn history(&self, ctx: &Context, req: HistoryRequest, out: SendStream<Line>) -> Result<(), Status>;
    /// Says something to all who are in the room.
    async fn say(&self, ctx: &Context, req: SayRequest) -> Result<SayReply, Status>;
    /// Tells the room that the caller is typing.
    #[method(push)]
    async fn is_typing(&self, ctx: &Context, req: Typing) -> Result<(), Status>;
}

/// What those in a room are told. The client serves it.
#[service(package = "lounge.v1")]
pub trait LoungeEvents {
    /// Somebody said something.
    #[method(push)]
    async fn said(&self, ctx: &Context, req: Line) -> Result<(), Status>;
    /// Somebody is typing.
    #[method(push)]
    async fn typed(&self, ctx: &Context, req: Guest) -> Result<(), Status>;
    /// Somebody has come.
    #[method(push)]
    async fn came(&self, ctx: &Context, req: Guest) -> Result<(), Status>;
    /// Somebody has left.
    #[method(push)]
    async fn left(&self, ctx: &Context, req: Guest) -> Result<(), Status>;
}
