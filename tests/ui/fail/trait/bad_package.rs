//! A package is names and dots.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat..v1")]
pub trait Chat {
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
