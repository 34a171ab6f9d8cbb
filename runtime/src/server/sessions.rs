//! The sessions that a server has open.

use std::collections::HashMap;

use crate::Session;
use crate::session::Lock;

/// All open sessions, by their keys.
#[derive(Debug, Default)]
pub(super) struct Sessions(Lock<Table>);

#[derive(Debug, Default)]
struct Table {
    open: HashMap<usize, Session>,
    refused: u64,
    /// The server is on its way out: nothing is taken in any more.
    closing: bool,
}

impl Sessions {
    /// Takes a session in; false once the server is on its way out, so that nobody is missed by its drain.
    pub(super) fn add(&self, session: &Session) -> bool {
        let mut table = self.0.lock();
        if !table.closing {
            table.open.insert(session.key(), session.clone());
        }
        !table.closing
    }

    /// Takes no more in, and gives all that are open.
    pub(super) fn shut(&self) -> Vec<Session> {
        let mut table = self.0.lock();
        table.closing = true;
        table.open.values().cloned().collect()
    }

    pub(super) fn remove(&self, session: usize) {
        let gone = self.0.lock().open.remove(&session);
        // What goes with it may be the user's.
        drop(gone);
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().open.len()
    }

    pub(super) fn all(&self) -> Vec<Session> {
        self.0.lock().open.values().cloned().collect()
    }

    pub(super) fn refuse(&self) {
        self.0.lock().refused += 1;
    }

    pub(super) fn refused(&self) -> u64 {
        self.0.lock().refused
    }
}
