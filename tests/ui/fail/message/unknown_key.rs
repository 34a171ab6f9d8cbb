//! Only the options that there are.

#[protocall::message(tag = 1)]
pub struct Note {}

fn main() {}
