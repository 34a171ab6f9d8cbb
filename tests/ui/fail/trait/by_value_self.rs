//! A method takes `&self`, not `self` in whatever else.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn join(self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    async fn leave(self: std::sync::Arc<Self>, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
