//! What calls and pushes have in common: where to, what, how long, and how far it has come.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::time::Sleep;

use crate::caller::Connecting;
use crate::context::{inherited, inherits};
use crate::frame::{Beside, Block, Text};
use crate::proto::{OpenRoute, Shape};
use crate::session::{CallWait, Outgoing, Shared, clock};
use crate::{Caller, Error, Message, MethodSpec, Status, Timeout};

/// How a route is known.
#[derive(Clone, Debug)]
pub(crate) enum RouteName {
    Spec(&'static MethodSpec),
    Name(String),
    /// Of what is passed on.
    PassedOn(String),
}

impl RouteName {
    pub(crate) fn open(&self) -> OpenRoute<'_> {
        match self {
            Self::Spec(spec) => OpenRoute::Spec(spec),
            Self::Name(name) => OpenRoute::Name(name),
            Self::PassedOn(name) => OpenRoute::PassedOn(name),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Spec(spec) => spec.route,
            Self::Name(name) | Self::PassedOn(name) => name,
        }
    }

    pub(crate) fn max_message(&self) -> Option<usize> {
        match self {
            Self::Spec(spec) => spec.max_message,
            Self::Name(_) | Self::PassedOn(_) => None,
        }
    }

    fn timeout(&self) -> Timeout {
        match self {
            Self::Spec(spec) => spec.timeout,
            Self::Name(_) | Self::PassedOn(_) => Timeout::Default,
        }
    }
}

/// What calls and pushes have in common: where to, what, how long, and how far it has come.
pub(crate) struct Request<Q> {
    pub(crate) caller: Caller,
    pub(crate) route: RouteName,
    pub(crate) message: Option<Q>,
    pub(crate) timeout: Timeout,
    pub(crate) inherits: bool,
    /// What goes beside the message; most calls take nothing along.
    pub(crate) beside: Beside,
    pub(crate) phase: Phase,
    pub(crate) limit: Option<Duration>,
    /// The limit is for opening alone: a stream has none unless it is given one.
    pub(crate) opens_only: bool,
    /// Known once it had to wait, or if it inherits one: a call that leaves at once reads no clock.
    deadline: Option<Instant>,
    /// Only while it waits for something that keeps no deadline for it: a connection, room.
    pub(crate) sleep: Option<Pin<Box<Sleep>>>,
}

/// How far it has come.
pub(crate) enum Phase {
    Fresh,
    Connecting(Connecting),
    On { shared: Arc<Shared>, block: Bytes, len: usize, wait: Option<CallWait> },
    Done,
}

impl<Q: Message> Request<Q> {
    pub(crate) fn new(caller: Caller, route: RouteName, message: Q) -> Self {
        Self {
            caller,
            timeout: route.timeout(),
            route,
            message: Some(message),
            inherits: true,
            beside: Beside::Nothing,
            phase: Phase::Fresh,
            limit: None,
            opens_only: false,
            deadline: None,
            sleep: None,
        }
    }

