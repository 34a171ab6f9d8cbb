//! One mistake in an option is one message, whatever is made of the service elsewhere.

use protocall::{Caller, Context, Raw, Status};

#[protocall::service(package = "chat.v1", proto = "schemas/missing.proto")]
pub trait Chat {
    #[method(timeout = "soon", colour = "red")]
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

struct Room;

impl Chat for Room {
    async fn join(&self, _: &Context, req: Raw) -> Result<Raw, Status> {
        Ok(req)
    }
}

async fn calls(caller: Caller) -> Result<Raw, Status> {
    let _ = ChatServer::new(Room);
    ChatClient::new(caller).join(Raw::default()).await
}

fn main() {
    let _ = calls;
}
