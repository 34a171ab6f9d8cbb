//! Names on the wire are ASCII.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    #[method(name = "join-room")]
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    async fn öffne(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
