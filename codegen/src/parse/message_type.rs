//! Types that cannot be messages, as far as their syntax tells. Of a path that could be anything rustc
//! decides: the trait `protocall::Message` says the same there.

use quote::ToTokens;
use syn::{Type, TypePath};

use crate::{
    draft::is_unit,
    report::{Place, Report, text},
    rule::Rule,
};

/// What everybody knows and no message is.
const KNOWN: &[&str] = &[
    "String", "bool", "char", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize", "str", "u128", "u16",
    "u32", "u64", "u8", "usize",
];

/// The same, if something stands between `<` and `>`: an `Option` without is somebody's message.
const KNOWN_GENERIC: &[&str] = &[
    "Arc", "BTreeMap", "BTreeSet", "Box", "Cow", "HashMap", "HashSet", "Option", "Rc", "Result", "Vec",
    "VecDeque",
];

/// Refuses what is no message.
pub(super) fn refuse_other_types(ty: &Type, report: &mut Report) {
    if !may_be_message(ty) {
        report.add(Place::of(ty), Rule::NotAMessage { found: text(&ty.to_token_stream()) });
    }
}

fn may_be_message(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => !is_known(path) && !borrows(path),
        Type::Group(group) => may_be_message(&group.elem),
        Type::Paren(paren) => may_be_message(&paren.elem),
        Type::Macro(_) => true,
        _ => is_unit(ty),
    }
}

/// `String`, `std::vec::Vec<u8>`, `Self`.
fn is_known(path: &TypePath) -> bool {
    let segments = &path.path.segments;
    let standard = segments.len() == 1
        || segments.first().is_some_and(|first| first.ident == "std" || first.ident == "alloc");
    let known = segments.last().is_some_and(|last| {
        let names = if last.arguments.is_empty() { KNOWN } else { KNOWN_GENERIC };
        names.iter().any(|known| last.ident == known)
    });
    (standard && known) || segments.first().is_some_and(|first| first.ident == "Self")
}

/// Whether a lifetime is in it, `Note<'a>`.
fn borrows(path: &TypePath) -> bool {
    let mut tokens = path.to_token_stream().into_iter().map(|token| token.to_string());
    tokens.any(|token| token == "'")
}
