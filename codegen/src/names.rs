//! Names: those of a schema as Rust writes them, the same as prost makes them, and those of what a service
//! becomes. Called by `check` for what a schema leaves open and by `expand` for the names made from a
//! service's.

use proc_macro2::{Ident, Span};
use quote::format_ident;
use syn::ext::IdentExt;

/// What is a keyword in any edition and can be a raw identifier.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else",
    "enum", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try",
    "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// What is a keyword and cannot even be a raw identifier.
const NEVER_RAW: &[&str] = &["_", "Self", "crate", "extern", "self", "super"];

/// `GetHTTPInfo` -> `get_http_info`, `Type` -> `r#type`: the name that prost gives a field or a method.
#[must_use]
pub fn to_snake(name: &str) -> String {
    sanitize(words(name).iter().map(|word| word.to_lowercase()).collect::<Vec<_>>().join("_"))
}

/// `get_http_info` -> `GetHttpInfo`, `self` -> `Self_`: the name that prost gives a message or a service.
#[must_use]
pub fn to_upper_camel(name: &str) -> String {
    sanitize(words(name).iter().map(|word| capitalized(word)).collect())
}

/// `get_http_info` -> `GetHttpInfo`: what a function of a trait is called on the wire, where nothing is a
/// keyword.
#[must_use]
pub fn wire_name(function: &str) -> String {
    words(function).iter().map(|word| capitalized(word)).collect()
}

/// `HttpInfo` -> `HTTP_INFO`.
fn to_screaming(name: &str) -> String {
    words(name).iter().map(|word| word.to_uppercase()).collect::<Vec<_>>().join("_")
}

/// `name` as an identifier, also one written `r#name`; `None` if it cannot be one.
#[must_use]
pub fn ident(name: &str, span: Span) -> Option<Ident> {
    let bare = name.strip_prefix("r#").unwrap_or(name);
    if NEVER_RAW.contains(&bare) {
        return None;
    }
    if KEYWORDS.contains(&bare) {
        return Some(Ident::new_raw(bare, span));
    }
    let mut ident = syn::parse_str::<Ident>(bare).ok()?;
    ident.set_span(span);
    Some(ident)
}

/// Whether `name` can be a name in a schema, and so on the wire.
#[must_use]
pub fn is_wire_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The names of what a service becomes, all made from its trait's.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServiceNames {
    /// `Chat`.
    pub service: Ident,
    /// `ChatClient`.
    pub client: Ident,
    /// `ChatServer`.
    pub server: Ident,
    /// `CHAT_SPEC`.
    pub spec: Ident,
}

impl ServiceNames {
    /// The names for the trait `service`.
    #[must_use]
    pub fn of(service: &Ident) -> Self {
        let bare = service.unraw();
        Self {
            service: service.clone(),
            client: format_ident!("{bare}Client", span = service.span()),
            server: format_ident!("{bare}Server", span = service.span()),
            spec: format_ident!("{}_SPEC", to_screaming(&bare.to_string()), span = service.span()),
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> [&Ident; 4] {
        [&self.service, &self.client, &self.server, &self.spec]
    }
}

/// What prost does with a name that Rust would not take.
fn sanitize(name: String) -> String {
    if KEYWORDS.contains(&name.as_str()) {
        format!("r#{name}")
    } else if NEVER_RAW.contains(&name.as_str()) {
        format!("{name}_")
    } else if name.starts_with(char::is_numeric) {
        format!("_{name}")
    } else {
        name
    }
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect()
    })
}

/// The words of a name: they end at `_`, before a capital that follows a small letter, and before the last
/// capital of several if a small letter follows (`HTTPInfo` is `HTTP` and `Info`). A digit belongs to the
/// word before it.
fn words(name: &str) -> Vec<&str> {
    name.split(|c: char| !c.is_alphanumeric())
        .flat_map(words_of_part)
        .filter(|word| !word.is_empty())
        .collect()
}

fn words_of_part(part: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut before: Option<Case> = None;
    let mut chars = part.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let Some(&(next_at, next)) = chars.peek() else { break };
        let case = Case::of(c).or(before);
        let end = if case == Some(Case::Lower) && next.is_uppercase() {
            Some(next_at)
        } else if before == Some(Case::Upper) && c.is_uppercase() && next.is_lowercase() {
            Some(at)
        } else {
            None
        };
        before = if let Some(end) = end {
            words.push(&part[start..end]);
            start = end;
            None
        } else {
            case
        };
    }
    words.push(&part[start..]);
    words
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Lower,
    Upper,
}

impl Case {
    fn of(c: char) -> Option<Self> {
        if c.is_lowercase() {
            Some(Self::Lower)
        } else if c.is_uppercase() {
            Some(Self::Upper)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};

    use super::*;

    const NAMES: &[&str] = &[
        "Join",
        "GetHTTPInfo",
        "getHttp2Info",
        "HTTP2",
        "A",
        "ABc",
        "aB",
        "Foo_Bar",
        "foo__bar",
        "_foo",
        "X1Y2z",
        "ABC1def",
        "v1Beta",
        "a1B2",
        "1st",
        "IPv4Address",
        "ListUsersV2",
        "XMLHttpRequest",
        "ÄpfelUndBirnen",
        "__",
        "",
        "FOO_BAR_baz",
        "S3Upload",
        "aA1bB",
    ];

    #[test]
    fn names_are_cut_into_words_as_prost_does() {
        for name in NAMES {
            assert_eq!(to_snake(name), sanitize(name.to_snake_case()), "{name}");
            assert_eq!(to_upper_camel(name), sanitize(name.to_upper_camel_case()), "{name}");
            assert_eq!(to_screaming(name), name.to_shouty_snake_case(), "{name}");
        }
    }

    #[test]
    fn keywords_become_raw_and_the_others_get_an_underscore() {
        assert_eq!(to_snake("Type"), "r#type");
        assert_eq!(to_snake("Gen"), "r#gen");
        assert_eq!(to_snake("Self"), "self_");
        assert_eq!(to_upper_camel("self"), "Self_");
        assert_eq!(to_snake("Crate"), "crate_");
        assert_eq!(to_snake("_1"), "_1");
    }

    #[test]
    fn every_keyword_parses_as_a_raw_identifier() {
        for keyword in KEYWORDS {
            assert!(syn::parse_str::<Ident>(&format!("r#{keyword}")).is_ok(), "{keyword}");
            assert_eq!(ident(keyword, Span::call_site()).unwrap().to_string(), format!("r#{keyword}"));
        }
    }

    #[test]
    fn what_is_no_identifier_is_none() {
        for name in ["self", "Self", "crate", "super", "extern", "_", "", "1st", "a b", "a-b", "r#self"] {
            assert!(ident(name, Span::call_site()).is_none(), "{name}");
        }
    }

    #[test]
    fn a_service_becomes_three_more_names() {
        let names = ServiceNames::of(&ident("HTTPInfo", Span::call_site()).unwrap());
        assert_eq!(
            names.all().map(ToString::to_string),
            ["HTTPInfo", "HTTPInfoClient", "HTTPInfoServer", "HTTP_INFO_SPEC"]
        );
    }
}
