//! A service is a plain trait.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub unsafe trait Chat {
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
