//! What a client can call: a session, a channel, or a router in this process. And whom it can push to: groups of
//! sessions too.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "client")]
use crate::Channel;
use crate::session::Shared;
use crate::{
    Call, Error, Group, Message, MethodSpec, Open, Push, Raw, RecvStream, Reply, SendStream, Session, Status,
};

/// What a client calls: a [`Session`], a [`Channel`](crate::Channel), or a [`Router`](crate::Router) in this process.
///
/// Or whom it pushes to: a [`Group`], all sessions of a `Registry`, or any sessions in a `Vec`. Such a client pushes to
/// each of them; a call fails with [`Error::NotOne`].
#[derive(Clone, Debug)]
pub struct Caller {
    via: Via,
    /// Nobody else calls there.
    own: bool,
}

#[derive(Clone, Debug)]
enum Via {
    Session(Session),
    #[cfg(feature = "client")]
    Channel(Channel),
    Group(Group),
    Many(Arc<Vec<Session>>),
}

impl From<Session> for Caller {
    fn from(session: Session) -> Self {
        Self::of(Via::Session(session))
    }
}

impl From<&Session> for Caller {
    fn from(session: &Session) -> Self {
        Self::of(Via::Session(session.clone()))
    }
}

#[cfg(feature = "client")]
impl From<Channel> for Caller {
    fn from(channel: Channel) -> Self {
        Self::of(Via::Channel(channel))
    }
}

#[cfg(feature = "client")]
impl From<&Channel> for Caller {
    fn from(channel: &Channel) -> Self {
        Self::of(Via::Channel(channel.clone()))
    }
}

#[cfg(feature = "client")]
impl From<crate::Router> for Caller {
    /// Calls the router's services in this process, over a connection in memory: for tests and mocks.
    fn from(router: crate::Router) -> Self {
        Self::of(Via::Channel(Channel::in_memory(router)))
    }
}

impl From<Group> for Caller {
    fn from(group: Group) -> Self {
        Self::of(Via::Group(group))
    }
}

impl From<&Group> for Caller {
    fn from(group: &Group) -> Self {
        group.clone().into()
    }
}

#[cfg(feature = "server")]
impl From<&crate::Registry> for Caller {
    /// All of its sessions, whichever they are when a push is sent.
    fn from(registry: &crate::Registry) -> Self {
        registry.all().into()
    }
}

impl From<Vec<Session>> for Caller {
    fn from(sessions: Vec<Session>) -> Self {
        Self::of(Via::Many(Arc::new(sessions)))
    }
}

impl FromIterator<Session> for Caller {
    fn from_iter<I: IntoIterator<Item = Session>>(sessions: I) -> Self {
        sessions.into_iter().collect::<Vec<_>>().into()
    }
}

impl Caller {
    fn of(via: Via) -> Self {
        Self { via, own: false }
    }

    /// Of one connection that comes in: who sends slowly there holds up no others.
    #[cfg(feature = "client")]
    pub(crate) fn own(mut self) -> Self {
        self.own = true;
        self
    }

    /// Whether nobody else calls there.
    pub(crate) fn is_own(&self) -> bool {
        self.own
    }

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
        match &self.via {
            Via::Session(session) => session.shared().push_known(spec, message),
            #[cfg(feature = "client")]
            Via::Channel(channel) => channel.current()?.push_known(spec, message),
            Via::Group(_) | Via::Many(_) => None,
        }
    }

    pub(crate) fn session_now(&self) -> Option<Arc<Shared>> {
        match &self.via {
            Via::Session(session) => Some(Arc::clone(session.shared())),
            #[cfg(feature = "client")]
            Via::Channel(channel) => channel.current(),
            Via::Group(_) | Via::Many(_) => None,
        }
    }

    /// Whether it is many that can be pushed to, and not one that can be called.
    pub(crate) fn is_many(&self) -> bool {
        matches!(self.via, Via::Group(_) | Via::Many(_))
    }

    /// Those who get a push now. No lock is held while they do.
    pub(crate) fn each_receiver(&self, mut give: impl FnMut(Option<&Shared>)) {
        let many = match &self.via {
            Via::Group(group) => group.all(),
            Via::Many(sessions) => Arc::clone(sessions),
            Via::Session(session) => return give(Some(session.shared())),
            #[cfg(feature = "client")]
            Via::Channel(channel) => return give(channel.current().as_deref()),
        };
        for session in many.iter() {
            give(Some(session.shared()));
        }
    }

    pub(crate) fn connecting(&self) -> Connecting {
        match &self.via {
            Via::Session(session) => {
                let session = session.clone();
                Box::pin(async move { Ok(session) })
            }
            #[cfg(feature = "client")]
            Via::Channel(channel) => channel.connecting(),
            Via::Group(_) | Via::Many(_) => Box::pin(async { Err(Error::NotOne) }),
        }
    }

    pub(crate) fn default_timeout(&self) -> Option<Duration> {
        match &self.via {
            Via::Session(session) => session.default_timeout(),
            #[cfg(feature = "client")]
            Via::Channel(channel) => channel.default_timeout(),
            Via::Group(_) | Via::Many(_) => None,
        }
    }
}

/// A connection in the making.
pub(crate) type Connecting = Pin<Box<dyn Future<Output = Result<Session, Error>> + Send>>;
