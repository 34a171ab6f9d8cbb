//! A method does not take `&mut self`.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn join(&mut self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
