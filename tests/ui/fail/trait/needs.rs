//! `service` is of use only with `proto`.

use protocall::{Context, Raw, Status};

#[protocall::service(service = "chat.v1.Chat")]
pub trait Chat {
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

fn main() {}
