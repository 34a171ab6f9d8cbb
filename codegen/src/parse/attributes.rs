//! The attributes on a trait and its methods, sorted: documentation, `#[deprecated]`, `#[method]`, and the
//! others, which stay on the trait. `#[cfg]` is refused below `#[service]`: a method has its place in the
//! spec, in the server and in the client, and half of a service is none.

use proc_macro2::TokenStream;
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

use crate::{
    draft::Docs,
    report::{Place, Report},
    rule::Rule,
};

/// Attributes by what they are for.
pub(super) struct Attributes {
    pub(super) docs: Docs,
    pub(super) deprecated: Option<Attribute>,
    /// What stands between the parentheses of `#[method(…)]`, of all of them.
    pub(super) method: Vec<TokenStream>,
    pub(super) others: Vec<Attribute>,
}

impl Attributes {
    pub(super) fn sort(attributes: Vec<Attribute>, report: &mut Report) -> Self {
        let mut lines = Vec::new();
        let mut sorted =
            Self { docs: Docs::default(), deprecated: None, method: Vec::new(), others: Vec::new() };
        for attribute in attributes {
            if let Some(line) = doc_line(&attribute) {
                lines.push(line);
            } else if attribute.path().is_ident("deprecated") {
                sorted.deprecated = Some(attribute);
            } else if attribute.path().is_ident("method") {
                sorted.method.push(arguments(attribute));
            } else {
                refuse_conditions(&attribute, report);
                sorted.others.push(attribute);
            }
        }
        sorted.docs = Docs::Rustdoc(lines);
        sorted
    }
}

/// Refuses `#[cfg]` and `#[cfg_attr]`.
pub(super) fn refuse_conditions(attribute: &Attribute, report: &mut Report) {
    for name in ["cfg", "cfg_attr"] {
        if attribute.path().is_ident(name) {
            report.add(Place::of(&attribute.meta), Rule::Conditional { attribute: name.to_owned() });
        }
    }
}

/// `#[doc = "…"]`; one that is `hidden` or includes a file stays on the trait.
fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value else { return None };
    pair.path.is_ident("doc").then(|| text.value())
}

fn arguments(attribute: Attribute) -> TokenStream {
    match attribute.meta {
        Meta::List(list) => list.tokens,
        Meta::Path(_) => TokenStream::new(),
        Meta::NameValue(pair) => quote::ToTokens::into_token_stream(pair),
    }
}
