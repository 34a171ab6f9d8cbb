//! A service and its messages, by hand.
#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unnameable_types,
    unused_qualifications,
    unused_results,
    elided_lifetimes_in_paths,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    rustdoc::all
)]

use protocall::{Context, Raw, Status};

/// Asks to be let in.
#[protocall::message]
pub struct JoinRequest {
    /// Who asks.
    #[prost(string, tag = "1")]
    pub name: String,
    /// As what.
    #[prost(enumeration = "Role", tag = "2")]
    pub role: i32,
    /// Where to.
    #[prost(oneof = "Place", tags = "3, 4")]
    pub place: Option<Place>,
}

/// Says who else is there.
#[protocall::message]
pub struct JoinReply {
    /// Everybody.
    #[prost(string, repeated, tag = "1")]
    pub names: Vec<String>,
}

/// What somebody is.
#[protocall::message]
pub enum Role {
    /// Not at home.
    Guest = 0,
    /// At home.
    Host = 1,
}

/// Where somebody goes.
#[protocall::message(oneof)]
pub enum Place {
    /// By the name of the room.
    #[prost(string, tag = "3")]
    Room(String),
    /// By the number of the seat.
    #[prost(uint32, tag = "4")]
    Seat(u32),
}

/// A chat room.
#[protocall::service(package = "chat.v1")]
pub trait Chat {
    /// Enters.
    #[method(timeout = "2s")]
    async fn join(&self, ctx: &Context, req: JoinRequest) -> Result<JoinReply, Status>;
    /// Gives the bytes back.
    #[method(idempotent, max_message = "1MiB")]
    async fn raw(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    /// Leaves.
    #[method(push)]
    async fn leave(&self, ctx: &Context, note: JoinRequest) -> Result<(), Status>;
}
