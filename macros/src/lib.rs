//! The attributes of protocall. Each is a call into [`protocall_codegen`]; what is done here is only what a library cannot
//! do, to find the files of a schema. Use them by their names in `protocall`, which re-exports them.

use proc_macro::TokenStream;

mod schema;

/// Makes a trait a service: emits the trait, a client that calls it and a server that serves it.
///
/// ```ignore
/// use protocall::{Context, RecvStream, SendStream, Status};
///
/// /// A chat room.
/// #[protocall::service(package = "chat.v1")]
/// pub trait Chat {
///     /// Enters the room.
///     #[method(timeout = "200ms", idempotent)]
///     async fn join(&self, ctx: &Context, req: JoinRequest) -> Result<JoinReply, Status>;
///     async fn history(&self, ctx: &Context, req: HistoryRequest, out: SendStream<Message>) -> Result<(), Status>;
///     async fn upload(&self, ctx: &Context, input: RecvStream<Chunk>) -> Result<Summary, Status>;
///     async fn converse(&self, ctx: &Context, input: RecvStream<Message>, out: SendStream<Message>) -> Result<(), Status>;
///     #[method(push)]
///     async fn typing(&self, ctx: &Context, note: TypingNote) -> Result<(), Status>;
/// }
/// ```
///
/// makes `ChatClient`, `ChatServer` and `CHAT_SPEC` beside the trait `Chat`, all as visible as the trait. The trait's
/// methods become `-> impl Future + Send`, which a plain `async fn` implements. Messages are prost messages, see
/// [`macro@message`]; `()` is the empty one and `protocall::Raw` is bytes.
///
/// | on the trait, `#[service(…)]` | |
/// |---|---|
/// | `package = "chat.v1"` | the package; without it there is none |
/// | `name = "Chat"` | the service's name on the wire; without it the trait's |
/// | `client`, `server` | emits one side only |
/// | `stubs` | methods that are not written answer UNIMPLEMENTED |
/// | `runtime = "::protocall"` | where protocall is, if it is renamed or re-exported |
/// | `proto = "schemas/chat.proto"` | holds the trait against that schema, whose names and options it gets (feature `schema`); a path from the crate's folder |
/// | `service = "chat.v1.Chat"` | which of the schema's services, if it has several |
///
/// | on a method, `#[method(…)]` | |
/// |---|---|
/// | `push` | one-way: nobody waits for an answer |
/// | `name = "Join"` | its name on the wire; without it the function's in UpperCamelCase |
/// | `timeout = "200ms"` | how long a call may take: `ms`, `s`, `m`, `h`, or `"none"` |
/// | `max_message = "16MiB"` | the largest message either way: a number of bytes, or with `KiB`, `MiB`, `GiB` |
/// | `idempotent`, `no_side_effects` | a call may be repeated |
///
/// Documentation stays as it is and is the client's too. `#[deprecated]` goes to the client's function. Other attributes
/// stay on the trait; `#[cfg]` belongs above `#[service]`. Streaming methods answer UNIMPLEMENTED until streams run.
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    protocall_codegen::attribute::service(arguments.into(), item.into(), &schema::find_service).into()
}

/// Makes a struct or an enum a message, without prost in Cargo.toml.
///
/// ```ignore
/// #[protocall::message]
/// pub struct JoinRequest {
///     #[prost(string, tag = "1")]
///     pub name: String,
///     #[prost(enumeration = "Role", tag = "2")]
///     pub role: i32,
///     #[prost(oneof = "Place", tags = "3, 4")]
///     pub place: Option<Place>,
/// }
///
/// #[protocall::message]
/// pub enum Role { Guest = 0, Host = 1 }
///
/// #[protocall::message(oneof)]
/// pub enum Place {
///     #[prost(string, tag = "3")]
///     Room(String),
///     #[prost(uint32, tag = "4")]
///     Seat(u32),
/// }
/// ```
///
/// A struct gets `Clone`, `Debug`, `Default` and `PartialEq`, an enum of numbers also `Copy`, `Eq`, `Hash` and `Ord`. A
/// `oneof` is a field of a message that holds one of several. `runtime = "…"` is as for [`macro@service`].
#[proc_macro_attribute]
pub fn message(arguments: TokenStream, item: TokenStream) -> TokenStream {
    protocall_codegen::message::message(arguments.into(), item.into()).into()
}
