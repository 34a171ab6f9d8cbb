//! A handler whose future cannot change threads.

use std::rc::Rc;

use protocall::{Context, Status};

#[protocall::service(package = "chat.v1")]
pub trait Chat {
    async fn join(&self, ctx: &Context, req: ()) -> Result<(), Status>;
}

struct Room;

impl Chat for Room {
    async fn join(&self, _: &Context, req: ()) -> Result<(), Status> {
        let count = Rc::new(1);
        std::future::ready(()).await;
        drop(count);
        Ok(req)
    }
}

fn main() {}
