//! What each front end makes of the repository's schemas, compiled, with all lints on and warnings as errors: build.rs
//! (`protocall_tests::proto`), `proto!` (`inline`) and traits held against a schema (`checked`).
#![deny(warnings, missing_docs, unused_qualifications, unreachable_pub, clippy::all, clippy::pedantic)]

use protocall::{Context, MethodKind, RecvStream, SendStream, Status, Timeout};
use protocall_tests::proto;

/// The same schemas, without a build.rs.
pub mod inline {
    protocall::proto!(
        "../schemas/chat/v1/chat.proto",
        "../schemas/showcase/v1/showcase.proto",
        "../schemas/showcase/legacy.proto",
        "../schemas/showcase/root.proto",
        includes = ["../schemas"],
        type_attribute(".chat.v1.Chunk", "#[derive(PartialOrd)]"),
        stubs,
    );
}

/// One file, whose package tells where imports start; one side only, types of another module.
pub mod client {
    protocall::proto!(
        "../schemas/chat/v1/chat.proto",
        extern_path(".chat.v1.Message", "::protocall_tests::proto::chat::v1::Message"),
        client_only,
    );
}

/// Traits held against a schema.
pub mod checked {
    use super::{Context, RecvStream, SendStream, Status};
    use protocall_tests::proto::chat::v1::{
        Chunk, HistoryRequest, JoinReply, JoinRequest, Message, Summary, TypingNote,
    };

    /// The schema has several services, so it is named.
    #[protocall::service(proto = "../schemas/chat/v1/chat.proto", service = "chat.v1.Chat")]
    pub trait Chat {
        /// Enters.
        async fn join(&self, ctx: &Context, req: JoinRequest) -> Result<JoinReply, Status>;
        /// Reads.
        async fn history(
            &self,
            ctx: &Context,
            req: HistoryRequest,
            out: SendStream<Message>,
        ) -> Result<(), Status>;
        /// Shares.
        async fn upload(&self, ctx: &Context, input: RecvStream<Chunk>) -> Result<Summary, Status>;
        /// Talks.
        async fn converse(
            &self,
            ctx: &Context,
            input: RecvStream<Message>,
            out: SendStream<Message>,
        ) -> Result<(), Status>;
        /// Types.
        async fn typing(&self, ctx: &Context, req: TypingNote) -> Result<(), Status>;
    }
}

/// A service need not write what is not there with `stubs`.
struct Partial;

impl inline::chat::v1::Chat for Partial {
    async fn join(
        &self,
        _: &Context,
        req: inline::chat::v1::JoinRequest,
    ) -> Result<inline::chat::v1::JoinReply, Status> {
        Ok(inline::chat::v1::JoinReply { members: vec![req.name] })
    }
}

#[test]
fn all_front_ends_know_the_same_of_a_service() {
    let specs = [
        &proto::chat::v1::CHAT_SPEC,
        &inline::chat::v1::CHAT_SPEC,
        &checked::CHAT_SPEC,
        &client::chat::v1::CHAT_SPEC,
    ];
    let texts = specs.map(|spec| format!("{spec:?}"));
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:#?}");
    assert_eq!(proto::chat::v1::CHAT_SPEC.methods[4].kind, MethodKind::Push);
}

#[test]
fn options_of_a_schema_are_readable_at_run_time() {
    let methods = proto::showcase::v1::SHOWCASE_SPEC.methods;
    assert_eq!(methods[0].timeout, Timeout::After(std::time::Duration::from_millis(1500)));
    assert_eq!(methods[0].max_message, Some(16 << 20));
    assert!(methods[0].deprecated);
    assert_eq!(methods[1].timeout, Timeout::None);
    assert_eq!(methods[5].route, "showcase.v1.Showcase/getHTTPStatus2");
    assert_eq!(proto::ROOT_SPEC.methods[0].route, "Root/Post");
}

#[test]
fn a_client_is_a_service_and_a_server_takes_one() {
    let _ = inline::chat::v1::ChatServer::new(Partial);
    let _: fn(protocall::Caller) -> client::chat::v1::ChatClient = client::chat::v1::ChatClient::new;
}

#[test]
fn bytes_are_shared_and_messages_know_their_names() {
    let chunk = proto::chat::v1::Chunk { data: bytes::Bytes::from_static(b"shared") };
    assert!(chunk.data.is_unique() || chunk.data.as_ptr() == chunk.clone().data.as_ptr());
    assert_eq!(<proto::chat::v1::Chunk as prost::Name>::full_name(), "chat.v1.Chunk");
    assert_eq!(
        <proto::showcase::common::v1::user::Address as prost::Name>::type_url(),
        "type.googleapis.com/showcase.common.v1.User.Address"
    );
}

#[test]
fn proto2_keeps_presence_and_defaults() {
    let item = proto::showcase::legacy::Item { key: "k".to_owned(), count: None, codes: vec![] };
    assert_eq!(item.count(), 7);
}

#[test]
fn a_package_and_a_message_of_one_name_share_their_module() {
    use proto::showcase::v1::nest::{Beside, Egg};
    assert_eq!((Beside::default().number, Egg::default()), (0, Egg {}));
}
