//! A service is a trait.

#[protocall::service(package = "chat.v1")]
pub struct Chat;

fn main() {}
