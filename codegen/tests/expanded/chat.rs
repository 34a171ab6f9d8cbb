/// A chat room.
#[allow(dead_code, unreachable_pub)]
pub trait Chat: ::core::marker::Send + ::core::marker::Sync + 'static {
    /// Enters the room.
    fn join(
        &self,
        ctx: &Context,
        req: JoinRequest,
    ) -> impl ::core::future::Future<
        Output = Result<JoinReply, Status>,
    > + ::core::marker::Send;
    /// The method `chat.v1.Chat/History`.
    fn history(
        &self,
        ctx: &Context,
        req: HistoryRequest,
        out: SendStream<Message>,
    ) -> impl ::core::future::Future<Output = Result<(), Status>> + ::core::marker::Send;
    /// The method `chat.v1.Chat/Upload`.
    fn upload(
        &self,
        ctx: &Context,
        chunks: RecvStream<Chunk>,
    ) -> impl ::core::future::Future<
        Output = Result<Summary, Status>,
    > + ::core::marker::Send;
    /// The method `chat.v1.Chat/Converse`.
    fn converse(
        &self,
        ctx: &Context,
        input: RecvStream<Message>,
        out: SendStream<Message>,
    ) -> impl ::core::future::Future<Output = Result<(), Status>> + ::core::marker::Send;
    /// The method `chat.v1.Chat/Typing`.
    fn typing(
        &self,
        ctx: &Context,
        note: TypingNote,
    ) -> impl ::core::future::Future<Output = Result<(), Status>> + ::core::marker::Send;
}
/// What is known of `chat.v1.Chat` at compile time.
#[allow(unreachable_pub)]
pub static CHAT_SPEC: ::protocall::ServiceSpec = ::protocall::ServiceSpec::new(
    "chat.v1.Chat",
    const {
        &[
            ::protocall::MethodSpec::new(
                    "chat.v1.Chat/Join",
                    ::protocall::MethodKind::Unary,
                )
                .timeout(::core::time::Duration::from_millis(200))
                .max_message(16_777_216)
                .idempotency(::protocall::Idempotency::Idempotent),
            ::protocall::MethodSpec::new(
                    "chat.v1.Chat/History",
                    ::protocall::MethodKind::ServerStream,
                )
                .no_timeout()
                .idempotency(::protocall::Idempotency::NoSideEffects),
            ::protocall::MethodSpec::new(
                    "chat.v1.Chat/Upload",
                    ::protocall::MethodKind::ClientStream,
                )
                .timeout(::core::time::Duration::new(300, 0)),
            ::protocall::MethodSpec::new(
                "chat.v1.Chat/Converse",
                ::protocall::MethodKind::Bidi,
            ),
            ::protocall::MethodSpec::new(
                    "chat.v1.Chat/Typing",
                    ::protocall::MethodKind::Push,
                )
                .deprecated(),
        ]
    },
);
/// Serves a [`Chat`]: what a router takes to handle the calls of `chat.v1.Chat`.
#[allow(dead_code, unreachable_pub)]
pub struct ChatServer<T> {
    service: ::std::sync::Arc<T>,
}
#[allow(dead_code, unreachable_pub)]
impl<T: Chat> ChatServer<T> {
    /// Serves `service`.
    #[must_use]
    pub fn new(service: T) -> Self {
        Self {
            service: ::std::sync::Arc::new(service),
        }
    }
    /// Serves a `service` that others hold too.
    #[must_use]
    pub fn from_arc(service: ::std::sync::Arc<T>) -> Self {
        Self { service }
    }
}
impl<T> ::core::clone::Clone for ChatServer<T> {
    fn clone(&self) -> Self {
        Self {
            service: ::core::clone::Clone::clone(&self.service),
        }
    }
}
impl<T> ::core::fmt::Debug for ChatServer<T> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("ChatServer").finish_non_exhaustive()
    }
}
impl<T: Chat> ::protocall::__private::v1::Service for ChatServer<T> {
    fn spec(&self) -> &'static ::protocall::ServiceSpec {
        &CHAT_SPEC
    }
    fn dispatch(
        &self,
        method: usize,
        call: ::protocall::__private::v1::Incoming,
    ) -> ::protocall::__private::v1::Handling {
        let service = ::core::clone::Clone::clone(&self.service);
        match method {
            0 => {
                call.unary(move |ctx: ::protocall::Context, req: JoinRequest| async move {
                    <T as Chat>::join(&*service, &ctx, req).await
                })
            }
            1 => {
                call.server_stream(move |
                    ctx: ::protocall::Context,
                    req: HistoryRequest,
                    out: ::protocall::SendStream<Message>|
                async move { <T as Chat>::history(&*service, &ctx, req, out).await })
            }
            2 => {
                call.client_stream(move |
                    ctx: ::protocall::Context,
                    input: ::protocall::RecvStream<Chunk>|
                async move { <T as Chat>::upload(&*service, &ctx, input).await })
            }
            3 => {
                call.bidi(move |
                    ctx: ::protocall::Context,
                    input: ::protocall::RecvStream<Message>,
                    out: ::protocall::SendStream<Message>|
                async move { <T as Chat>::converse(&*service, &ctx, input, out).await })
            }
            4 => {
                call.push(move |
                    mut pushes: ::protocall::__private::v1::Pushes<TypingNote>|
                async move {
                    while pushes.advance() {
                        pushes
                            .run(|ctx, req| <T as Chat>::typing(&*service, ctx, req))
                            .await;
                    }
                })
            }
            _ => call.unimplemented(),
        }
    }
}
/// Calls the [`Chat`] at the other end.
#[allow(dead_code, unreachable_pub)]
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
pub struct ChatClient {
    caller: ::protocall::Caller,
}
#[allow(
    dead_code,
    deprecated,
    unreachable_pub,
    clippy::doc_lazy_continuation,
    clippy::doc_markdown
)]
impl ChatClient {
    /// Calls through `caller`: a channel or a session.
    #[must_use]
    pub fn new(caller: impl ::core::convert::Into<::protocall::Caller>) -> Self {
        Self {
            caller: ::core::convert::Into::into(caller),
        }
    }
    /// Enters the room.
    pub fn join(&self, req: JoinRequest) -> ::protocall::Call<JoinRequest, JoinReply> {
        ::protocall::__private::v1::unary(&self.caller, &CHAT_SPEC.methods[0], req)
    }
    /// Calls `chat.v1.Chat/History`.
    pub fn history(
        &self,
        req: HistoryRequest,
    ) -> ::protocall::Open<HistoryRequest, ::protocall::RecvStream<Message>> {
        ::protocall::__private::v1::server_stream(
            &self.caller,
            &CHAT_SPEC.methods[1],
            req,
        )
    }
    /// Calls `chat.v1.Chat/Upload`.
    pub fn upload(
        &self,
    ) -> ::protocall::Open<
        (),
        (::protocall::SendStream<Chunk>, ::protocall::Reply<Summary>),
    > {
        ::protocall::__private::v1::client_stream(&self.caller, &CHAT_SPEC.methods[2])
    }
    /// Calls `chat.v1.Chat/Converse`.
    pub fn converse(
        &self,
    ) -> ::protocall::Open<
        (),
        (::protocall::SendStream<Message>, ::protocall::RecvStream<Message>),
    > {
        ::protocall::__private::v1::bidi(&self.caller, &CHAT_SPEC.methods[3])
    }
    /// Calls `chat.v1.Chat/Typing`.
    #[deprecated]
    pub fn typing(&self, req: TypingNote) -> ::protocall::Push<TypingNote> {
        ::protocall::__private::v1::push(&self.caller, &CHAT_SPEC.methods[4], req)
    }
}
#[allow(deprecated)]
impl Chat for ChatClient {
    fn join(
        &self,
        ctx: &::protocall::Context,
        req: JoinRequest,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<JoinReply, ::protocall::Status>,
    > + ::core::marker::Send {
        ::protocall::__private::v1::forward_unary(ctx, Self::join(self, req))
    }
    fn history(
        &self,
        ctx: &::protocall::Context,
        req: HistoryRequest,
        out: ::protocall::SendStream<Message>,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<(), ::protocall::Status>,
    > + ::core::marker::Send {
        ::protocall::__private::v1::forward_server_stream(
            ctx,
            Self::history(self, req),
            out,
        )
    }
    fn upload(
        &self,
        ctx: &::protocall::Context,
        input: ::protocall::RecvStream<Chunk>,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<Summary, ::protocall::Status>,
    > + ::core::marker::Send {
        ::protocall::__private::v1::forward_client_stream(ctx, Self::upload(self), input)
    }
    fn converse(
        &self,
        ctx: &::protocall::Context,
        input: ::protocall::RecvStream<Message>,
        out: ::protocall::SendStream<Message>,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<(), ::protocall::Status>,
    > + ::core::marker::Send {
        ::protocall::__private::v1::forward_bidi(ctx, Self::converse(self), input, out)
    }
    fn typing(
        &self,
        ctx: &::protocall::Context,
        req: TypingNote,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<(), ::protocall::Status>,
    > + ::core::marker::Send {
        ::protocall::__private::v1::forward_push(ctx, Self::typing(self, req))
    }
}
