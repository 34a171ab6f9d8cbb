//! What stands between the parentheses of an attribute: `push, timeout = "200ms"`. Each entry has its own
//! place, so that each mistake is told at its own token.

use proc_macro2::{Ident, TokenStream};
use syn::{
    Expr, ExprLit, Lit, Path, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
    punctuated::Punctuated,
};

use crate::{
    draft::{OptionDraft, OptionValue},
    report::{At, Place, Report},
    rule::Rule,
};

/// `key` or `key = value`.
pub(crate) struct Entry {
    key: Ident,
    value: Option<Expr>,
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = input.call(Ident::parse_any)?;
        let value = if input.parse::<Option<Token![=]>>()?.is_some() { Some(input.parse()?) } else { None };
        Ok(Self { key, value })
    }
}

/// The entries in `tokens`; none of them, and a report, if they cannot be read.
pub(crate) fn entries(tokens: TokenStream, report: &mut Report) -> Vec<Entry> {
    match Punctuated::<Entry, Token![,]>::parse_terminated.parse2(tokens) {
        Ok(entries) => entries.into_iter().collect(),
        Err(error) => {
            report.add(error.span(), Rule::AttributeSyntax { error: error.to_string() });
            Vec::new()
        }
    }
}

impl Entry {
    pub(crate) fn key(&self) -> String {
        self.key.to_string()
    }

    /// Where the key is.
    pub(crate) fn place(&self) -> Place {
        self.key.span().into()
    }

    /// As an option that `check` will read.
    pub(crate) fn option(&self) -> OptionDraft {
        let value = match &self.value {
            None => OptionValue::Flag(true),
            Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => OptionValue::Text(text.value()),
            Some(Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. })) => OptionValue::Flag(flag.value),
            Some(Expr::Lit(ExprLit { lit: Lit::Int(number), .. })) => {
                number.base10_parse().map_or(OptionValue::Other, OptionValue::Number)
            }
            Some(_) => OptionValue::Other,
        };
        let place = self.value.as_ref().map_or_else(|| self.place(), Place::of);
        OptionDraft { key: At::new(self.key(), self.place()), value: At::new(value, place) }
    }

    /// As a text, or a report that shows how it is written.
    pub(crate) fn text(&self, example: &str, report: &mut Report) -> Option<At<String>> {
        let option = self.option();
        if let OptionValue::Text(text) = option.value.value {
            return Some(At::new(text, option.value.place));
        }
        report.add(option.value.place, Rule::WrongValue { key: self.key(), expected: example.to_owned() });
        None
    }

    /// As the path of the runtime.
    pub(crate) fn runtime(&self, report: &mut Report) -> Option<Path> {
        let text = self.text("runtime_path = \"::protocall\"", report)?;
        let path = syn::parse_str(&text.value).ok();
        if path.is_none() {
            report.add(text.place, Rule::BadPath { path: text.value });
        }
        path
    }

    /// As a flag, which stands alone.
    pub(crate) fn flag(&self, report: &mut Report) -> bool {
        if let Some(value) = &self.value {
            report.add(Place::of(value), Rule::WrongValue { key: self.key(), expected: self.key() });
        }
        true
    }
}
