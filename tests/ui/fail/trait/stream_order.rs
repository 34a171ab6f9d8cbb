//! The stream to answer in comes last.

use protocall::{Context, Raw, RecvStream, SendStream, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn converse(&self, ctx: &Context, out: SendStream<Raw>, input: RecvStream<Raw>) -> Result<(), Status>;
}

fn main() {}
