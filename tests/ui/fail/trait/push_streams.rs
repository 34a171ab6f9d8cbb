//! A push has no streams.

use protocall::{Context, Raw, SendStream, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    #[method(push)]
    async fn typing(&self, ctx: &Context, req: Raw, out: SendStream<Raw>) -> Result<(), Status>;
}

fn main() {}
