//! A method streams as in the schema.

use protocall::{Context, Status};

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

#[protocall::service(proto = "schemas/chat/v1/chat.proto")]
pub trait Chat {
    async fn join(&self, ctx: &Context, req: Note) -> Result<Answer, Status>;
    async fn history(&self, ctx: &Context, req: Note) -> Result<Note, Status>;
    async fn typing(&self, ctx: &Context, req: Note) -> Result<(), Status>;
}

fn main() {}
