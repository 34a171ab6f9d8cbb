//! A method returns `Result<_, Status>`.

use protocall::{Context, Raw};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn join(&self, ctx: &Context, req: Raw) -> Raw;
    async fn leave(&self, ctx: &Context, req: Raw);
    async fn look(&self, ctx: &Context, req: Raw) -> Result<Raw, String>;
}

fn main() {}
