//! The sessions of a server as its services see them: all of them, by an id, in groups.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use crate::group::{self, Group, Names};
use crate::session::Lock;
use crate::session::member::{List, Member};
use crate::{Session, Status};

/// The sessions of a server: all of them, by an id that you give them, and in groups. Cheap to clone; make one first, give
/// it to the services, then to the server.
///
/// A session leaves all of it by itself when its connection ends. A client that is made on a registry pushes to all of its
/// sessions. Several servers may share one.
///
/// ```
/// # #[protocall::service(package = "news.v1")]
/// # pub trait News {
/// #     #[method(push)]
/// #     async fn told(&self, ctx: &protocall::Context, text: protocall::Raw) -> Result<(), protocall::Status>;
/// # }
/// use protocall::{Context, Raw, Registry, Router, Server, Status};
///
/// struct Desk {
///     registry: Registry,
/// }
///
/// impl Desk {
///     async fn sign_in(&self, ctx: &Context, user: &str) -> Result<(), Status> {
///         // Somebody may be signed in once.
///         self.registry.claim(&ctx.session(), user)?;
///         self.registry.group("staff").join(&ctx.session());
///         NewsClient::new(self.registry.group("staff")).told(Raw::from(format!("{user} is here"))).queue();
///         Ok(())
///     }
///
///     fn page(&self, user: &str) {
///         if let Some(session) = self.registry.get(user) {
///             NewsClient::new(session).told("call us".into()).queue();
///         }
///     }
/// }
///
/// let registry = Registry::new();
/// let desk = Desk { registry: registry.clone() };
/// let server = Server::new(Router::new()).registry(&registry);
/// # let _ = (desk, server, Desk::sign_in, Desk::page);
/// ```
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    all: Group,
    table: Lock<Table>,
}

#[derive(Default)]
struct Table {
    /// Who has an id, and which.
    holders: HashMap<Arc<str>, Session>,
    ids: HashMap<usize, Arc<str>>,
    /// Those that somebody is in, or has a handle on.
    groups: HashMap<Arc<str>, Weak<group::Inner>>,
}

/// Another session has the id. As a [`Status`] it is ALREADY_EXISTS.
#[derive(Clone, PartialEq, Eq)]
pub struct IdInUse {
    id: Arc<str>,
}

impl Registry {
    /// One with no sessions.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Inner { all: Group::new(), table: Lock::default() }))
    }

    /// Those that are open now.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        self.0.all.sessions()
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.all.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives a session an id that no other has. It has one at most: one that it had before is free again.
    ///
    /// # Errors
    /// [`IdInUse`], if another has it whose connection has not ended.
    pub fn claim(&self, session: &Session, id: impl Into<Arc<str>>) -> Result<(), IdInUse> {
        let id = id.into();
        loop {
            let mut table = self.0.table.lock();
            let holder = table.holders.get(&id).filter(|holder| holder.key() != session.key()).cloned();
            let Some(holder) = holder else {
                let former = table.give(session, &id);
                drop(table);
                drop(former);
                break;
            };
            drop(table);
            if !holder.is_closed() {
                return Err(IdInUse { id });
            }
            self.0.ended(holder.key());
        }
        self.remember_id(session);
        Ok(())
    }

    /// Gives a session an id, whoever has it. The connection that had it is closed, with a reason that says so and of which
    /// [`is_final`](crate::Reason::is_final) is true: its client does not come back by itself, to take the id over in turn.
    /// Returns that session.
    pub fn take_over(&self, session: &Session, id: impl Into<Arc<str>>) -> Option<Session> {
        let id = id.into();
        let former = self.0.table.lock().give(session, &id);
        self.remember_id(session);
        let former = former.filter(|former| former.key() != session.key())?;
        former.replace();
        Some(former)
    }

    /// Takes a session's id away, if it has one.
    pub fn release(&self, session: &Session) {
        session.forget(Arc::as_ptr(&self.0) as usize);
        self.0.ended(session.key());
    }

    /// The session that has this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Session> {
        self.0.table.lock().holders.get(id).cloned()
    }

    /// The id of a session.
    #[must_use]
    pub fn id(&self, session: &Session) -> Option<Arc<str>> {
        self.0.table.lock().ids.get(&session.key()).cloned()
    }

    /// The group of this name. It comes about when it is asked for, and is gone when nobody is in it and nobody has it.
    #[must_use]
    pub fn group(&self, name: impl Into<Arc<str>>) -> Group {
        let name = name.into();
        let mut table = self.0.table.lock();
        if let Some(group) = table.groups.get(&name).and_then(Weak::upgrade) {
            return Group::of(group);
        }
        let group = Group::named(Arc::clone(&name), Arc::downgrade(&self.0) as Weak<dyn Names>);
        table.groups.insert(name, Arc::downgrade(group.inner()));
        group
    }

    /// The groups with a name that somebody is in.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        let table = self.0.table.lock();
        let groups: Vec<Group> = table.groups.values().filter_map(Weak::upgrade).map(Group::of).collect();
        // Those that go now need the table for it.
        drop(table);
        groups.into_iter().filter(|group| !group.is_empty()).collect()
    }

    /// A session has come, whose server says when it has gone.
    pub(super) fn admit(&self, session: &Session) {
        self.0.all.admit(session);
    }

    pub(super) fn let_go(&self, session: usize) {
        self.0.all.let_go(session);
    }

    /// All of its sessions, as a group.
    pub(crate) fn all(&self) -> &Group {
        &self.0.all
    }

    fn remember_id(&self, session: &Session) {
        session.remember(Member::Knows(Arc::downgrade(&self.0) as Weak<dyn List>));
    }
}

impl Table {
    /// Gives the id to the session, and returns the one that had it.
    fn give(&mut self, session: &Session, id: &Arc<str>) -> Option<Session> {
        if let Some(own) = self.ids.insert(session.key(), Arc::clone(id)).filter(|own| own != id) {
            // Its holder has it still, who asks.
            self.holders.remove(&own);
        }
        let former = self.holders.insert(Arc::clone(id), session.clone());
        if let Some(former) = former.as_ref().filter(|former| former.key() != session.key()) {
            self.ids.remove(&former.key());
        }
        former
    }
}

impl List for Inner {
    fn ended(&self, session: usize) {
        let mut table = self.table.lock();
        let holder = table.ids.remove(&session).and_then(|id| table.holders.remove(&id));
        // A session may go with it.
        drop(table);
        drop(holder);
    }
}

impl Names for Inner {
    fn group_gone(&self, name: &str) {
        let mut table = self.table.lock();
        // Another of the name may have come about meanwhile.
        if table.groups.get(name).is_some_and(|group| group.strong_count() == 0) {
            table.groups.remove(name);
        }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl IntoIterator for &Registry {
    type Item = Session;
    type IntoIter = std::vec::IntoIter<Session>;

    /// Those that are open now.
    fn into_iter(self) -> Self::IntoIter {
        self.sessions().into_iter()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.0.table.lock();
        f.debug_struct("Registry")
            .field("sessions", &self.0.all.len())
            .field("ids", &table.ids.len())
            .field("groups", &table.groups.len())
            .finish()
    }
}

impl IdInUse {
    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for IdInUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the id `{}` is in use by another session", self.id)
    }
}

impl fmt::Debug for IdInUse {
    /// The sentence: what `fn main() -> Result` prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for IdInUse {}

impl From<IdInUse> for Status {
    fn from(error: IdInUse) -> Self {
        Self::already_exists(error.to_string())
    }
}
