//! Sends calls in their order, many under one lock, and lets the driver sleep until all of them are in its buffer: so they
//! leave in one write.

use std::sync::Arc;
use std::task::{Context as Cx, Poll, Waker};

use super::member::{Opened, Stands};
use crate::Status;
use crate::session::Shared;

/// Calls that are opened under one lock at most; others want it too.
pub(super) const TOGETHER: usize = 256;
/// Bytes of messages that are encoded under one lock at most: as many as a fragment has, like those of one call.
const BYTES: usize = 64 << 10;

/// The session whose driver is to be roused when all has been said; a panic of an `encode` cannot keep it asleep.
#[derive(Debug, Default)]
pub(super) struct Asleep(Option<Arc<Shared>>);

impl Asleep {
    fn stay(&mut self, shared: &Arc<Shared>) {
        if !self.0.as_ref().is_some_and(|other| Arc::ptr_eq(other, shared)) {
            // Another session's, which is roused now.
            *self = Self(Some(Arc::clone(shared)));
        }
    }
}

impl Drop for Asleep {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.with_little(|_| ());
        }
    }
}

/// Sends those that stand behind, first first, as far as there is room. The task is woken when it can go on.
pub(super) fn ask(slots: &mut [&mut dyn Stands], asleep: &mut Asleep, cx: &mut Cx<'_>) {
    for slot in slots.iter_mut().filter(|slot| slot.is_behind()) {
        if let Poll::Ready(Err(status)) = slot.call().poll_session(cx) {
            slot.fail(status);
        }
    }
    let mut at = 0;
    while at < slots.len() {
        if !slots[at].is_behind() {
            at += 1;
            continue;
        }
        let Some((shared, _)) = slots[at].call().place() else { break };
        let shared = Arc::clone(shared);
        asleep.stay(&shared);
        let (sent, stopped) = open_together(&mut slots[at..], &shared, cx.waker());
        for slot in &mut slots[at..at + sent] {
            slot.sent(cx);
        }
        at += sent;
        if stopped.is_some_and(|stopped| !go_on(slots[at], stopped, cx)) {
            break;
        }
    }
    for slot in slots[at..].iter_mut().filter(|slot| slot.is_behind()) {
        slot.call().keep_time();
    }
}

/// How many of them were sent, and why the next was not if it stands in the way.
fn open_together(
    slots: &mut [&mut dyn Stands],
    shared: &Arc<Shared>,
    room: &Waker,
) -> (usize, Option<Result<Opened, Status>>) {
    let (mut sent, mut bytes, mut stopped) = (0, 0, None);
    let mut state = shared.state.lock();
    for slot in slots.iter_mut().take_while(|slot| slot.is_behind()) {
        let here = slot.call().place().filter(|(place, _)| Arc::ptr_eq(place, shared));
        let Some((_, len)) = here else { break };
        if sent == TOGETHER || (sent > 0 && bytes + len > BYTES) {
            break;
        }
        match slot.call().open_among(&mut state, room) {
            Ok(Opened::Sent) => (sent, bytes) = (sent + 1, bytes + len),
            other => {
                stopped = Some(other);
                break;
            }
        }
    }
    shared.unlock_asleep(state);
    (sent, stopped)
}

/// Whether those behind it may go on.
fn go_on(slot: &mut dyn Stands, stopped: Result<Opened, Status>, cx: &mut Cx<'_>) -> bool {
    let opened = match stopped {
        Ok(Opened::Large) => slot.call().open_alone(cx),
        opened => opened,
    };
    match opened {
        Ok(Opened::Waits) => match slot.call().poll_room(cx) {
            Poll::Ready(status) => slot.fail(status),
            Poll::Pending => return false,
        },
        Ok(_) => slot.sent(cx),
        Err(status) => slot.fail(status),
    }
    true
}
