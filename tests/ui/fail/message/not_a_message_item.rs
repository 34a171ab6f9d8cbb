//! A message is a struct or an enum.

#[protocall::message]
pub union Note {
    pub a: u32,
    pub b: f32,
}

#[protocall::message]
pub fn note() {}

fn main() {}
