//! Options have commas between them.

#[protocall::message(oneof oneof)]
pub enum Place {
    #[prost(string, tag = "1")]
    Room(String),
}

fn main() {}
