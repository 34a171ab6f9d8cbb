//! Each option is set once.

mod proto {
    protocall::proto!("schemas/chat/v1/chat.proto", client, client);
}

fn main() {}
