//! The runtime of protocall: a schema becomes typed calls, and either end of a connection calls and pushes.
//!
//! Generated code gives you a trait to implement on one side and a client to call on the other; this crate is what both run
//! on. Start with [`Server`] and [`Channel`]; a handler gets a [`Context`], a call returns an answer or a [`Status`].
//!
//! The walk of a call through the modules: a client's method makes a [`Call`] (`call`); polled, it takes room and encodes its
//! frame under the session's lock (`session::call` into `proto::opening`); the driver writes what has gathered
//! (`session::driver`); at the other end the driver reads frames (`frame`), gives them to the machine (`proto::receive`) and
//! hands calls to the runner (`session::runner`), which finds the handler (`router`), runs it with a [`Context`] and writes
//! the reply in place (`proto::replying`).
//!
//! ```
//! use protocall::{Context, Router, Status};
//!
//! #[protocall::message]
//! pub struct Name {
//!     #[prost(string, tag = "1")]
//!     pub name: String,
//! }
//!
//! /// Knows everybody.
//! #[protocall::service(package = "guest.v1")]
//! pub trait Guests {
//!     /// Greets somebody who came.
//!     async fn greet(&self, ctx: &Context, req: Name) -> Result<Name, Status>;
//! }
//!
//! struct Host;
//!
//! impl Guests for Host {
//!     async fn greet(&self, _: &Context, req: Name) -> Result<Name, Status> {
//!         Ok(Name { name: format!("dear {}", req.name) })
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Status> {
//!     // A router in this process; a `Channel` or a `Session` in its place calls another one.
//!     let guests = GuestsClient::new(Router::new().add(GuestsServer::new(Host)));
//!     let greeted = guests.greet(Name { name: "Ada".into() }).await?;
//!     assert_eq!(greeted.name, "dear Ada");
//!     Ok(())
//! }
//! ```
//!
//! All of it runs on tokio. Every wait and every size has a bound and a setting for it: the setters of [`Server`] and of
//! [`ChannelBuilder`] have the same names, and the error that a bound causes names the setter.
//!
//! # Features
//! | feature | default | what |
//! |---|---|---|
//! | `macros` | yes | `#[service]`, `#[message]` |
//! | `client` | yes | [`Channel`] |
//! | `server` | yes | [`Server`] |
//! | `tcp` | yes | `tcp://` addresses |
//! | `schema` | | `proto!`, and `#[service(proto = …)]`: schemas read at compile time |
//! | `unix` | | `unix://` addresses |
//! | `futures` | | [`RecvStream`] is a `Stream`, [`SendStream`] becomes a `Sink` |
//! | `signal` | | [`shutdown_signal`] |

// Without one of the sides, what the session does for it alone is not used; with both, all must be.
#![cfg_attr(
    not(all(feature = "client", feature = "server")),
    allow(dead_code, unused_imports, unused_macros, unfulfilled_lint_expectations)
)]

// So that generated code and macros work in this crate's own tests too.
extern crate self as protocall;

mod budget;
mod call;
mod caller;
#[cfg(feature = "client")]
mod channel;
mod config;
mod context;
mod error;
mod fallback;
mod frame;
mod group;
mod message;
mod metadata;
pub mod pipeline;
mod proto;
#[cfg(feature = "client")]
mod proxy;
mod push;
mod pushes;
mod queued;
mod request;
mod router;
mod schema;
#[cfg(feature = "server")]
mod server;
mod service;
mod session;
#[cfg(feature = "signal")]
mod signal;
mod spec;
mod status;
mod stream;
mod transport;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use call::{Call, CallWithMetadata};
pub use caller::Caller;
#[cfg(feature = "client")]
pub use channel::{Channel, ChannelBuilder};
pub use config::{Compatibility, Overflow};
pub use context::Context;
pub use error::{EndedBy, Error, Reason};
pub use fallback::{Fallback, FallbackPush, RawCall};
pub use group::Group;
pub use message::{Message, Raw};
pub use metadata::{Metadata, MetadataError};
pub use pipeline::pipeline;
#[cfg(feature = "macros")]
pub use protocall_macros::*;
#[cfg(feature = "client")]
pub use proxy::Proxy;
pub use push::Push;
pub use queued::Queued;
pub use router::{DuplicateRoute, Router};
#[cfg(feature = "server")]
pub use server::{Bound, IdInUse, Registry, Report, Server, ServerHandle};
pub use session::{Session, SessionStats};
#[cfg(feature = "signal")]
pub use signal::shutdown_signal;
pub use spec::{Idempotency, MethodKind, MethodSpec, ServiceSpec, Timeout};
pub use status::{Code, Status};
#[cfg(feature = "futures")]
pub use stream::SendSink;
pub use stream::{Open, RecvStream, Reply, ReplyWithMetadata, SendStream};
pub use transport::PeerAddr;
