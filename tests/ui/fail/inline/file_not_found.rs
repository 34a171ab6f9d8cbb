//! The schema is there.

mod proto {
    protocall::proto!("schemas/chat/v2/chat.proto");
}

fn main() {}
