//! A service has no parameters.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat<T> {
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
