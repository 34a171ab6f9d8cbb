//! What a client's methods return: calls and pushes that happen when they are awaited. Made by generated clients.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::Sleep;

#[cfg(feature = "client")]
use crate::Channel;
use crate::context::inherited;
use crate::frame::{Block, Text};
use crate::proto::{Answer, OpenRoute, Shape};
use crate::session::{CallWait, Outgoing, Pushed, Shared, clock, encode_block};
use crate::{Code, Error, Message, Metadata, MethodSpec, Raw, Session, Status, Timeout};

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
    /// A call by route, with bytes for its message.
    pub fn call_raw(&self, route: impl Into<String>, body: impl Into<Raw>) -> Call<Raw, Raw> {
        Call::raw(self.clone(), route.into(), body.into())
    }

    /// A push by route, with bytes for its message.
    pub fn push_raw(&self, route: impl Into<String>, body: impl Into<Raw>) -> Push<Raw> {
        Push::raw(self.clone(), route.into(), body.into())
    }

    fn session_now(&self) -> Option<Arc<Shared>> {
        match &self.0 {
            Via::Session(session) => Some(Arc::clone(session.shared())),
            #[cfg(feature = "client")]
            Via::Channel(channel) => channel.current(),
        }
    }

    fn connecting(&self) -> Connecting {
        match &self.0 {
            Via::Session(session) => {
                let session = session.clone();
                Box::pin(async move { Ok(session) })
            }
            #[cfg(feature = "client")]
            Via::Channel(channel) => channel.connecting(),
        }
    }

    fn default_timeout(&self) -> Option<Duration> {
        match &self.0 {
            Via::Session(session) => session.default_timeout(),
            #[cfg(feature = "client")]
            Via::Channel(channel) => channel.default_timeout(),
        }
    }
}

/// A connection in the making.
pub(crate) type Connecting = Pin<Box<dyn Future<Output = Result<Session, Error>> + Send>>;

/// How a route is known.
#[derive(Clone, Debug)]
enum RouteName {
    Spec(&'static MethodSpec),
    Name(String),
}

impl RouteName {
    fn open(&self) -> OpenRoute<'_> {
        match self {
            Self::Spec(spec) => OpenRoute::Spec(spec),
            Self::Name(name) => OpenRoute::Name(name),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Spec(spec) => spec.route,
            Self::Name(name) => name,
        }
    }

    fn timeout(&self) -> Timeout {
        match self {
            Self::Spec(spec) => spec.timeout,
            Self::Name(_) => Timeout::Default,
        }
    }
}

/// What calls and pushes have in common: where to, what, how long, and how far it has come.
struct Request<Q> {
    caller: Caller,
    route: RouteName,
    message: Option<Q>,
    timeout: Timeout,
    inherits: bool,
    block: Block,
    phase: Phase,
    limit: Option<Duration>,
    deadline: Option<Instant>,
    /// Only while it waits for something that keeps no deadline for it: a connection, room.
    sleep: Option<Pin<Box<Sleep>>>,
}

enum Phase {
    Fresh,
    Connecting(Connecting),
    On { shared: Arc<Shared>, block: Bytes, len: usize, wait: Option<CallWait> },
    Done,
}

impl<Q: Message> Request<Q> {
    fn new(caller: Caller, route: RouteName, message: Q) -> Self {
        Self {
            caller,
            timeout: route.timeout(),
            route,
            message: Some(message),
            inherits: true,
            block: Block::default(),
            phase: Phase::Fresh,
            limit: None,
            deadline: None,
            sleep: None,
        }
    }

    /// Sets the deadline: the call's own, and no later than that of the handler it is made in.
    fn begin(&mut self) {
        let own = match self.timeout {
            Timeout::Default => self.caller.default_timeout(),
            Timeout::After(limit) => Some(limit),
            Timeout::None => None,
        };
        let (outer, trace, state) = if self.inherits { inherited() } else { (None, None, None) };
        if self.block.trace_context.is_none() {
            self.block.trace_context = trace;
            self.block.trace_state = state;
        }
        if own.is_none() && outer.is_none() {
            return;
        }
        let now = clock::now();
        let left = outer.map(|at| at.saturating_duration_since(now));
        self.limit = match (own, left) {
            (Some(own), Some(left)) => Some(own.min(left)),
            (own, left) => own.or(left),
        };
        self.deadline = self.limit.and_then(|limit| now.checked_add(limit));
    }

