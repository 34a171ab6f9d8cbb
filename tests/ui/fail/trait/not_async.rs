//! A method is async.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    fn leave(&self, ctx: &Context, req: Raw) -> impl Future<Output = Result<Raw, Status>> + Send;
}

fn main() {}
