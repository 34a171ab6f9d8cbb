//! What a peer has to offer.

use std::any::Any;
use std::future::Future;

use tokio::task::JoinHandle;

use crate::{Checked, Job, Kind, Payload, Source, Tally, Wanted};

pub type Error = Box<dyn std::error::Error + Send + Sync>;
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A stream that stays as it is until this is dropped.
pub type Held = Box<dyn Any + Send>;

/// A framework, or a yardstick: a server, and clients of it.
pub trait Peer: 'static {
    /// What its client can do; a case of another kind is left out of its row.
    const CAN: &'static [Kind];
    /// Its futures are not `Send` (its client wraps them in something that is, as long as the thread stays the same): it runs
    /// on a current-thread runtime with a `LocalSet` in every case.
    const CURRENT_THREAD_ONLY: bool = false;
    /// It cannot have more than one call in flight on a connection.
    const CONNECTION_PER_TASK: bool = false;

    type Client: Client;

    /// Serves on `job.addr` until the process is killed.
    fn serve(job: Job) -> impl Future<Output = Result<()>>;

    /// One connection to `job.addr`. Tried again for a while if it fails, as the server may not listen yet.
    fn connect(job: &Job) -> impl Future<Output = Result<Self::Client>>;

    /// Starts a task that makes calls.
    fn spawn<F>(task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        tokio::spawn(task)
    }
}

/// A handle on one connection; clones share it. A reply counts when [`Payload::check`] has seen it.
pub trait Client: Clone + Send + Sync + 'static {
    /// A call that is answered with what it brought.
    fn echo(&self, payload: Payload) -> impl Future<Output = Result<Checked>> + Send;

    /// The same with one entry of metadata that the handler reads, a time limit of its own, and a handler that awaits
    /// `tokio::task::yield_now` once.
    fn full(&self, payload: Payload) -> impl Future<Output = Result<Checked>> + Send {
        let _ = payload;
        async { unsupported() }
    }

    /// The same with a handler that calls [`burn`](crate::burn) with `payload.burn_us` first.
    fn work(&self, payload: Payload) -> impl Future<Output = Result<Checked>> + Send {
        let _ = payload;
        async { unsupported() }
    }

    /// Sends all that `source` has, one way; returns when the receiver has it all, with what it counted
    /// ([`Receipts`](crate::Receipts)).
    fn push(&self, source: Source) -> impl Future<Output = Result<Tally>> + Send {
        drop(source);
        async { unsupported() }
    }

    /// Has the server send what a [`Supply`](crate::Supply) of its own gives, as one stream; returns what the server has sent, by
    /// its own account, and what arrived.
    fn stream_down(&self, wanted: Wanted) -> impl Future<Output = Result<[Tally; 2]>> + Send {
        let _ = wanted;
        async { unsupported() }
    }

    /// Sends all that `source` has, as one stream; returns what the server counted.
    fn stream_up(&self, source: Source) -> impl Future<Output = Result<Tally>> + Send {
        drop(source);
        async { unsupported() }
    }

    /// The same as a stream both ways, whose other end gives each message back as it comes; returns what came back.
    fn stream_both(&self, source: Source) -> impl Future<Output = Result<Tally>> + Send {
        drop(source);
        async { unsupported() }
    }

    /// A call with a large body, answered with the [`digest`](crate::digest) of what came.
    fn put(&self, payload: Payload) -> impl Future<Output = Result<Checked>> + Send {
        drop(payload);
        async { unsupported() }
    }

    /// A call that is answered with what it brought, but that it brings only how large that is to be.
    fn get(&self, payload: Payload) -> impl Future<Output = Result<Checked>> + Send {
        drop(payload);
        async { unsupported() }
    }

    /// Sends an item over a stream, awaits it back, and only then asks for the next.
    fn round_trips(
        &self,
        items: impl Iterator<Item = Payload> + Send,
    ) -> impl Future<Output = Result<()>> + Send {
        drop(items);
        async { unsupported() }
    }

    /// Opens a stream on which the server sends messages of so many bytes without end, and reads nothing of it.
    fn unread(&self, size: usize) -> impl Future<Output = Result<Held>> + Send {
        let _ = size;
        async { unsupported() }
    }

    /// Opens a stream both ways, has one item go there and back, and leaves it open.
    fn rest(&self, payload: Payload) -> impl Future<Output = Result<Held>> + Send {
        drop(payload);
        async { unsupported() }
    }

    /// Has the server call this end, over this connection, in a closed loop like this end's own
    /// ([`count_calls`](crate::count_calls)); returns how many it made in the window.
    fn reverse(&self, job: &Job) -> impl Future<Output = Result<u64>> + Send {
        let _ = job;
        async { unsupported() }
    }
}

/// For what a peer does not say in [`Peer::CAN`].
pub fn unsupported<T>() -> Result<T> {
    Err("this peer cannot do that".into())
}
