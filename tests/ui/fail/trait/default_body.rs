//! A method has no body.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status> {
        let _ = ctx;
        Ok(req)
    }
}

fn main() {}
