//! Whoever answers in a stream returns nothing.

use protocall::{Context, Raw, SendStream, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn history(&self, ctx: &Context, req: Raw, out: SendStream<Raw>) -> Result<Raw, Status>;
}

fn main() {}
