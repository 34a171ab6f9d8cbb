//! Each option takes its own kind of value.

#[protocall::message(runtime)]
pub struct Note {}

fn main() {}
