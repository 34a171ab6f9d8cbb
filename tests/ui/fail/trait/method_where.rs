//! A method has no `where`.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>
    where
        Self: Sized;
}

fn main() {}
