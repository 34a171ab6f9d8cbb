//! An enumeration is numbers.

#[protocall::message]
pub enum Place {
    #[prost(string, tag = "1")]
    Room(String),
}

fn main() {}
