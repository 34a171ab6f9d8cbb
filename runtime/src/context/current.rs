//! The context of the handler that is being polled on a thread, and what calls that are made in it take over.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use super::Context;
use crate::frame::Text;

thread_local! {
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

impl Context {
    /// The context of the handler that is being polled on this thread, if any.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.with(|current| current.borrow().clone())
    }

    /// Does something with this context as the current one.
    pub(crate) fn enter<R>(&self, act: impl FnOnce() -> R) -> R {
        struct Restore(Option<Context>);
        impl Drop for Restore {
            fn drop(&mut self) {
                let previous = self.0.take();
                let ours = CURRENT.with(|current| current.replace(previous));
                drop(ours);
            }
        }
        let _restore = Restore(CURRENT.with(|current| current.replace(Some(self.clone()))));
        act()
    }

    /// As [`enter`](Self::enter); cheap if it is the current one already.
    #[inline]
    pub(crate) fn make_current<R>(&self, act: impl FnOnce() -> R) -> R {
        if self.is_current() { act() } else { self.enter(act) }
    }

    #[inline]
    fn is_current(&self) -> bool {
        CURRENT
            .with_borrow(|current| current.as_ref().is_some_and(|current| Arc::ptr_eq(&current.0, &self.0)))
    }
}

/// Whether [`inherited`] has anything.
#[inline]
pub(crate) fn inherits() -> bool {
    let bound = |Context(core): &Context| core.deadline.is_some() || core.beside.block().is_some();
    CURRENT.with_borrow(|current| current.as_ref().is_some_and(bound))
}

/// What of the handler's call a call made in it inherits: its deadline and its trace.
pub(crate) fn inherited() -> (Option<Instant>, Option<Text>, Option<Text>) {
    CURRENT.with(|current| match &*current.borrow() {
        None => (None, None, None),
        Some(context) => {
            let (trace, state) = context.trace();
            (context.deadline(), trace.cloned(), state.cloned())
        }
    })
}
