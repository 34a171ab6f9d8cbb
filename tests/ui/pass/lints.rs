//! What is generated is clean in a crate that denies whatever it can: without docs of its own, with
//! deprecated and with unused things.
#![deny(warnings, missing_docs, missing_debug_implementations, unused, unnameable_types, single_use_lifetimes)]
#![deny(elided_lifetimes_in_paths, unused_qualifications, future_incompatible, nonstandard_style, rust_2018_idioms)]

use protocall::{Caller, Context, Raw, RecvStream, SendStream, Status};

#[protocall::service(package = "chat.v1")]
#[deprecated(note = "use `Rooms`")]
pub trait Chat {
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    #[deprecated(note = "use `join`")]
    async fn enter(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    #[deprecated]
    async fn converse(&self, ctx: &Context, input: RecvStream<Raw>, out: SendStream<Raw>) -> Result<(), Status>;
}

/// Nothing of it is used.
#[protocall::service(package = "chat.v1")]
trait Unused {
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

#[protocall::service(client_only)]
trait OnlyCalled {
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
}

#[protocall::service(server_only, stubs)]
trait OnlyServed {
    async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    async fn leave(&self, ctx: &Context, _: Raw, out: SendStream<Raw>) -> Result<(), Status>;
}

#[protocall::service]
trait Empty {}

mod private {
    #![deny(unreachable_pub)]

    /// Public here, and nobody sees it.
    #[protocall::service]
    pub trait Inner {
        async fn join(&self, ctx: &protocall::Context, req: ()) -> Result<(), protocall::Status>;
    }
}

struct Served;

impl OnlyServed for Served {
    async fn join(&self, _: &Context, req: Raw) -> Result<Raw, Status> {
        Ok(req)
    }
}

#[allow(deprecated)]
fn uses(caller: Caller) {
    drop(ChatClient::new(caller).enter(Raw::default()));
}

fn main() {
    let _ = uses;
    let _ = OnlyServedServer::new(Served);
    assert_eq!(EMPTY_SPEC.name, "Empty");
    assert!(CHAT_SPEC.methods[1].deprecated);
}
