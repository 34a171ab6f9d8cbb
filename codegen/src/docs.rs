//! Comments of a schema as rustdoc takes them.

use crate::draft::Docs;

/// The lines to write after `///`.
#[must_use]
pub fn lines(docs: Docs) -> Vec<String> {
    match docs {
        Docs::Rustdoc(lines) => lines,
        Docs::Comment(text) => text.lines().map(str::to_owned).collect(),
    }
}
