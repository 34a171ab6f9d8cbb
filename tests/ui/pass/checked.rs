//! A trait held against its schema, in another order, under other names and with messages of its own; and the
//! same schema inline. Both know the same of the service.

use protocall::{Context, SendStream, Status};

pub mod messages {
    #[protocall::message]
    pub struct Note {
        #[prost(string, tag = "1")]
        pub text: String,
    }

    #[protocall::message]
    pub struct Answer {
        #[prost(string, tag = "1")]
        pub text: String,
    }
}

use messages::Note;

#[protocall::service(proto = "schemas/chat/v1/chat.proto", service = "chat.v1.Chat")]
pub trait Room {
    #[method(name = "Typing")]
    async fn is_typing(&self, ctx: &Context, note: Note) -> Result<(), Status>;
    async fn history(&self, ctx: &Context, req: Note, out: SendStream<Note>) -> Result<(), Status>;
    #[method(timeout = "200ms")]
    async fn join(&self, ctx: &Context, req: Note) -> Result<messages::Answer, Status>;
}

mod proto {
    protocall::proto!("schemas/chat/v1/chat.proto");
}

fn main() {
    assert_eq!(format!("{ROOM_SPEC:?}"), format!("{:?}", proto::chat::v1::CHAT_SPEC));
    let _: fn(&RoomClient, Note) -> protocall::Push<Note> = RoomClient::is_typing;
    let _ = proto::chat::v1::Note { text: "inline".to_owned() };
}
