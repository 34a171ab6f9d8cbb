//! A method takes a context.

use protocall::{Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn join(&self, req: Raw) -> Result<Raw, Status>;
    async fn leave(&self) -> Result<Raw, Status>;
}

fn main() {}
