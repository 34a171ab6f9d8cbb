//! Each option takes its own kind of value.

use protocall::{Context, Raw, Status};

#[protocall::service(package = 1, client_only = true)]
pub trait Chat {
    #[method(timeout = 5, max_message = true, idempotent = "yes")]
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
