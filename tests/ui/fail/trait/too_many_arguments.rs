//! A method takes one request.

use protocall::{Context, Raw, RecvStream, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn join(&self, ctx: &Context, req: Raw, other: Raw) -> Result<Raw, Status>;
    async fn upload(&self, ctx: &Context, req: Raw, input: RecvStream<Raw>) -> Result<Raw, Status>;
}

fn main() {}
