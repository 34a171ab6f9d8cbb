//! How long an item may be waited for, by either half. Most halves have no limit: then this is one word.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Cx, Poll, ready};
use std::time::Duration;

use tokio::time::Sleep;

use crate::{Error, Status};

/// The limit of each wait, and the wait that goes on.
pub(super) struct ItemTimeout {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl ItemTimeout {
    pub(super) fn new(limit: Option<Duration>) -> Option<Box<Self>> {
        limit.map(|limit| Box::new(Self { limit, timer: None }))
    }
}

/// Ready when the item has been waited for too long.
pub(super) fn poll_late(timeout: &mut Option<Box<ItemTimeout>>, cx: &mut Cx<'_>) -> Poll<Status> {
    let Some(timeout) = timeout else { return Poll::Pending };
    let ItemTimeout { limit, timer } = &mut **timeout;
    let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(*limit)));
    ready!(timer.as_mut().poll(cx));
    Poll::Ready(Error::ItemTimeout { limit: *limit }.into())
}

/// The wait is over: the next one has its own time.
pub(super) fn begin(timeout: &mut Option<Box<ItemTimeout>>) {
    if let Some(timeout) = timeout {
        timeout.timer = None;
    }
}
