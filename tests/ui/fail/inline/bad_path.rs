//! The runtime is at a path.

mod proto {
    protocall::proto!("schemas/chat/v1/chat.proto", runtime_path = "my runtime");
}

fn main() {}
