//! The client has functions of its own.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn clone(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    async fn new(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
