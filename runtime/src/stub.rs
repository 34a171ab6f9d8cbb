use crate::{Message, Status, spec::*};
use std::{
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context as Cx, Poll},
    time::Duration,
};
#[derive(Clone, Debug)]
pub struct Context;
#[derive(Clone, Debug)]
pub struct Caller;
#[derive(Clone, Debug)]
pub struct Session;
impl From<Session> for Caller {
    fn from(_: Session) -> Self {
        Self
    }
}
#[must_use]
pub struct Call<Q, R>(PhantomData<fn(Q) -> R>);
impl<Q: Message, R: Message> Future for Call<Q, R> {
    type Output = Result<R, Status>;
    fn poll(self: Pin<&mut Self>, _: &mut Cx<'_>) -> Poll<Self::Output> {
        unimplemented!()
    }
}
#[must_use]
pub struct Push<Q>(PhantomData<fn(Q)>);
impl<Q: Message> Future for Push<Q> {
    type Output = Result<(), Status>;
    fn poll(self: Pin<&mut Self>, _: &mut Cx<'_>) -> Poll<Self::Output> {
        unimplemented!()
    }
}
#[must_use]
pub struct Open<Q, S>(PhantomData<fn(Q) -> S>);
impl<Q: Message, R: Message> Future for Open<Q, RecvStream<R>> {
    type Output = Result<RecvStream<R>, Status>;
    fn poll(self: Pin<&mut Self>, _: &mut Cx<'_>) -> Poll<Self::Output> {
        unimplemented!()
    }
}
impl<Q: Message, R: Message> Future for Open<(), (SendStream<Q>, Reply<R>)> {
    type Output = Result<(SendStream<Q>, Reply<R>), Status>;
    fn poll(self: Pin<&mut Self>, _: &mut Cx<'_>) -> Poll<Self::Output> {
        unimplemented!()
    }
}
impl<Q: Message, R: Message> Future for Open<(), (SendStream<Q>, RecvStream<R>)> {
    type Output = Result<(SendStream<Q>, RecvStream<R>), Status>;
    fn poll(self: Pin<&mut Self>, _: &mut Cx<'_>) -> Poll<Self::Output> {
        unimplemented!()
    }
}
pub struct SendStream<T>(PhantomData<fn(T)>);
pub struct RecvStream<T>(PhantomData<fn() -> T>);
pub struct Reply<T>(PhantomData<fn() -> T>);
impl<R: Message> Future for Reply<R> {
    type Output = Result<R, Status>;
    fn poll(self: Pin<&mut Self>, _: &mut Cx<'_>) -> Poll<Self::Output> {
        unimplemented!()
    }
}
pub mod v1 {
    use super::*;
    pub trait Service: Send + Sync + 'static {
        fn spec(&self) -> &'static ServiceSpec;
        fn dispatch(&self, method: usize, call: Incoming) -> Handling;
    }
    pub struct Handling;
    pub struct Incoming;
    impl Incoming {
        pub fn unary<Q: Message, R: Message, F: Future<Output = Result<R, Status>> + Send + 'static>(
            self,
            _f: impl FnOnce(Context, Q) -> F + Send + 'static,
        ) -> Handling {
            Handling
        }
        pub fn push<Q: Message, F: Future<Output = Result<(), Status>> + Send + 'static>(
            self,
            _f: impl FnOnce(Context, Q) -> F + Send + 'static,
        ) -> Handling {
            Handling
        }
        pub fn server_stream<
            Q: Message,
            R: Message,
            F: Future<Output = Result<(), Status>> + Send + 'static,
        >(
            self,
            _f: impl FnOnce(Context, Q, SendStream<R>) -> F + Send + 'static,
        ) -> Handling {
            Handling
        }
        pub fn client_stream<
            Q: Message,
            R: Message,
            F: Future<Output = Result<R, Status>> + Send + 'static,
        >(
            self,
            _f: impl FnOnce(Context, RecvStream<Q>) -> F + Send + 'static,
        ) -> Handling {
            Handling
        }
        pub fn bidi<Q: Message, R: Message, F: Future<Output = Result<(), Status>> + Send + 'static>(
            self,
            _f: impl FnOnce(Context, RecvStream<Q>, SendStream<R>) -> F + Send + 'static,
        ) -> Handling {
            Handling
        }
        pub fn unimplemented(self) -> Handling {
            Handling
        }
    }
    pub fn unary<Q: Message, R: Message>(_: &Caller, _: &'static MethodSpec, _: Q) -> Call<Q, R> {
        Call(PhantomData)
    }
    pub fn push<Q: Message>(_: &Caller, _: &'static MethodSpec, _: Q) -> Push<Q> {
        Push(PhantomData)
    }
    pub fn server_stream<Q: Message, R: Message>(
        _: &Caller,
        _: &'static MethodSpec,
        _: Q,
    ) -> Open<Q, RecvStream<R>> {
        Open(PhantomData)
    }
    pub fn client_stream<Q: Message, R: Message>(
        _: &Caller,
        _: &'static MethodSpec,
    ) -> Open<(), (SendStream<Q>, Reply<R>)> {
        Open(PhantomData)
    }
    pub fn bidi<Q: Message, R: Message>(
        _: &Caller,
        _: &'static MethodSpec,
    ) -> Open<(), (SendStream<Q>, RecvStream<R>)> {
        Open(PhantomData)
    }
    pub fn forward_unary<Q: Message, R: Message>(
        _: &Context,
        call: Call<Q, R>,
    ) -> impl Future<Output = Result<R, Status>> + Send + use<Q, R> {
        call
    }
    pub fn forward_push<Q: Message>(
        _: &Context,
        push: Push<Q>,
    ) -> impl Future<Output = Result<(), Status>> + Send + use<Q> {
        push
    }
    pub fn forward_server_stream<Q: Message, R: Message>(
        _: &Context,
        _: Open<Q, RecvStream<R>>,
        _: SendStream<R>,
    ) -> impl Future<Output = Result<(), Status>> + Send + use<Q, R> {
        async { Ok(()) }
    }
    pub fn forward_client_stream<Q: Message, R: Message>(
        _: &Context,
        open: Open<(), (SendStream<Q>, Reply<R>)>,
        _: RecvStream<Q>,
    ) -> impl Future<Output = Result<R, Status>> + Send + use<Q, R> {
        async move {
            let (_s, r) = open.await?;
            r.await
        }
    }
    pub fn forward_bidi<Q: Message, R: Message>(
        _: &Context,
        _: Open<(), (SendStream<Q>, RecvStream<R>)>,
        _: RecvStream<Q>,
        _: SendStream<R>,
    ) -> impl Future<Output = Result<(), Status>> + Send + use<Q, R> {
        async { Ok(()) }
    }
}
