//! The runtime under another name, as a dependency renamed in Cargo.toml or re-exported by a crate of one's
//! own has.

mod kit {
    pub use protocall as rpc;
}

use kit::rpc::{Context, Status};

#[kit::rpc::message(runtime_path = "crate::kit::rpc")]
pub struct Note {
    #[prost(string, tag = "1")]
    pub text: String,
    #[prost(enumeration = "Mood", tag = "2")]
    pub mood: i32,
    #[prost(oneof = "Place", tags = "3, 4")]
    pub place: Option<Place>,
}

#[kit::rpc::message(runtime_path = "crate::kit::rpc")]
#[derive(Debug)]
pub enum Mood {
    Calm = 0,
    Loud = 1,
}

#[kit::rpc::message(oneof, runtime_path = "crate::kit::rpc")]
pub enum Place {
    #[prost(string, tag = "3")]
    Room(String),
    #[prost(uint32, tag = "4")]
    Seat(u32),
}

mod protocall_is_shadowed {
    #[allow(unused_imports)]
    use std as protocall;

    #[crate::kit::rpc::service(package = "chat.v1", runtime_path = "crate::kit::rpc", stubs)]
    pub(crate) trait Chat {
        async fn join(&self, ctx: &super::Context, req: super::Note) -> Result<super::Note, super::Status>;
    }
}

fn main() {
    let note = Note { mood: Mood::Loud.into(), place: Some(Place::Seat(1)), ..Note::default() };
    assert_eq!(note.mood(), Mood::Loud);
    assert_eq!(protocall_is_shadowed::CHAT_SPEC.methods.len(), 1);
}
