//! The services of `schemas/room/v1/room.proto`, as one would write them without it. Read by `parity.rs`, not compiled.

/// A room in which everybody hears everybody. The server serves it.
#[service(package = "room.v1")]
pub trait Room {
    /// Enters: from now on the caller hears what is said.
    async fn enter(&self, ctx: &Context, req: EnterRequest) -> Result<EnterReply, Status>;
    /// Says something to all who are there.
    async fn say(&self, ctx: &Context, req: Line) -> Result<SayReply, Status>;
}

/// What the server tells those who are there. The client serves it.
#[service(package = "room.v1")]
pub trait RoomEvents {
    /// Somebody said something.
    #[method(push)]
    async fn said(&self, ctx: &Context, req: Line) -> Result<(), Status>;
}
