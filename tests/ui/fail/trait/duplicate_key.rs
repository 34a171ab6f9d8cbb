//! Each option is set once.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1", package = "chat.v2")]
pub trait Chat {
    #[method(timeout = "1s", timeout = "2s")]
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    #[method(name = "Exit", name = "Leave")]
    async fn leave(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
