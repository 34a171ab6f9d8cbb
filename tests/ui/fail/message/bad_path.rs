//! The runtime is at a path.

#[protocall::message(runtime_path = "my runtime")]
pub struct Note {}

fn main() {}
