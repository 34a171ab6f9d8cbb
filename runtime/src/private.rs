//! All that generated code may name, and nothing else may. Not covered by any promise but that of the version in the
//! module's name: all crates release together.

/// The names of this release line's generated code.
pub mod v1 {
    use std::future::Future;

    pub use crate::pushes::Pushes;
    pub use crate::service::{Handling, Incoming, Service};
    pub use prost;
    pub use prost_types;

    use crate::stream::not_yet;
    use crate::{
        Call, Caller, Context, Message, MethodSpec, Open, Push, RecvStream, Reply, SendStream, Status,
    };

    /// Calls a method with one message each way.
    pub fn unary<Q: Message, R: Message>(
        caller: &Caller,
        spec: &'static MethodSpec,
        request: Q,
    ) -> Call<Q, R> {
        Call::new(caller.clone(), spec, request)
    }

    /// Pushes a message.
    pub fn push<Q: Message>(caller: &Caller, spec: &'static MethodSpec, message: Q) -> Push<Q> {
        Push::new(caller.clone(), spec, message)
    }

    /// Opens a stream of answers.
    pub fn server_stream<Q: Message, R: Message>(
        _: &Caller,
        _: &'static MethodSpec,
        _: Q,
    ) -> Open<Q, RecvStream<R>> {
        Open::new()
    }

    /// Opens a stream of requests.
    pub fn client_stream<Q: Message, R: Message>(
        _: &Caller,
        _: &'static MethodSpec,
    ) -> Open<(), (SendStream<Q>, Reply<R>)> {
        Open::new()
    }

    /// Opens a stream each way.
    pub fn bidi<Q: Message, R: Message>(
        _: &Caller,
        _: &'static MethodSpec,
    ) -> Open<(), (SendStream<Q>, RecvStream<R>)> {
        Open::new()
    }

    /// A client as its service's trait: the call goes on with the context's deadline, trace and metadata.
    pub fn forward_unary<Q: Message, R: Message>(
        ctx: &Context,
        call: Call<Q, R>,
    ) -> impl Future<Output = Result<R, Status>> + Send + use<Q, R> {
        let call = call.all_metadata(ctx.metadata().clone()).with_metadata();
        let (scoped, ctx) = (ctx.scope(call), ctx.clone());
        async move {
            let (reply, metadata) = scoped.await?;
            ctx.append_reply_metadata(&metadata);
            Ok(reply)
        }
    }

    /// A client as its service's trait: the push goes on.
    pub fn forward_push<Q: Message>(
        ctx: &Context,
        push: Push<Q>,
    ) -> impl Future<Output = Result<(), Status>> + Send + use<Q> {
        let push = push.all_metadata(ctx.metadata().clone());
        ctx.scope(push)
    }

    /// A client as its service's trait: to come.
    pub fn forward_server_stream<Q: Message, R: Message>(
        _: &Context,
        _: Open<Q, RecvStream<R>>,
        _: SendStream<R>,
    ) -> impl Future<Output = Result<(), Status>> + Send + use<Q, R> {
        std::future::ready(Err(not_yet()))
    }

    /// A client as its service's trait: to come.
    pub fn forward_client_stream<Q: Message, R: Message>(
        _: &Context,
        _: Open<(), (SendStream<Q>, Reply<R>)>,
        _: RecvStream<Q>,
    ) -> impl Future<Output = Result<R, Status>> + Send + use<Q, R> {
        std::future::ready(Err(not_yet()))
    }

    /// A client as its service's trait: to come.
    pub fn forward_bidi<Q: Message, R: Message>(
        _: &Context,
        _: Open<(), (SendStream<Q>, RecvStream<R>)>,
        _: RecvStream<Q>,
        _: SendStream<R>,
    ) -> impl Future<Output = Result<(), Status>> + Send + use<Q, R> {
        std::future::ready(Err(not_yet()))
    }
}
