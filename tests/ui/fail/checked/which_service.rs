//! A schema with several services does not say which is meant.

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

#[protocall::service(proto = "schemas/two.proto")]
pub trait Chat {
    async fn join(&self, ctx: &Context, req: Note) -> Result<Answer, Status>;
}

fn main() {}
