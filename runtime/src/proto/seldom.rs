//! A queue that is seldom used: a pointer until it is, since of many connections most never use it. Once used it keeps its
//! room until [`shrink`](Seldom::shrink).

use std::collections::{VecDeque, vec_deque};

/// The queue.
#[derive(Debug)]
#[expect(clippy::box_collection, reason = "the queue's own fields are what is saved")]
pub(crate) struct Seldom<T>(Option<Box<VecDeque<T>>>);

impl<T> Seldom<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|queue| queue.is_empty())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.len())
    }

    /// To put something in.
    pub(crate) fn used(&mut self) -> &mut VecDeque<T> {
        self.0.get_or_insert_default()
    }

    pub(crate) fn iter(&self) -> vec_deque::Iter<'_, T> {
        self.0.as_ref().map(|queue| queue.iter()).unwrap_or_default()
    }

    pub(crate) fn iter_mut(&mut self) -> vec_deque::IterMut<'_, T> {
        self.0.as_mut().map(|queue| queue.iter_mut()).unwrap_or_default()
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.0.as_ref()?.front()
    }

    pub(crate) fn front_mut(&mut self) -> Option<&mut T> {
        self.0.as_mut()?.front_mut()
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        self.0.as_mut()?.pop_front()
    }

    pub(crate) fn remove(&mut self, at: usize) -> Option<T> {
        self.0.as_mut()?.remove(at)
    }

    pub(crate) fn retain(&mut self, stays: impl FnMut(&T) -> bool) {
        if let Some(queue) = &mut self.0 {
            queue.retain(stays);
        }
    }

    pub(crate) fn clear(&mut self) {
        if let Some(queue) = &mut self.0 {
            queue.clear();
        }
    }

    /// Gives memory back if it is empty.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            self.0 = None;
        }
    }
}

impl<T> Default for Seldom<T> {
    fn default() -> Self {
        Self(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out_and_memory_is_held_only_meanwhile() {
        let mut queue = Seldom::default();
        assert!(queue.is_empty() && queue.pop_front().is_none() && queue.remove(0).is_none());
        queue.retain(|_: &u32| true);
        queue.clear();
        queue.shrink();
        assert!(queue.0.is_none() && queue.iter().next().is_none() && queue.iter_mut().next().is_none());
        queue.used().extend(1..=4);
        queue.shrink();
        queue.retain(|number| *number != 2);
        assert_eq!((queue.remove(1), queue.len(), queue.front()), (Some(3), 2, Some(&1)));
        assert_eq!((queue.pop_front(), queue.front_mut()), (Some(1), Some(&mut 4)));
        queue.clear();
        assert!(queue.is_empty() && queue.0.is_some(), "its room is kept");
        queue.shrink();
        assert!(queue.0.is_none());
    }
}