    /// Settles the time limit: the call's own, and no more than what is left to the handler it is made in.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.limit = own_limit(&self.caller, self.timeout);
        self.opens_only &= self.timeout == Timeout::Default;
        if self.inherits && inherits() {
            self.inherit(inherited());
        }
    }

    fn inherit(&mut self, (outer, trace, state): (Option<Instant>, Option<Text>, Option<Text>)) {
        if trace.is_some() || state.is_some() {
            let block = self.beside.block_mut();
            if block.trace_context.is_none() {
                (block.trace_context, block.trace_state) = (trace, state);
            }
        }
        let Some(outer) = outer else { return };
        let now = clock::now();
        let left = outer.saturating_duration_since(now);
        let own = if self.opens_only { None } else { self.limit };
        let limit = own.map_or(left, |own| own.min(left));
        self.limit = Some(limit);
        self.opens_only = false;
        self.deadline = now.checked_add(limit);
    }

    /// When its time is over.
    pub(crate) fn deadline(&mut self) -> Option<Instant> {
        if self.deadline.is_none() {
            self.deadline = clock::now().checked_add(self.limit?);
        }
        self.deadline
    }

    /// How much of its time is left.
    pub(crate) fn left(&self) -> Option<Duration> {
        if self.opens_only {
            return None;
        }
        match self.deadline {
            Some(at) => Some(at.saturating_duration_since(clock::now())),
            None => self.limit,
        }
    }

    /// What is forwarded keeps what it had beside its metadata (wire 14.1).
    pub(crate) fn forward(&mut self, came: Option<&Block>, from: String) {
        go_on_beside(self.beside.block_mut(), came, from);
        if let RouteName::Name(name) = &mut self.route {
            self.route = RouteName::PassedOn(std::mem::take(name));
        }
    }

    /// Comes to a session, connecting first if need be.
    #[inline(always)]
    pub(crate) fn poll_session(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), Status>> {
        loop {
            match &mut self.phase {
                Phase::On { .. } => return Poll::Ready(Ok(())),
                Phase::Done => panic!("a call was polled after it was done"),
                Phase::Fresh => {
                    self.begin();
                    if self.limit.is_some_and(|limit| limit.is_zero()) {
                        let limit = Duration::ZERO;
                        return Poll::Ready(Err(Status::from(Error::Deadline { limit }).not_run()));
                    }
                    self.phase = match self.caller.session_now() {
                        Some(shared) => self.on(shared),
                        None => Phase::Connecting(self.caller.connecting()),
                    };
                }
                Phase::Connecting(connecting) => match connecting.as_mut().poll(cx) {
                    Poll::Ready(Ok(session)) => self.phase = self.on(Arc::clone(session.shared())),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(Status::from(error).not_run())),
                    Poll::Pending => {
                        return self.poll_expired(cx, "there was no connection (`connect_timeout`)").map(Err);
                    }
                },
            }
        }
    }

    // Into the one place of a call's way that it is called from, as `begin`: no stack frame for each.
    #[inline(always)]
    fn on(&mut self, shared: Arc<Shared>) -> Phase {
        let len = self.message.as_ref().map_or(0, Message::encoded_len);
        Phase::On { shared, block: self.take_block(), len, wait: None }
    }

    /// Opens the call, when there is a session and room on it. Ready: what it waits for next is its answer.
    pub(crate) fn poll_opened(&mut self, shape: Shape, cx: &mut Cx<'_>) -> Poll<Result<(), Status>> {
        match self.poll_session(cx) {
            Poll::Ready(Ok(())) => {}
            other => return other,
        }
        let Some((shared, out, wait)) = self.outgoing(shape) else { return Poll::Pending };
        let opened = match shared.open_plainly(&out, wait, cx.waker()) {
            Some(opened) => opened,
            None => shared.advance_call(&out, wait, cx.waker()),
        };
        match opened {
            Ok(()) => self.poll_room(cx),
            Err(status) => Poll::Ready(Err(status)),
        }
    }

    /// Ready and well: it does not wait for room, so it was sent; what it was made of is let go of. Its time may end first.
    pub(crate) fn poll_room(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), Status>> {
        if let Phase::On { wait: Some(CallWait::Room(_)), .. } = self.phase {
            return self.poll_expired(cx, NO_ROOM).map(Err);
        }
        self.message = None;
        if self.sleep.is_some() {
            self.sleep = None;
        }
        Poll::Ready(Ok(()))
    }

    /// Whoever made it goes: what it waits for at a session is let go of.
    #[inline]
    pub(crate) fn let_go(&mut self) {
        if matches!(self.phase, Phase::Done) {
            return;
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Done);
        if let Phase::On { shared, wait: Some(wait), .. } = phase {
            shared.drop_call(wait);
        }
    }

    /// What travels beside the message, encoded.
    #[inline]
    pub(crate) fn take_block(&mut self) -> Bytes {
        if self.beside.is_nothing() {
            return Bytes::new();
        }
        std::mem::take(&mut self.beside).encode()
    }

    /// The call that it is to be opened as, on the session that it has come to.
    #[inline]
    pub(crate) fn outgoing(
        &mut self,
        shape: Shape,
    ) -> Option<(&Arc<Shared>, Outgoing<'_, Q>, &mut Option<CallWait>)> {
        let left = self.left();
        let Phase::On { shared, block, len, wait } = &mut self.phase else { return None };
        let message = self.message.as_ref()?;
        let limit = if self.opens_only { None } else { self.limit };
        let route = self.route.open();
        Some((shared, Outgoing { route, shape, left, limit, block, message, len: *len }, wait))
    }

    /// The deadline of something that was not sent yet, and why it was not.
    pub(crate) fn poll_expired(&mut self, cx: &mut Cx<'_>, why: &'static str) -> Poll<Status> {
        let Some(at) = self.deadline() else { return Poll::Pending };
        // A call may be polled outside of the runtime; its alarm is the session's runtime's.
        let runtime = match &self.phase {
            Phase::On { shared, .. } => shared.runtime.as_ref(),
            _ => None,
        };
        let _entered = runtime.map(Handle::enter);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at.into())));
        sleep.as_mut().poll(cx).map(|()| {
            let limit = self.limit.unwrap_or_default();
            Status::from(Error::NotSent { limit, why }).not_run()
        })
    }
}

