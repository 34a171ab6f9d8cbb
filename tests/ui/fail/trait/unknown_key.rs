//! Only the options that there are.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1", version = 2)]
pub trait Chat {
    #[method(colour = "red")]
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
