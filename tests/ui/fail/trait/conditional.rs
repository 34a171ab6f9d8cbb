//! No `#[cfg]` below `#[service]`.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    #[cfg(unix)]
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    async fn leave(&self, ctx: &Context, #[cfg(unix)] req: Raw) -> Result<Raw, Status>;
}

fn main() {}
