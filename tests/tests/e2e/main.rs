//! End to end: two live sessions over real sockets, Unix sockets or memory, in both roles, and peers that are not ours.
#![allow(clippy::unwrap_used, clippy::too_many_lines, reason = "a test that cannot go on says so by a panic")]

mod both;
mod burning;
mod calls;
mod connecting;
mod drain;
mod drained;
mod grumpy;
mod held;
mod hostile;
mod journal;
mod lanes;
mod large;
mod limits;
mod peers;
mod pieces;
mod pipeline;
mod process;
mod proxied;
mod pushes;
mod queued;
mod quiet;
mod registry;
mod relay;
mod rest;
mod streams;
mod support;
