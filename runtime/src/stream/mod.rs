//! Streams of messages, one way or both, as users have them: [`SendStream`] and [`RecvStream`], the same at both ends of a
//! call; what opens them at a caller; and how the two are joined in a proxy.

#[cfg(feature = "futures")]
mod futures;
mod open;
mod pump;
mod recv;
mod send;
mod timeout;

#[cfg(feature = "futures")]
pub use self::futures::SendSink;
pub use self::open::{Open, Reply, ReplyWithMetadata};
pub(crate) use self::pump::{
    Carriage, answer_with as answer_with_items, pump_bidi, pump_client_stream, pump_server_stream,
};
pub use self::recv::RecvStream;
pub use self::send::SendStream;
