//! All that generated code may name, and nothing else may. Not covered by any promise but that of the version in the
//! module's name: all crates release together.

/// The names of this release line's generated code.
pub mod v1 {
    use std::future::Future;

    pub use crate::message::derived as prost;
    pub use crate::pushes::Pushes;
    pub use crate::service::{Handling, Incoming, Service};
    pub use prost_types;

    use crate::stream::{Carriage, pump_bidi, pump_client_stream, pump_server_stream};
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
        caller: &Caller,
        spec: &'static MethodSpec,
        request: Q,
    ) -> Open<Q, RecvStream<R>> {
        Open::new(caller.clone(), spec, request)
    }

    /// Opens a stream of requests.
    pub fn client_stream<Q: Message, R: Message>(
        caller: &Caller,
        spec: &'static MethodSpec,
    ) -> Open<(), (SendStream<Q>, Reply<R>)> {
        Open::new(caller.clone(), spec, ())
    }

    /// Opens a stream each way.
    pub fn bidi<Q: Message, R: Message>(
        caller: &Caller,
        spec: &'static MethodSpec,
    ) -> Open<(), (SendStream<Q>, RecvStream<R>)> {
        Open::new(caller.clone(), spec, ())
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

    /// A client as its service's trait: the items come back as they came there.
    pub fn forward_server_stream<Q: Message, R: Message>(
        ctx: &Context,
        open: Open<Q, RecvStream<R>>,
        out: SendStream<R>,
    ) -> impl Future<Output = Result<(), Status>> + Send + use<Q, R> {
        let (open, ctx) = (open.all_metadata(ctx.metadata().clone()), ctx.clone());
        let scope = ctx.clone();
        scope.scope(async move { pump_server_stream(&ctx, open, out, Carriage::Whole).await })
    }

    /// A client as its service's trait: the items go on as they come.
    pub fn forward_client_stream<Q: Message, R: Message>(
        ctx: &Context,
        open: Open<(), (SendStream<Q>, Reply<R>)>,
        input: RecvStream<Q>,
    ) -> impl Future<Output = Result<R, Status>> + Send + use<Q, R> {
        let (open, ctx) = (open.all_metadata(ctx.metadata().clone()), ctx.clone());
        let scope = ctx.clone();
        scope.scope(async move {
            let (reply, metadata) = pump_client_stream(open, input, Carriage::Whole).await?;
            ctx.append_reply_metadata(&metadata);
            Ok(reply)
        })
    }

    /// A client as its service's trait: the items go both ways.
    pub fn forward_bidi<Q: Message, R: Message>(
        ctx: &Context,
        open: Open<(), (SendStream<Q>, RecvStream<R>)>,
        input: RecvStream<Q>,
        out: SendStream<R>,
    ) -> impl Future<Output = Result<(), Status>> + Send + use<Q, R> {
        let (open, ctx) = (open.all_metadata(ctx.metadata().clone()), ctx.clone());
        let scope = ctx.clone();
        scope.scope(
            async move { pump_bidi(&ctx, open, (input, out), (Carriage::Whole, Carriage::Whole)).await },
        )
    }
}
