//! The runtime is at a path.

#[protocall::message(runtime = "my runtime")]
pub struct Note {}

fn main() {}
