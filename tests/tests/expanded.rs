//! What services expand to, compiled with all lints on: the files to which `codegen/tests/expanded.rs` holds the expansion.
//! There is nothing to run.
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
