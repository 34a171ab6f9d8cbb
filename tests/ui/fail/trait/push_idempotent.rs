//! A push is delivered at most once.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    #[method(push, idempotent)]
    async fn typing(&self, ctx: &Context, req: Raw) -> Result<(), Status>;
}

fn main() {}
