//! A message has no parameters.

#[protocall::message]
pub struct Note<T> {
    #[prost(message, tag = "1")]
    pub of: Option<T>,
}

fn main() {}
