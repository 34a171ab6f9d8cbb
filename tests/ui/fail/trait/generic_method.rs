//! A method has no parameters, neither types nor lifetimes.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn join<T: Send>(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    async fn leave<'a>(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
