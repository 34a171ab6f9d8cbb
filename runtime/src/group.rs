//! Groups of sessions: who is in a room, who watches a topic. A client made on one pushes to all of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use crate::Session;
use crate::session::Lock;
use crate::session::member::{List, Member};

/// Sessions that get the same pushes: a client that is made on a group pushes to all that are in it. Cheap to clone.
///
/// A session may be in any number of groups, and leaves them by itself when its connection ends. Groups with a name are
/// had from a `Registry`, from anywhere; they are there as long as somebody is in them. Those without live as long as a
/// handle on them.
///
/// ```
/// # #[protocall::service(package = "news.v1")]
/// # pub trait News {
/// #     #[method(push)]
/// #     async fn told(&self, ctx: &protocall::Context, text: protocall::Raw) -> Result<(), protocall::Status>;
/// # }
/// use protocall::{Group, Session};
///
/// fn tell(session: &Session) {
///     let room = Group::new();
///     room.join(session);
///     // Encoded once, whoever is in the room; waits for nobody.
///     let told = NewsClient::new(&room).told("hello".into()).queue();
///     println!("{} of {} get it", told.reached(), room.len());
///     room.leave(session);
/// }
/// ```
#[derive(Clone)]
pub struct Group(Arc<Inner>);

/// A group, however it is held.
pub(crate) struct Inner {
    named: Option<Named>,
    table: Lock<Table>,
}

/// By which name it is found, and what must hear of its end.
struct Named {
    name: Arc<str>,
    found_by: Weak<dyn Names>,
}

/// Where groups are found by their names.
pub(crate) trait Names: Send + Sync + 'static {
    /// A group of this name has gone.
    fn group_gone(&self, name: &str);
}

#[derive(Default)]
struct Table {
    members: HashMap<usize, Session>,
    /// All of them, until somebody comes or goes: for pushes that come fast.
    all: Option<Arc<Vec<Session>>>,
}

impl Group {
    /// A group without a name, and with nobody in it.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Inner { named: None, table: Lock::default() }))
    }

    pub(crate) fn named(name: Arc<str>, found_by: Weak<dyn Names>) -> Self {
        Self(Arc::new(Inner { named: Some(Named { name, found_by }), table: Lock::default() }))
    }

    /// The name by which its `Registry` finds it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.named.as_ref().map(|named| &*named.name)
    }

    /// Takes a session in. False: it was in already, or its connection has ended.
    pub fn join(&self, session: &Session) -> bool {
        let is_new = self.admit(session);
        let list = match self.0.named {
            Some(_) => Member::Keeps(Arc::clone(&self.0) as Arc<dyn List>),
            None => Member::Knows(Arc::downgrade(&self.0) as Weak<dyn List>),
        };
        session.remember(list) && is_new
    }

    /// Takes in a session that remembers something else, which has the group [let it go](Self::let_go). False: it was in already.
    pub(crate) fn admit(&self, session: &Session) -> bool {
        let mut table = self.0.table.lock();
        let is_new = table.members.insert(session.key(), session.clone()).is_none();
        let before = if is_new { table.all.take() } else { None };
        drop(table);
        drop(before);
        is_new
    }

    /// The session's connection has ended.
    #[cfg(feature = "server")]
    pub(crate) fn let_go(&self, session: usize) {
        self.0.remove(session);
    }

    /// Lets a session go. False: it was not in.
    pub fn leave(&self, session: &Session) -> bool {
        session.forget(self.0.address());
        self.0.remove(session.key())
    }

    /// Whether a session is in.
    #[must_use]
    pub fn contains(&self, session: &Session) -> bool {
        self.0.table.lock().members.contains_key(&session.key())
    }

    /// How many are in.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.table.lock().members.len()
    }

    /// Whether nobody is in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those that are in now.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        self.0.table.lock().members.values().cloned().collect()
    }

    /// As [`sessions`](Self::sessions), without a copy if nobody came or went since.
    pub(crate) fn all(&self) -> Arc<Vec<Session>> {
        let mut table = self.0.table.lock();
        let Table { members, all } = &mut *table;
        Arc::clone(all.get_or_insert_with(|| Arc::new(members.values().cloned().collect())))
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }

    pub(crate) fn of(inner: Arc<Inner>) -> Self {
        Self(inner)
    }
}

impl Inner {
    fn address(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    fn remove(&self, session: usize) -> bool {
        let mut table = self.table.lock();
        let gone = table.members.remove(&session);
        let before = if gone.is_some() { table.all.take() } else { None };
        // A session may go with it.
        drop(table);
        drop(before);
        gone.is_some()
    }
}

impl List for Inner {
    fn ended(&self, session: usize) {
        self.remove(session);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(Named { name, found_by }) = &self.named {
            if let Some(names) = found_by.upgrade() {
                names.group_gone(name);
            }
        }
        let members = std::mem::take(&mut self.table.lock().members);
        for session in members.into_values() {
            session.forget(self.address());
        }
    }
}

impl Default for Group {
    fn default() -> Self {
        Self::new()
    }
}

impl IntoIterator for &Group {
    type Item = Session;
    type IntoIter = std::vec::IntoIter<Session>;

    /// Those that are in now.
    fn into_iter(self) -> Self::IntoIter {
        self.sessions().into_iter()
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("name", &self.name()).field("sessions", &self.len()).finish()
    }
}
