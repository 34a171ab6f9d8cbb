//! A method takes `&self`.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn join(ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
