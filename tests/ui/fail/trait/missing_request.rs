//! A method takes a request.

use protocall::{Context, Raw, SendStream, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn join(&self, ctx: &Context) -> Result<Raw, Status>;
    async fn history(&self, ctx: &Context, out: SendStream<Raw>) -> Result<(), Status>;
}

fn main() {}
