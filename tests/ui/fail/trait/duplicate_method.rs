//! Two methods have two names.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    #[method(name = "Enter")]
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    async fn enter(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
