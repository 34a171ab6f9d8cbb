//! Pushes that wait, in a queue and as a task, while room for them and the end of the connection come at the same time.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc as StdArc;
use std::task::{Context as Cx, Poll};

use bytes::{Bytes, BytesMut};
use loom::thread;

use super::{Sleeper, session};
use crate::frame::{Credit, Decoder, Frame, Scope};
use crate::proto::{Batch, OpenRoute};
use crate::request::RouteName;
use crate::session::push::Pushed;
use crate::session::queue::Encoded;
use crate::session::queueing::Fate;
use crate::session::wakers::Place;
use crate::session::{Shared, clock};
use crate::{Raw, Status};

const ROUTE: &str = "a.B/C";

/// A push. Two of them are more than what a lane may cost before the peer says more.
fn message(number: u8) -> Raw {
    Raw(vec![number; 10_000].into())
}

fn queue(shared: &Shared, number: u8) -> Fate {
    let push = Encoded::new(RouteName::Name(ROUTE.into()), Bytes::new(), &message(number)).unwrap();
    shared.queue_push(&push)
}

/// A task that awaits its push.
fn push(shared: &StdArc<Shared>, number: u8) -> Result<(), Status> {
    let sleeper = Sleeper::new();
    let (waker, mut place) = (sleeper.waker(), Place::default());
    let route = OpenRoute::Name(ROUTE);
    loop {
        match shared.try_push(route, &[], &message(number), Some((&mut place, &waker))) {
            Ok(Pushed::Sent) => return Ok(()),
            Ok(Pushed::Full(_)) => sleeper.sleep(),
            Err(status) => {
                shared.drop_push(route, place);
                return Err(status);
            }
        }
    }
}

/// The peer has room for all of them.
fn room(shared: &Shared) {
    shared.with(|state| {
        let scope = Scope::Lane(state.lane_for(OpenRoute::Name(ROUTE)));
        state.conn.handle_frame(clock::now(), Frame::Credit(Credit { scope, total: 1 << 20 }));
    });
}

/// The pushes that leave, in their order.
fn leaving(shared: &Shared) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    loop {
        let mut batch = Batch::default();
        shared.with(|state| state.conn.poll_batch(clock::now(), &mut batch));
        let mut slices = [std::io::IoSlice::new(&[]); 16];
        let count = batch.slices(&mut slices);
        if count == 0 {
            break;
        }
        slices[..count].iter().for_each(|slice| bytes.extend_from_slice(slice));
    }
    let mut decoder = Decoder::new(1 << 20);
    let frames = std::iter::from_fn(|| decoder.decode(&mut bytes).unwrap());
    let pushes = frames.filter_map(|frame| match frame {
        Frame::Push(push) => Some(push.message.bytes[0]),
        _ => None,
    });
    pushes.collect()
}

/// Does something at the same time.
fn beside<R: 'static>(
    shared: &StdArc<Shared>,
    act: impl FnOnce(&StdArc<Shared>) -> R + 'static,
) -> thread::JoinHandle<R> {
    let shared = StdArc::clone(shared);
    thread::spawn(move || act(&shared))
}

#[test]
fn pushes_that_are_queued_and_awaited_leave_once_and_in_order_whenever_room_comes() {
    loom::model(|| {
        let shared = session();
        assert_eq!(queue(&shared, 0), Fate::Sent);
        let queues = beside(&shared, |shared| {
            for number in [1, 2] {
                let fate = queue(shared, number);
                assert!(matches!(fate, Fate::Sent | Fate::Queued { displaced: 0 }), "{fate:?}");
            }
        });
        let peer = beside(&shared, |shared| room(shared));
        // It would sleep for ever if nobody woke it.
        push(&shared, 9).unwrap();
        queues.join().unwrap();
        peer.join().unwrap();
        let mut left = leaving(&shared);
        assert_eq!(left.iter().filter(|number| **number == 9).count(), 1, "{left:?}");
        left.retain(|number| *number != 9);
        assert_eq!(left, [0, 1, 2]);
    });
}

#[test]
fn a_push_that_waits_is_sent_or_counted_as_dropped_when_room_and_the_end_come_at_once() {
    loom::model(|| {
        let shared = session();
        assert_eq!(queue(&shared, 0), Fate::Sent);
        let peer = beside(&shared, |shared| room(shared));
        let closes = beside(&shared, |shared| shared.with(|state| state.conn.close("closed")));
        let fate = queue(&shared, 1);
        let awaited = push(&shared, 9);
        peer.join().unwrap();
        closes.join().unwrap();
        let state = shared.state.lock();
        assert_eq!(state.pushers.queued(), 0, "nothing waits after the end");
        let (begun, discarded) = (state.conn.push_counts().0, state.pushers.discarded);
        let refused = u64::from(awaited.is_err()) + u64::from(fate == Fate::Gone);
        assert_eq!(begun + discarded + refused, 3, "{fate:?}, {awaited:?}");
        assert!(fate != Fate::Sent || discarded == 0, "it is told once");
    });
}

#[test]
fn who_waits_until_pushes_are_taken_is_told_of_the_end_whenever_it_comes() {
    loom::model(|| {
        let shared = session();
        assert_eq!(queue(&shared, 0), Fate::Sent);
        let queues = beside(&shared, |shared| queue(shared, 1));
        let closes = beside(&shared, |shared| shared.with(|state| state.conn.close("closed")));
        let sleeper = Sleeper::new();
        let waker = sleeper.waker();
        let mut flushed = pin!(shared.flushed());
        let told = loop {
            match flushed.as_mut().poll(&mut Cx::from_waker(&waker)) {
                Poll::Ready(told) => break told,
                Poll::Pending => sleeper.sleep(),
            }
        };
        assert!(told.is_err(), "the peer took nothing");
        queues.join().unwrap();
        closes.join().unwrap();
    });
}
