//! What a client can call: a session, a channel, or a router in this process.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "client")]
use crate::Channel;
use crate::session::Shared;
use crate::{
    Call, Error, Message, MethodSpec, Open, Push, Raw, RecvStream, Reply, SendStream, Session, Status,
};

/// What a client calls: a [`Session`], a [`Channel`](crate::Channel), or a [`Router`](crate::Router) in this process.
#[derive(Clone, Debug)]
pub struct Caller(Via);

#[derive(Clone, Debug)]
enum Via {
    Session(Session),
    #[cfg(feature = "client")]
    Channel(Channel),
}

impl From<Session> for Caller {
    fn from(session: Session) -> Self {
        Self(Via::Session(session))
    }
}

impl From<&Session> for Caller {
    fn from(session: &Session) -> Self {
        Self(Via::Session(session.clone()))
    }
}

#[cfg(feature = "client")]
impl From<Channel> for Caller {
    fn from(channel: Channel) -> Self {
        Self(Via::Channel(channel))
    }
}

#[cfg(feature = "client")]
impl From<&Channel> for Caller {
    fn from(channel: &Channel) -> Self {
        Self(Via::Channel(channel.clone()))
    }
}

#[cfg(feature = "client")]
impl From<crate::Router> for Caller {
    /// Calls the router's services in this process, over a connection in memory: for tests and mocks.
    fn from(router: crate::Router) -> Self {
        Self(Via::Channel(Channel::in_memory(router)))
    }
}

impl Caller {
    /// A call by route, `package.Service/Method` in 1 to 1,024 bytes, with bytes for its message.
    pub fn call_raw(&self, route: impl Into<String>, body: impl Into<Raw>) -> Call<Raw, Raw> {
        Call::raw(self.clone(), route.into(), body.into())
    }

    /// A push by route, with bytes for its message. Those of one service, which is what comes before the `/`, keep their
    /// order among themselves.
    pub fn push_raw(&self, route: impl Into<String>, body: impl Into<Raw>) -> Push<Raw> {
        Push::raw(self.clone(), route.into(), body.into())
    }

    /// Opens a stream of answers by route, with bytes for its messages.
    pub fn server_stream_raw(
        &self,
        route: impl Into<String>,
        body: impl Into<Raw>,
    ) -> Open<Raw, RecvStream<Raw>> {
        Open::raw(self.clone(), route.into(), body.into())
    }

    /// Opens a stream of requests by route, with bytes for its messages.
    pub fn client_stream_raw(&self, route: impl Into<String>) -> Open<(), (SendStream<Raw>, Reply<Raw>)> {
        Open::raw(self.clone(), route.into(), ())
    }

    /// Opens a stream each way by route, with bytes for its messages.
    pub fn bidi_raw(&self, route: impl Into<String>) -> Open<(), (SendStream<Raw>, RecvStream<Raw>)> {
        Open::raw(self.clone(), route.into(), ())
    }

    /// As [`Shared::push_known`], on the session that there is; `None` too if there is none.
    #[inline]
    pub(crate) fn push_known<M: Message>(
        &self,
        spec: &'static MethodSpec,
        message: &M,
    ) -> Option<Result<(), Status>> {
        match &self.0 {
            Via::Session(session) => session.shared().push_known(spec, message),
            #[cfg(feature = "client")]
            Via::Channel(channel) => channel.current()?.push_known(spec, message),
        }
    }

    pub(crate) fn session_now(&self) -> Option<Arc<Shared>> {
        match &self.0 {
            Via::Session(session) => Some(Arc::clone(session.shared())),
            #[cfg(feature = "client")]
            Via::Channel(channel) => channel.current(),
        }
    }

    pub(crate) fn connecting(&self) -> Connecting {
        match &self.0 {
            Via::Session(session) => {
                let session = session.clone();
                Box::pin(async move { Ok(session) })
            }
            #[cfg(feature = "client")]
            Via::Channel(channel) => channel.connecting(),
        }
    }

    pub(crate) fn default_timeout(&self) -> Option<Duration> {
        match &self.0 {
            Via::Session(session) => session.default_timeout(),
            #[cfg(feature = "client")]
            Via::Channel(channel) => channel.default_timeout(),
        }
    }
}

/// A connection in the making.
pub(crate) type Connecting = Pin<Box<dyn Future<Output = Result<Session, Error>> + Send>>;
