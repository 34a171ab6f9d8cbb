//! Each option is set once.

mod proto {
    protocall::proto!("schemas/chat/v1/chat.proto", client_only, client_only);
}

fn main() {}
