//! Accepting: a task a listener. A failing accept is retried, never fatal; connections over the limit are refused with a
//! reason.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::Serving;
use crate::frame::{EndCode, Role};
use crate::session::member::{List, Member};
use crate::session::task;
use crate::transport::{Listener, Transport};
use crate::{Error, Router, Session};

/// Between two accepts of a listener that has no descriptors left.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The tasks that accept. Dropped, they stop and the listeners close.
pub(super) struct Accepting(Vec<JoinHandle<()>>);

impl Accepting {
    pub(super) fn start(listeners: Vec<Listener>, serving: &Arc<Serving>) -> Self {
        let start = |listener| task::spawn(&Handle::current(), accept(listener, Arc::clone(serving)));
        Self(listeners.into_iter().map(start).collect())
    }
}

impl Accepting {
    /// Stops, and waits until the listeners are closed.
    pub(super) async fn stop(mut self) {
        for task in std::mem::take(&mut self.0) {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

async fn accept(listener: Listener, serving: Arc<Serving>) {
    let mut wait = FIRST_WAIT;
    loop {
        match listener.accept().await {
            Ok(transport) => {
                wait = FIRST_WAIT;
                // Without a runtime there is nobody to tell.
                let _ = begin(transport, &serving);
            }
            // One connection that went before it was accepted.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(listener = %listener.local_addr(), %error, "accepting failed; trying again");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

/// Starts the session of a connection that was accepted, or one that only tells why it is refused.
pub(super) fn begin(transport: Transport, serving: &Arc<Serving>) -> Result<Session, Error> {
    let peer = transport.peer.clone();
    if serving.sessions.count() >= serving.max_connections {
        serving.sessions.refuse();
        tracing::warn!(%peer, limit = serving.max_connections, "a connection was refused (`max_connections`)");
        let session = Session::start(Role::Acceptor, transport, &serving.config, Router::new())?;
        let text = "too many connections (`max_connections` of the server)";
        session.shared().with(|state| state.conn.fail(EndCode::Overloaded, text));
        return Ok(session);
    }
    let session = Session::start(Role::Acceptor, transport, &serving.config, serving.router.clone())?;
    if !serving.sessions.add(&session) {
        session.end("the server is shutting down");
        return Ok(session);
    }
    tracing::debug!(%peer, "connection accepted");
    serving.registry.admit(&session);
    // One list for it to remember: the server lets it go from both.
    session.remember(Member::Keeps(Arc::clone(serving) as Arc<dyn List>));
    Ok(session)
}

impl List for Serving {
    fn ended(&self, session: usize) {
        self.sessions.remove(session);
        self.registry.let_go(session);
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::NotConnected
    )
}