    /// Comes to a session, connecting first if need be.
    fn poll_session(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), Status>> {
        loop {
            match &mut self.phase {
                Phase::On { .. } => return Poll::Ready(Ok(())),
                Phase::Done => panic!("a call was polled after it was done"),
                Phase::Fresh => {
                    self.begin();
                    self.phase = match self.caller.session_now() {
                        Some(shared) => self.on(shared),
                        None => Phase::Connecting(self.caller.connecting()),
                    };
                }
                Phase::Connecting(connecting) => match connecting.as_mut().poll(cx) {
                    Poll::Ready(Ok(session)) => self.phase = self.on(Arc::clone(session.shared())),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(Status::from(error).not_run())),
                    Poll::Pending => return self.poll_expired(cx).map(Err),
                },
            }
        }
    }

    fn on(&self, shared: Arc<Shared>) -> Phase {
        let len = self.message.as_ref().map_or(0, Message::encoded_len);
        Phase::On { shared, block: encode_block(&self.block), len, wait: None }
    }

    /// The deadline of something that was not sent yet.
    fn poll_expired(&mut self, cx: &mut Cx<'_>) -> Poll<Status> {
        let Some(at) = self.deadline else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at.into())));
        sleep.as_mut().poll(cx).map(|()| {
            let limit = self.limit.unwrap_or_default();
            Status::from(Error::Deadline { limit }).not_run()
        })
    }
}

macro_rules! request_setters {
    () => {
        /// With a time limit of its own, in place of the method's or the session's.
        pub fn timeout(mut self, limit: Duration) -> Self {
            self.request.timeout = Timeout::After(limit);
            self
        }

        /// Without a time limit of its own. That of the handler it is made in still holds.
        pub fn no_timeout(mut self) -> Self {
            self.request.timeout = Timeout::None;
            self
        }

        /// With a pair of metadata.
        ///
        /// # Panics
        /// On a key that [`Metadata::append`] refuses.
        #[track_caller]
        pub fn metadata(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
            self.request.block.metadata.append(key, value);
            self
        }

        /// With this metadata, in place of what was set before.
        pub fn all_metadata(mut self, metadata: Metadata) -> Self {
            self.request.block.metadata = metadata;
            self
        }

        /// Inherits neither deadline nor trace from the handler it is made in.
        pub fn detached(mut self) -> Self {
            self.request.inherits = false;
            self
        }
    };
}

/// A call: awaited, it gives the answer or a [`Status`].
///
/// Nothing is sent before it is first polled. Dropped before the answer, it is cancelled at the other end too. It owns its
/// message, so it can be spawned, joined and selected.
///
/// # Errors
/// What the other end answered; or, with [`Status::local`], what failed at this end.
///
/// # Panics
/// If it is polled again after it gave its answer.
#[must_use = "a call does nothing unless it is awaited"]
pub struct Call<Q: Message, R> {
    request: Request<Q>,
    answer: PhantomData<fn() -> R>,
}

impl<Q: Message, R: Message> Call<Q, R> {
    pub(crate) fn new(caller: Caller, spec: &'static MethodSpec, message: Q) -> Self {
        Self { request: Request::new(caller, RouteName::Spec(spec), message), answer: PhantomData }
    }

    request_setters!();

    /// Gives the metadata of the answer too.
    pub fn with_metadata(self) -> CallWithMetadata<Q, R> {
        CallWithMetadata(self)
    }

    fn poll_answer(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(R, Metadata), Status>> {
        let polled = self.poll_wire(cx);
        if polled.is_ready() {
            // Whatever is still held at the session is let go of.
            self.let_go();
        }
        polled.map(|answer| answer.and_then(read_answer))
    }

    fn poll_wire(&mut self, cx: &mut Cx<'_>) -> Poll<Result<Answer, Status>> {
        let request = &mut self.request;
        match request.poll_session(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(status)) => return Poll::Ready(Err(status)),
            Poll::Pending => return Poll::Pending,
        }
        let Phase::On { shared, block, len, wait } = &mut request.phase else { return Poll::Pending };
        if let Some(CallWait::Answer(number)) = *wait {
            let answer = shared.poll_answer(number, cx.waker());
            if answer.is_ready() {
                *wait = None;
            }
            return answer.map(Ok);
        }
        let Some(message) = &request.message else { return Poll::Pending };
        let out = Outgoing {
            route: request.route.open(),
            shape: Shape::Unary,
            deadline: request.deadline,
            limit: request.limit,
            block,
            message,
            len: *len,
        };
        if let Err(status) = shared.advance_call(&out, wait, cx.waker()) {
            return Poll::Ready(Err(status));
        }
        match wait {
            Some(CallWait::Room(_)) => request.poll_expired(cx).map(Err),
            _ => {
                request.message = None;
                request.sleep = None;
                Poll::Pending
            }
        }
    }

    fn let_go(&mut self) {
        let phase = std::mem::replace(&mut self.request.phase, Phase::Done);
        if let Phase::On { shared, wait: Some(wait), .. } = phase {
            shared.drop_call(wait);
        }
    }
}

impl Call<Raw, Raw> {
    pub(crate) fn raw(caller: Caller, route: String, message: Raw) -> Self {
        Self { request: Request::new(caller, RouteName::Name(route), message), answer: PhantomData }
    }

    /// Takes over what a call that is forwarded had beside its metadata (wire 14.1).
    pub(crate) fn forwarding(mut self, came: &Block) -> Self {
        let block = &mut self.request.block;
        block.codec = came.codec;
        block.priority = came.priority;
        block.attempt = came.attempt;
        block.forwarded_for.clone_from(&came.forwarded_for);
        self
    }

