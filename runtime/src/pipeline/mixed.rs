//! A pipeline of calls of several types: a tuple.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Cx, Poll};

use super::asking::{Asleep, ask};
use super::member::{Member, Slot, Stands};

/// Asks calls of several types at once: a tuple of up to eight. Awaited, it gives a tuple of their answers, a `Result` each.
/// In all else it is as [`pipeline()`](super::pipeline()).
///
/// ```
/// # use protocall::{Caller, Raw, Status, pipeline};
/// # async fn ask(caller: &Caller) -> Result<(), Status> {
/// let name = caller.call_raw("users.v1.Users/Name", "7");
/// let friends = caller.call_raw("friends.v1.Friends/Of", "7").with_metadata();
/// let (name, friends) = pipeline::mixed((name, friends)).await;
/// let (Raw(friends), metadata) = friends?;
/// println!("{:?}: {friends:?}, {metadata:?}", name?);
/// # Ok(())
/// # }
/// ```
pub fn mixed<T: Members>(calls: T) -> Mixed<T> {
    Mixed { slots: calls.slots() }
}

/// Calls of several types that are asked at once; made by [`mixed`].
///
/// # Panics
/// If it is polled again after it gave its answers.
#[must_use = "a pipeline does nothing unless it is awaited"]
pub struct Mixed<T: Members> {
    slots: T::Slots,
}

impl<T: Members> Future for Mixed<T> {
    type Output = T::Answers;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let slots = &mut self.get_mut().slots;
        {
            let mut each = T::each(slots);
            let sent = each.iter().take_while(|slot| !slot.is_behind()).count();
            ask(&mut each[sent..], &mut Asleep::default(), cx);
            // Those behind the first that is not here are not asked: its answer wakes the task.
            if each.iter_mut().any(|slot| slot.poll_done(cx).is_pending()) {
                return Poll::Pending;
            }
        }
        Poll::Ready(T::take(slots).expect("a pipeline was polled after it was done"))
    }
}

// Nothing of it is pinned: its calls are not.
impl<T: Members> Unpin for Mixed<T> {}

impl<T: Members> fmt::Debug for Mixed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mixed").finish_non_exhaustive()
    }
}

/// Tuples of calls: of one to eight [`Member`]s.
#[expect(private_bounds, reason = "nothing else is made of calls")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tuple of calls",
    label = "not a tuple of calls",
    note = "`mixed` takes up to eight; for any number of one type there is `protocall::pipeline`"
)]
pub trait Members: Row<<Self as Members>::Answers> {
    /// An answer for each.
    type Answers;
}

/// What is behind [`Members`].
pub(crate) trait Row<A> {
    type Slots;
    fn slots(self) -> Self::Slots;
    fn each(slots: &mut Self::Slots) -> Vec<&mut dyn Stands>;
    fn take(slots: &mut Self::Slots) -> Option<A>;
}

macro_rules! tuples {
    ($($call:ident $at:tt),+) => {
        impl<$($call: Member),+> Members for ($($call,)+) {
            type Answers = ($($call::Output,)+);
        }

        impl<$($call: Member),+> Row<($($call::Output,)+)> for ($($call,)+) {
            type Slots = ($(Slot<$call>,)+);

            fn slots(self) -> Self::Slots {
                ($(Slot::new(self.$at),)+)
            }

            fn each(slots: &mut Self::Slots) -> Vec<&mut dyn Stands> {
                vec![$(&mut slots.$at),+]
            }

            fn take(slots: &mut Self::Slots) -> Option<($($call::Output,)+)> {
                Some(($(slots.$at.take()?,)+))
            }
        }
    };
}
tuples! { A 0 }
tuples! { A 0, B 1 }
tuples! { A 0, B 1, C 2 }
tuples! { A 0, B 1, C 2, D 3 }
tuples! { A 0, B 1, C 2, D 3, E 4 }
tuples! { A 0, B 1, C 2, D 3, E 4, F 5 }
tuples! { A 0, B 1, C 2, D 3, E 4, F 5, G 6 }
tuples! { A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7 }
