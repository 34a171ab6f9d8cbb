//! Each option takes its own kind of value.

#[protocall::message(runtime_path)]
pub struct Note {}

fn main() {}
