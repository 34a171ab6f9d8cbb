//! A function of a trait becomes a draft of a method: its attributes and what its signature says.

use syn::{TraitItemFn, ext::IdentExt};

use super::{
    attributes::{Attributes, refuse_conditions},
    entries::entries,
    signature::{self, Parts},
};
use crate::{
    draft::{MethodDraft, OptionDraft},
    model::Written,
    names,
    report::{At, Place, Report},
    rule::Rule,
};

/// The draft, or nothing if the signature is none that a method could have.
pub(super) fn method(item: TraitItemFn, report: &mut Report) -> Option<MethodDraft> {
    if let Some(body) = &item.default {
        let rule = Rule::DefaultBody { method: item.sig.ident.to_string() };
        report.add(Place::of(body), rule);
    }
    for input in &item.sig.inputs {
        let attributes = match input {
            syn::FnArg::Receiver(receiver) => &receiver.attrs,
            syn::FnArg::Typed(typed) => &typed.attrs,
        };
        attributes.iter().for_each(|attribute| refuse_conditions(attribute, report));
    }
    let attributes = Attributes::sort(item.attrs, report);
    let (name, options) = options(attributes.method, report);
    let Parts { input, output } = signature::read(&item.sig, report)?;

    let ident = &item.sig.ident;
    let name = name.unwrap_or_else(|| At::new(names::wire_name(&ident.unraw().to_string()), ident.span()));
    let mut draft = MethodDraft::new(name, input, output);
    draft.docs = attributes.docs;
    draft.rust_name = Some(At::new(ident.to_string(), ident.span()));
    draft.deprecated = attributes.deprecated;
    draft.options = options;
    draft.written = Some(Written {
        attributes: attributes.others,
        inputs: item.sig.inputs,
        output: match item.sig.output {
            syn::ReturnType::Type(_, ty) => *ty,
            syn::ReturnType::Default => syn::parse_quote!(()),
        },
    });
    Some(draft)
}

/// The entries of every `#[method(…)]`: the name for itself, the others for `check` to read.
fn options(
    attributes: Vec<proc_macro2::TokenStream>,
    report: &mut Report,
) -> (Option<At<String>>, Vec<OptionDraft>) {
    let mut name = None;
    let mut options = Vec::new();
    for entry in attributes.into_iter().flat_map(|tokens| entries(tokens, report)).collect::<Vec<_>>() {
        if entry.key() != "name" {
            options.push(entry.option());
        } else if name.is_some() {
            report.add(entry.place(), Rule::DuplicateKey { key: entry.key() });
        } else {
            name = entry.text("name = \"Join\"", report);
        }
    }
    (name, options)
}
