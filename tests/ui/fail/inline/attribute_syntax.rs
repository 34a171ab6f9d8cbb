//! Options have commas between them.

mod proto {
    protocall::proto!("schemas/chat/v1/chat.proto", client_only server_only);
}

fn main() {}
