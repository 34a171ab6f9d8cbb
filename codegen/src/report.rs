//! Errors, collected and not thrown, each with the place that the user wrote. Every stage adds to a
//! [`Report`]; only at the borders between stages does one that is not empty stop the work. The macros turn
//! it into a `syn::Error`, build.rs prints it.

use std::fmt;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};

use crate::rule::Rule;

/// Where the user wrote something.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Place {
    /// In Rust code, from one token to another.
    Tokens {
        /// The first token's.
        first: Span,
        /// The last token's.
        last: Span,
    },
    /// In a schema.
    Schema {
        /// The file, as the user named it.
        file: String,
        /// From 1.
        line: u32,
        /// From 1.
        column: u32,
    },
    /// In a file as a whole.
    File(String),
    /// Nowhere that could be named: the call itself.
    Call,
}

impl Place {
    /// All of `tokens`.
    #[must_use]
    pub fn of(tokens: &impl ToTokens) -> Self {
        let mut tokens = tokens.to_token_stream().into_iter();
        let first = tokens.next().map_or_else(Span::call_site, |token| token.span());
        Self::Tokens { first, last: tokens.last().map_or(first, |token| token.span()) }
    }

    /// The first token's span; the macro's call where there is none.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Tokens { first, .. } => *first,
            _ => Span::call_site(),
        }
    }

    /// A line of a schema.
    #[must_use]
    pub fn schema(file: impl Into<String>, line: u32, column: u32) -> Self {
        Self::Schema { file: file.into(), line, column }
    }
}

impl From<Span> for Place {
    fn from(span: Span) -> Self {
        Self::Tokens { first: span, last: span }
    }
}

/// `file:line:column: `, or nothing where there is no such thing.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema { file, line, column } => write!(f, "{file}:{line}:{column}: "),
            Self::File(file) => write!(f, "{file}: "),
            Self::Tokens { .. } | Self::Call => Ok(()),
        }
    }
}

/// Tokens as people write them, `&mut Vec<u8>` and not `& mut Vec < u8 >`.
pub(crate) fn text(tokens: &TokenStream) -> String {
    let mut out = String::new();
    for token in tokens.clone() {
        let next = match &token {
            TokenTree::Group(group) => match group.delimiter() {
                Delimiter::Parenthesis => format!("({})", text(&group.stream())),
                Delimiter::Bracket => format!("[{}]", text(&group.stream())),
                Delimiter::Brace => format!("{{{}}}", text(&group.stream())),
                Delimiter::None => text(&group.stream()),
            },
            token => token.to_string(),
        };
        let word = |c: char| c.is_alphanumeric() || c == '_';
        if out.ends_with(|c: char| word(c) || matches!(c, ',' | ';' | '>')) && next.starts_with(word)
            || next == "+"
            || out.ends_with('+')
        {
            out.push(' ');
        }
        out.push_str(&next);
    }
    out
}

/// Something and where the user wrote it.
#[derive(Debug, Clone)]
pub struct At<T> {
    /// What.
    pub value: T,
    /// Where.
    pub place: Place,
}

impl<T> At<T> {
    /// `value`, written at `place`.
    pub fn new(value: T, place: impl Into<Place>) -> Self {
        Self { value, place: place.into() }
    }
}

/// A broken rule and where.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// Which.
    pub rule: Rule,
}

/// `file:line:column: what; mend`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.place, self.rule.message())
    }
}

/// All the mistakes found so far.
#[derive(Debug, Clone, Default)]
#[must_use = "mistakes are to be told"]
pub struct Report {
    problems: Vec<Problem>,
}

impl Report {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn add(&mut self, place: impl Into<Place>, rule: Rule) {
        self.problems.push(Problem { place: place.into(), rule });
    }

    /// Those of `other` too.
    pub fn merge(&mut self, other: Self) {
        self.problems.extend(other.problems);
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// What there is to tell, in the order in which it was found.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The border of a stage: `value` if nothing is wrong with it.
    ///
    /// # Errors
    /// The report itself, if it has anything to tell.
    pub fn finish<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    /// For a macro: each at its own tokens, those of a schema at `call` with their line in the text.
    #[must_use]
    pub fn into_error(self, call: Span) -> syn::Error {
        let errors = self.problems.into_iter().map(|problem| match problem.place {
            Place::Tokens { first, last } => {
                let ends = [quote_spanned!(first=> _), quote_spanned!(last=> _)];
                syn::Error::new_spanned(ends.into_iter().collect::<TokenStream>(), problem.rule.message())
            }
            _ => syn::Error::new(call, problem.to_string()),
        });
        let all = errors.reduce(|mut all, error| {
            all.combine(error);
            all
        });
        all.unwrap_or_else(|| {
            syn::Error::new(call, "protocall stopped here and does not know why; please report it")
        })
    }
}

/// For build.rs: one a line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}
