//! Each option takes its own kind of value.

mod proto {
    protocall::proto!("schemas/chat/v1/chat.proto", includes = "schemas");
}

fn main() {}
