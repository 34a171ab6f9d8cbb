//! Nobody waits for a push.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    #[method(push)]
    async fn typing(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
