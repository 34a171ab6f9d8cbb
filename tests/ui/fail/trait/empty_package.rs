//! A package that is named has a name.

use protocall::{Context, Raw, Status};

#[protocall::service(package = "")]
pub trait Chat {
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
