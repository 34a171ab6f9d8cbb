//! One mistake in a signature is one message for whoever implements the trait.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    #[method(timeout = "1s")]
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    async fn leave(&self, ctx: &Context, req: Raw) -> Raw;
}

struct Room;

impl Chat for Room {
    async fn join(&self, _: &Context, req: Raw) -> Result<Raw, Status> {
        Ok(req)
    }

    async fn leave(&self, _: &Context, req: Raw) -> Raw {
        req
    }
}

fn main() {
    let _ = Room;
}
