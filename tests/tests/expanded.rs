//! What services expand to, compiled with all lints on: the files to which `codegen/tests/expanded.rs` holds
//! the expansion. There is nothing to run.
#![deny(warnings, missing_docs, unused_qualifications, unreachable_pub, clippy::all, clippy::pedantic)]

/// Messages for the services below.
pub mod messages {
    macro_rules! messages {
        ($($name:ident),+) => { $(
            /// A message.
            #[protocall::message]
            pub struct $name {}
        )+ };
    }

    messages!(JoinRequest, JoinReply, HistoryRequest, Message, Chunk, Summary, TypingNote);
}

macro_rules! expanded {
    ($name:ident, $file:literal) => {
        /// An expansion.
        pub mod $name {
            #[allow(unused_imports)]
            use crate::messages::{
                Chunk, HistoryRequest, JoinReply, JoinRequest, Message, Summary, TypingNote,
            };
            #[allow(unused_imports)]
            use protocall::{Context, RecvStream, SendStream, Status};

            include!(concat!("../../codegen/tests/expanded/", $file, ".rs"));
        }
    };
}

expanded!(chat, "chat");
expanded!(client, "client");
expanded!(server, "server");
expanded!(stubs, "stubs");
expanded!(empty, "empty");
expanded!(nasty, "nasty");

/// What the attribute makes of a trait, where lints see the user's own tokens.
pub mod attribute {
    use protocall::{Context, Raw, RecvStream, SendStream, Status};

    /// A chat room.
    #[protocall::service(package = "chat.v1", stubs)]
    #[deprecated]
    pub trait Chat {
        /// Enters.
        #[method(timeout = "1h", max_message = "16MiB", idempotent)]
        async fn join(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
        /// Tells.
        #[deprecated(note = "ask `join`")]
        async fn history(&self, ctx: &Context, req: Raw, out: SendStream<Raw>) -> Result<(), Status>;
        /// Takes.
        async fn upload(&self, ctx: &Context, input: RecvStream<Raw>) -> Result<Raw, Status>;
        /// Talks.
        async fn converse(
            &self,
            ctx: &Context,
            input: RecvStream<Raw>,
            out: SendStream<Raw>,
        ) -> Result<(), Status>;
        /// Types.
        #[method(push)]
        async fn typing(&self, ctx: &Context, _: Raw) -> Result<(), Status>;
    }

    /// Nothing to do.
    #[protocall::service]
    pub trait Empty {}
}
