//! What all clones of a context share, and the session beside: made by the runner for each call, told when the call is over.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::Instant;

use crate::frame::{Beside, Text};
use crate::proto::Stop;
use crate::session::wakers::Wakers;
use crate::session::{Lock, LockGuard, Shared};
use crate::{Metadata, MethodSpec, Session};

type Extensions = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

/// The shared part of a call at its callee.
pub(crate) struct CallCore {
    pub(super) session: Session,
    pub(super) spec: Option<&'static MethodSpec>,
    /// Its name, if nobody serves it.
    pub(super) unknown: Option<Box<Text>>,
    /// What came beside the message; most calls bring nothing.
    pub(super) beside: Beside,
    pub(super) deadline: Option<Instant>,
    pub(super) live: Lock<Live>,
    /// Something was put into `live`.
    pub(super) touched: AtomicBool,
}

#[derive(Default)]
pub(super) struct Live {
    pub(super) stopped: Option<Stop>,
    /// The task that polls the handler, once it has one.
    pub(super) task: Option<Waker>,
    /// What few calls have.
    pub(super) beside: Option<Box<Extras>>,
}

/// What is put beside a call.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) watchers: Wakers,
    /// Where it was passed on, and as which call there.
    pub(super) passed_on: Option<(Arc<Shared>, u32)>,
    pub(super) reply: Metadata,
    pub(super) extensions: Extensions,
}

impl Live {
    pub(super) fn beside(&mut self) -> &mut Extras {
        self.beside.get_or_insert_default()
    }
}

impl Drop for CallCore {
    /// What a handler left beside its call may panic when it is dropped, wherever that is: it costs nobody else.
    fn drop(&mut self) {
        if !*self.touched.get_mut() {
            return;
        }
        let Some(beside) = self.live.lock().beside.take() else { return };
        for value in beside.extensions.into_values() {
            if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
                tracing::error!(route = self.route(), peer = %self.session.peer_addr(), "an extension panicked when it was dropped");
            }
        }
    }
}

impl CallCore {
    pub(crate) fn new(
        session: Session,
        spec: Option<&'static MethodSpec>,
        route: Text,
        beside: Beside,
        deadline: Option<Instant>,
    ) -> Arc<Self> {
        Arc::new(Self {
            session,
            spec,
            unknown: (!route.as_str().is_empty()).then(|| Box::new(route)),
            beside,
            deadline,
            live: Lock::default(),
            touched: AtomicBool::new(false),
        })
    }

    /// What is beside the call, to put something into it.
    pub(super) fn touch(&self) -> LockGuard<'_, Live> {
        let live = self.live.lock();
        self.touched.store(true, Ordering::Relaxed);
        live
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn spec(&self) -> Option<&'static MethodSpec> {
        self.spec
    }

    pub(crate) fn route(&self) -> &str {
        match (self.spec, &self.unknown) {
            (Some(spec), _) => spec.route,
            (None, name) => name.as_deref().map_or("", Text::as_str),
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether anything was put beside the call.
    pub(crate) fn is_touched(&self) -> bool {
        self.touched.load(Ordering::Relaxed)
    }

    /// It was passed on as this call of the upstream's: if it is stopped, that is too.
    pub(crate) fn passed_on(self: &Arc<Self>, upstream: &Arc<Shared>, number: u32) {
        let mut live = self.live.lock();
        if live.stopped.is_none() {
            live.beside().passed_on = Some((Arc::clone(upstream), number));
            return;
        }
        drop(live);
        upstream.stop_relay(number, self);
    }

    /// Where it was passed on, if that is this call of the upstream's.
    pub(crate) fn passed_on_to(&self, number: u32) -> Option<Arc<Shared>> {
        let live = self.live.lock();
        let (upstream, there) = live.beside.as_ref()?.passed_on.as_ref()?;
        (*there == number).then(|| Arc::clone(upstream))
    }

    pub(crate) fn block_codec(&self) -> u8 {
        self.beside.block().map_or(0, |block| block.codec)
    }

    /// The handler must go: its task is woken to drop it, and what it spawned is told.
    pub(crate) fn stop(self: &Arc<Self>, why: Stop) {
        let mut live = self.touch();
        live.stopped.get_or_insert(why);
        let mut wakes: Vec<Waker> = live.task.take().into_iter().collect();
        if let Some(beside) = &mut live.beside {
            beside.watchers.wake_all(&mut wakes);
        }
        let passed_on = live.beside.as_mut().and_then(|beside| beside.passed_on.take());
        drop(live);
        for waker in wakes {
            waker.wake();
        }
        if let Some((upstream, number)) = passed_on {
            upstream.stop_relay(number, self);
        }
    }

    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.live.lock().stopped
    }

    /// The task that polls the handler; `Some` if the handler must go instead.
    pub(crate) fn set_task(&self, waker: &Waker) -> Option<Stop> {
        let mut live = self.live.lock();
        match &mut live.task {
            Some(task) => task.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        live.stopped
    }

    pub(crate) fn take_reply_metadata(&self) -> Metadata {
        let mut live = self.live.lock();
        live.beside.as_mut().map_or_else(Metadata::new, |beside| std::mem::take(&mut beside.reply))
    }
}

impl fmt::Debug for CallCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallCore").field("route", &self.route()).finish_non_exhaustive()
    }
}
