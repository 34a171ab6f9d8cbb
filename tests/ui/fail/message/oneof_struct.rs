//! A oneof is an enum.

#[protocall::message(oneof)]
pub struct Note {
    #[prost(string, tag = "1")]
    pub text: String,
}

fn main() {}
