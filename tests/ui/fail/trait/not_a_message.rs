//! What cannot be a message by its syntax; each is told.

use protocall::{Context, Raw, SendStream, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn text(&self, ctx: &Context, req: String) -> Result<u32, Status>;
    async fn borrowed(&self, ctx: &Context, req: &Raw) -> Result<Raw, Status>;
    async fn pair(&self, ctx: &Context, req: (Raw, Raw)) -> Result<Raw, Status>;
    async fn any(&self, ctx: &Context, req: impl Into<Raw>) -> Result<Raw, Status>;
    async fn items(&self, ctx: &Context, req: Raw, out: SendStream<Vec<u8>>) -> Result<(), Status>;
}

fn main() {}
