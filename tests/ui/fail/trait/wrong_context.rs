//! The context is a `&Context`.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn join(&self, ctx: Context, req: Raw) -> Result<Raw, Status>;
    async fn leave(&self, ctx: &mut Context, req: Raw) -> Result<Raw, Status>;
    async fn look(&self, ctx: &str, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
