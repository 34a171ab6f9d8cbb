//! The trait front end: `#[service(…)] trait` becomes a draft. Called by [`attribute`](crate::attribute),
//! first. What it checks is what only a trait can get wrong, its syntax; the rest is
//! [`check`](crate::check)'s.

mod arguments;
mod attributes;
mod entries;
mod message_type;
mod method;
mod service;
mod signature;

pub(crate) use arguments::{Arguments, Source};
pub(crate) use entries::entries;
pub(crate) use service::service;

#[cfg(test)]
mod tests;
