//! A method is neither unsafe nor extern.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async unsafe fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    async extern "C" fn leave(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
