//! Large messages that are passed on as they come: two pairs, and between them what a session does that takes pieces at one
//! connection and has them leave by another.

mod calls;
mod items;
mod line;
mod pushes;

use super::*;

const LEN: usize = 1_000;

/// Messages of these travel in fragments.
fn config() -> Config {
    Config { max_fragment: 100, ..Config::default() }
}

/// So many bytes of what `from` has to say reach `to`.
fn carry(from: &mut End, to: &mut End, bytes: usize) {
    let bytes = from.write(bytes);
    to.feed(&bytes);
}
