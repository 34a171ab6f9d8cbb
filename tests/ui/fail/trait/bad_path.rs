//! The runtime is at a path.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1", runtime_path = "my runtime")]
pub trait Chat {
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
