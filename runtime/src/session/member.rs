//! Where a session is listed: in groups, in the registry and the list of its server. When its connection ends it leaves
//! all of them by itself.
//!
//! A list takes the session in first, and has it remember the list then. It is let go the other way round. So a session
//! that ends meanwhile is in no list that it does not know of. Neither is done under the lock of the other.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

use super::{Session, Shared};

/// Something that lists sessions, by [`Session::key`].
pub(crate) trait List: Send + Sync + 'static {
    /// The session's connection has ended.
    fn ended(&self, session: usize);
}

/// A list that a session is in.
pub(crate) enum Member {
    /// The list lives as long as a session is in it.
    Keeps(Arc<dyn List>),
    /// The list may go at any time.
    Knows(Weak<dyn List>),
}

impl Member {
    fn address(&self) -> usize {
        match self {
            Self::Keeps(list) => Arc::as_ptr(list).cast::<()>() as usize,
            Self::Knows(list) => list.as_ptr().cast::<()>() as usize,
        }
    }

    /// Tells the list that the session has ended.
    fn ended(self, session: usize) {
        let list = match self {
            Self::Keeps(list) => Some(list),
            Self::Knows(list) => list.upgrade(),
        };
        if let Some(list) = list {
            list.ended(session);
        }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Member")
    }
}

impl Shared {
    /// It has ended.
    pub(super) fn leave_lists(&self) {
        let member_of = std::mem::take(&mut self.state.lock().member_of);
        for list in member_of {
            list.ended(std::ptr::from_ref(self) as usize);
        }
    }
}

impl Session {
    /// What tells it from all other sessions that somebody has a handle on.
    pub(crate) fn key(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// It is in this list now. False: it has ended, and the list has been told so.
    pub(crate) fn remember(&self, list: Member) -> bool {
        let mut state = self.0.state.lock();
        if state.conn.is_over() {
            drop(state);
            list.ended(self.key());
            return false;
        }
        if state.member_of.iter().all(|member| member.address() != list.address()) {
            // Most are in one or two, and there are many that rest.
            state.member_of.reserve_exact(1);
            state.member_of.push(list);
        }
        true
    }

    /// It will not be in this list any more, which is at this address.
    pub(crate) fn forget(&self, list: usize) {
        let mut state = self.0.state.lock();
        let at = state.member_of.iter().position(|member| member.address() == list);
        let member = at.map(|at| state.member_of.swap_remove(at));
        // The list may go with it, which is no business of this lock.
        drop(state);
        drop(member);
    }
}

impl PartialEq for Session {
    /// Whether it is the same connection.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Session {}

impl Hash for Session {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}
