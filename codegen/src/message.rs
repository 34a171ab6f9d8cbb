//! The attribute `#[message]` from end to end: a struct or an enum becomes a prost message of the runtime's
//! own prost, so that users need none. Called by the macro of the same name.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, Data, DeriveInput, Fields, Path, Token, parse_quote, punctuated::Punctuated};

use crate::{
    attribute::first_span,
    parse::entries,
    report::{Place, Report, text},
    rule::Rule,
};

#[cfg(test)]
mod tests;

const KEYS: &str = "`oneof`, `runtime_path`";

/// What an item becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Message,
    Enumeration,
    Oneof,
}

/// `#[message(arguments)] item`.
#[must_use]
pub fn message(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut report = Report::new();
    let Ok(mut input) = syn::parse2::<DeriveInput>(item.clone()) else {
        report.add(first_span(&item), Rule::NotAMessageItem {});
        return [errors(report), item].into_iter().collect();
    };
    let (asked, runtime) = read(arguments, &mut report);
    // What was asked for is not known if the arguments are wrong.
    if report.is_empty() {
        let kind = check(&input, asked, &mut report);
        if report.is_empty() {
            return [attributes(&input, kind, &runtime), input.into_token_stream()].into_iter().collect();
        }
    }
    strip_prost(&mut input);
    [errors(report), input.into_token_stream()].into_iter().collect()
}

fn errors(report: Report) -> TokenStream {
    report.into_error(Span::call_site()).to_compile_error()
}

/// The kind that is asked for, if it is, and the path of the runtime.
fn read(arguments: TokenStream, report: &mut Report) -> (Option<Kind>, Path) {
    let (mut kind, mut runtime) = (None, parse_quote!(::protocall));
    let mut seen: Vec<String> = Vec::new();
    for entry in entries(arguments, report) {
        let key = entry.key();
        if seen.contains(&key) {
            report.add(entry.place(), Rule::DuplicateKey { key });
            continue;
        }
        match key.as_str() {
            "oneof" if entry.flag(report) => kind = Some(Kind::Oneof),
            "runtime_path" => {
                if let Some(path) = entry.runtime(report) {
                    runtime = path;
                }
            }
            _ => report.add(entry.place(), Rule::UnknownKey { key: key.clone(), known: KEYS.to_owned() }),
        }
        seen.push(key);
    }
    (kind, runtime)
}

fn check(input: &DeriveInput, asked: Option<Kind>, report: &mut Report) -> Kind {
    let name = input.ident.to_string();
    if !input.generics.params.is_empty() {
        report.add(Place::of(&input.generics.params), Rule::GenericMessage { name: name.clone() });
    }
    match (&input.data, asked) {
        (Data::Struct(_), None) => Kind::Message,
        (Data::Enum(_), Some(kind)) => kind,
        (Data::Struct(data), Some(kind)) => {
            report.add(Place::of(&data.struct_token), Rule::OneofStruct { name });
            kind
        }
        (Data::Enum(data), None) => {
            if let Some(variant) =
                data.variants.iter().find(|variant| !matches!(variant.fields, Fields::Unit))
            {
                report.add(Place::of(&variant.ident), Rule::EnumWithFields { name });
            }
            Kind::Enumeration
        }
        (Data::Union(data), _) => {
            report.add(Place::of(&data.union_token), Rule::NotAMessageItem {});
            Kind::Message
        }
    }
}

/// What makes the item a message. What the user derives already is not derived again.
fn attributes(input: &DeriveInput, kind: Kind, runtime: &Path) -> TokenStream {
    let prost = quote!(#runtime::__private::v1::prost);
    let (derive, others): (_, &[(&str, &str)]) = match kind {
        Kind::Message => ("Message", &[("clone", "Clone"), ("cmp", "PartialEq")]),
        Kind::Oneof => ("Oneof", &[("clone", "Clone"), ("cmp", "PartialEq")]),
        Kind::Enumeration => (
            "Enumeration",
            &[
                ("clone", "Clone"),
                ("marker", "Copy"),
                ("fmt", "Debug"),
                ("cmp", "PartialEq"),
                ("cmp", "Eq"),
                ("hash", "Hash"),
                ("cmp", "PartialOrd"),
                ("cmp", "Ord"),
            ],
        ),
    };
    let derive = format_ident!("{derive}");
    let there = derived(&input.attrs);
    let others =
        others.iter().filter(|(_, name)| !there.iter().any(|there| there == name)).map(|(module, name)| {
            let (module, name) = (format_ident!("{module}"), format_ident!("{name}"));
            quote!(::core::#module::#name)
        });
    let repr = (kind == Kind::Enumeration && !has(&input.attrs, "repr")).then(|| quote!(#[repr(i32)]));
    let path = text(&prost);
    quote! {
        #[derive(#(#others,)* #prost::#derive)]
        #[prost(prost_path = #path)]
        #repr
    }
}

fn has(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident(name))
}

/// The last names of what `#[derive(…)]` has.
fn derived(attributes: &[Attribute]) -> Vec<String> {
    let lists = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let paths = lists
        .filter_map(|list| list.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated).ok())
        .flatten();
    paths.filter_map(|path| path.segments.last().map(|last| last.ident.to_string())).collect()
}

/// Without its derive nobody would know `#[prost]`, and rustc would say so at every field.
fn strip_prost(input: &mut DeriveInput) {
    let strip =
        |attributes: &mut Vec<Attribute>| attributes.retain(|attribute| !attribute.path().is_ident("prost"));
    let strip_fields = |fields: &mut Fields| fields.iter_mut().for_each(|field| strip(&mut field.attrs));
    strip(&mut input.attrs);
    match &mut input.data {
        Data::Struct(data) => strip_fields(&mut data.fields),
        Data::Enum(data) => {
            for variant in &mut data.variants {
                strip(&mut variant.attrs);
                strip_fields(&mut variant.fields);
            }
        }
        Data::Union(data) => data.fields.named.iter_mut().for_each(|field| strip(&mut field.attrs)),
    }
}
