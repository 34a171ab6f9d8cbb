//! A timeout is a duration.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    #[method(timeout = "soon")]
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
