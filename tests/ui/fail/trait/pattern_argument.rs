//! An argument has a plain name.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn join(&self, ctx: &Context, Raw(bytes): Raw) -> Result<Raw, Status>;
}

fn main() {}
