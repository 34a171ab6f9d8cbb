//! A struct that is no message: only rustc can know, and says what the trait `Message` says.

use protocall::{Context, Status};

pub struct Note;

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn join(&self, ctx: &Context, req: Note) -> Result<(), Status>;
}

fn main() {}