/// What is passed on beside a message, besides its metadata; `from` is the address that it came from.
pub(crate) fn go_on_beside(block: &mut Block, came: Option<&Block>, from: String) {
    if let Some(came) = came {
        (block.codec, block.priority, block.attempt) = (came.codec, came.priority, came.attempt);
        block.forwarded_for.clone_from(&came.forwarded_for);
    }
    block.forwarded_for.push(Text::from(from));
}

/// What a call that never left waited for.
pub(crate) const NO_ROOM: &str =
    "there was no room (`max_in_flight` and `receive_budget` there, `send_buffer` here)";

fn own_limit(caller: &Caller, timeout: Timeout) -> Option<Duration> {
    match timeout {
        Timeout::Default => caller.default_timeout(),
        Timeout::After(limit) => Some(limit),
        Timeout::None => None,
    }
}

/// Whether something that takes over what the handler has that it is made in would take anything over, or has no time at all.
#[inline]
pub(crate) fn is_bound(caller: &Caller, timeout: Timeout) -> bool {
    own_limit(caller, timeout).is_some_and(|limit| limit.is_zero()) || inherits()
}

/// The setters that calls and pushes share.
macro_rules! request_setters {
    () => {
        /// With a time limit of its own, in place of the method's or the session's. It counts from the first poll, and
        /// connecting and waiting for room are in it. In a handler, what is left of its deadline holds if that is less.
        pub fn timeout(mut self, limit: Duration) -> Self {
            self.request_mut().timeout = Timeout::After(limit);
            self
        }

        /// Without a time limit of its own. That of the handler it is made in still holds.
        pub fn no_timeout(mut self) -> Self {
            self.request_mut().timeout = Timeout::None;
            self
        }

        /// With a pair of metadata, beside those that are set. The other end's `max_metadata` bounds all of it: 16 KiB
        /// by default.
        ///
        /// # Panics
        /// On a key that [`Metadata::append`] refuses.
        #[track_caller]
        pub fn metadata(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
            self.request_mut().beside.metadata_mut().append(key, value);
            self
        }

        /// With this metadata, in place of what was set before.
        pub fn all_metadata(mut self, metadata: Metadata) -> Self {
            *self.request_mut().beside.metadata_mut() = metadata;
            self
        }

        /// Inherits neither deadline nor trace from the handler it is made in.
        pub fn detached(mut self) -> Self {
            self.request_mut().inherits = false;
            self
        }
    };
}
pub(crate) use request_setters;