    /// Adds the address of the caller that this call is forwarded for.
    pub(crate) fn forwarded_for(mut self, address: String) -> Self {
        self.request.block.forwarded_for.push(Text::from(address));
        self
    }
}

/// An answer, typed. Runs with no lock held.
fn read_answer<R: Message>(answer: Answer) -> Result<(R, Metadata), Status> {
    match answer {
        Answer::Message { payload, block } => {
            let metadata = match block.is_empty() {
                true => Metadata::new(),
                false => read_block(block).metadata,
            };
            let reply = R::decode(payload).map_err(|status| {
                Status::internal(format!("the reply cannot be read: {}", status.message()))
            })?;
            Ok((reply, metadata))
        }
        Answer::Failed { status, block } => {
            let read = Status::new(Code::from_wire(status.code), status.text.to_string());
            let read = if block.is_empty() { read } else { read.with_block(read_block(block)) };
            Err(if status.not_run { read.not_run() } else { read })
        }
        Answer::Local(status) => Err(status),
    }
}

/// A block that cannot be read costs what was in it, no more (wire 14.2).
fn read_block(block: Bytes) -> Block {
    Block::decode_answer(block).unwrap_or_default()
}

impl<Q: Message, R: Message> Future for Call<Q, R> {
    type Output = Result<R, Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        self.get_mut().poll_answer(cx).map(|answer| answer.map(|(reply, _)| reply))
    }
}

impl<Q: Message, R> Unpin for Call<Q, R> {}

impl<Q: Message, R> Drop for Call<Q, R> {
    fn drop(&mut self) {
        let phase = std::mem::replace(&mut self.request.phase, Phase::Done);
        if let Phase::On { shared, wait: Some(wait), .. } = phase {
            shared.drop_call(wait);
        }
    }
}

impl<Q: Message, R> fmt::Debug for Call<Q, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("route", &self.request.route.name()).finish_non_exhaustive()
    }
}

/// A [`Call`] that gives the answer's metadata too.
#[must_use = "a call does nothing unless it is awaited"]
#[derive(Debug)]
pub struct CallWithMetadata<Q: Message, R>(Call<Q, R>);

impl<Q: Message, R: Message> Future for CallWithMetadata<Q, R> {
    type Output = Result<(R, Metadata), Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        self.get_mut().0.poll_answer(cx)
    }
}

/// A one-way message: awaited, it waits for room in its lane and sends.
///
/// It is delivered at most once, in order with the other pushes of its service. That it was sent does not say that it
/// arrived: see [`Session::flushed`]. It waits for room no longer than a call would for its answer.
///
/// # Errors
/// What failed at this end; the other end answers nothing.
#[must_use = "a push does nothing unless it is awaited"]
pub struct Push<Q: Message> {
    request: Request<Q>,
}

impl<Q: Message> Push<Q> {
    pub(crate) fn new(caller: Caller, spec: &'static MethodSpec, message: Q) -> Self {
        Self { request: Request::new(caller, RouteName::Spec(spec), message) }
    }

    request_setters!();

    /// Sends it now, or not at all.
    ///
    /// # Errors
    /// With [`Error::NoRoom`] if it would have to wait, [`Error::Closed`] if there is no connection.
    pub fn try_send(mut self) -> Result<(), Status> {
        let Some(shared) = self.request.caller.session_now() else {
            return Err(Status::from(Error::NoRoom("there is no connection yet")).not_run());
        };
        self.request.begin();
        let block = encode_block(&self.request.block);
        let Some(message) = &self.request.message else { return Ok(()) };
        match shared.try_push(self.request.route.open(), &block, message, None)? {
            Pushed::Sent => Ok(()),
            Pushed::Full(why) => Err(Status::from(Error::NoRoom(why)).not_run()),
        }
    }
}

impl Push<Raw> {
    pub(crate) fn raw(caller: Caller, route: String, message: Raw) -> Self {
        Self { request: Request::new(caller, RouteName::Name(route), message) }
    }
}

impl<Q: Message> Future for Push<Q> {
    type Output = Result<(), Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let request = &mut self.get_mut().request;
        match request.poll_session(cx) {
            Poll::Ready(Ok(())) => {}
            other => return other,
        }
        let Phase::On { shared, block, .. } = &request.phase else { return Poll::Pending };
        let Some(message) = &request.message else { return Poll::Ready(Ok(())) };
        match shared.try_push(request.route.open(), block, message, Some(cx.waker()))? {
            Pushed::Sent => {
                request.phase = Phase::Done;
                Poll::Ready(Ok(()))
            }
            Pushed::Full(_) => request.poll_expired(cx).map(Err),
        }
    }
}

impl<Q: Message> Unpin for Push<Q> {}

impl<Q: Message> fmt::Debug for Push<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push").field("route", &self.request.route.name()).finish_non_exhaustive()
    }
}
