//! All five kinds of method, as the design writes them, and what users do with them.

use std::sync::Arc;

use protocall::{Caller, Context, RecvStream, SendStream, Status};

#[protocall::message]
pub struct Note {
    #[prost(string, tag = "1")]
    pub text: String,
}

/// A chat room.
#[protocall::service(package = "chat.v1")]
pub trait Chat {
    /// Enters.
    #[method(timeout = "200ms", max_message = "16MiB", idempotent)]
    async fn join(&self, ctx: &Context, req: Note) -> Result<Note, Status>;
    async fn history(&self, ctx: &Context, req: Note, out: SendStream<Note>) -> Result<(), Status>;
    async fn upload(&self, ctx: &Context, input: RecvStream<Note>) -> Result<Note, Status>;
    async fn converse(&self, ctx: &Context, input: RecvStream<Note>, out: SendStream<Note>) -> Result<(), Status>;
    #[method(push)]
    async fn typing(&self, ctx: &Context, note: Note) -> Result<(), Status>;
}

struct Room;

impl Chat for Room {
    async fn join(&self, _: &Context, req: Note) -> Result<Note, Status> {
        Ok(req)
    }
    async fn history(&self, _: &Context, _: Note, _: SendStream<Note>) -> Result<(), Status> {
        Ok(())
    }
    async fn upload(&self, _: &Context, _: RecvStream<Note>) -> Result<Note, Status> {
        Ok(Note::default())
    }
    async fn converse(&self, _: &Context, _: RecvStream<Note>, _: SendStream<Note>) -> Result<(), Status> {
        Ok(())
    }
    async fn typing(&self, _: &Context, _: Note) -> Result<(), Status> {
        Ok(())
    }
}

/// Business code takes any chat: the service itself, or a client of one.
async fn greet<C: Chat>(chat: &C, ctx: &Context) -> Result<Note, Status> {
    chat.join(ctx, Note { text: "hello".to_owned() }).await
}

fn spawn<F: Future + Send + 'static>(_: F) {}

fn uses(caller: Caller, ctx: Context) {
    let client = ChatClient::new(caller);
    let other = client.clone();
    spawn(async move { other.join(Note::default()).await });
    spawn(client.join(Note::default()));
    let other = client.clone();
    spawn(async move { greet(&other, &ctx).await });
    let proxy = ChatServer::new(client);
    let _ = format!("{:?}", proxy.clone());
}

fn main() {
    let _ = uses;
    let _ = ChatServer::from_arc(Arc::new(Room));
    assert_eq!(CHAT_SPEC.name, "chat.v1.Chat");
    let routes: Vec<_> = CHAT_SPEC.methods.iter().map(|method| method.route).collect();
    assert_eq!(
        routes,
        ["chat.v1.Chat/Join", "chat.v1.Chat/History", "chat.v1.Chat/Upload", "chat.v1.Chat/Converse", "chat.v1.Chat/Typing"]
    );
    assert_eq!(CHAT_SPEC.methods[0].max_message, Some(16 << 20));
}
