//! A limit is a size.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    #[method(max_message = "16MB")]
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
