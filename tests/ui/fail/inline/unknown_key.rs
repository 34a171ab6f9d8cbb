//! Only the options that there are.

mod proto {
    protocall::proto!("schemas/chat/v1/chat.proto", package = "chat");
}

fn main() {}
