//! The attribute `#[service]` from end to end: parse, compare with a schema if it names one, check, expand.
//! Called by the macro of the same name, which adds what a library cannot have, the schema's files. With
//! mistakes the trait is still emitted, and what is generated from it if that can be, so that one mistake
//! makes one message.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{FnArg, ItemTrait, Pat, TraitItem, parse_quote};

use crate::{
    check::{check, check_leniently},
    compare::compare,
    expand::{Options, expand},
    inline::with_files,
    model::Service,
    parse::{self, Arguments, Source},
    report::{At, Report},
    rule::Rule,
};

/// A service that a schema has.
#[derive(Debug, Clone)]
pub struct Found {
    /// The service.
    pub service: Service,
    /// The files that were read, as absolute paths: the macro's expansion has to be made anew when one
    /// changes.
    pub files: Vec<String>,
}

/// Reads a schema: the file that `proto` names, and the service that `service` names or the only one there
/// is.
pub type FindService<'a> = &'a dyn Fn(&At<String>, Option<&At<String>>) -> Result<Found, Report>;

/// `#[service(arguments)] item`.
#[must_use]
pub fn service(arguments: TokenStream, item: TokenStream, find: FindService<'_>) -> TokenStream {
    let mut report = Report::new();
    let Ok(item_trait) = syn::parse2::<ItemTrait>(item.clone()) else {
        report.add(first_span(&item), Rule::NotATrait {});
        return [errors(report, Span::call_site()), item].into_iter().collect();
    };
    let arguments = Arguments::parse(arguments, &mut report);
    let (call, options) = (arguments.source.span(), arguments.options.clone());
    walk(arguments, item_trait.clone(), report, find).unwrap_or_else(|report| {
        let rest = in_spite_of(&report, item_trait, &options);
        [errors(report, call), rest].into_iter().collect()
    })
}

fn walk(
    arguments: Arguments,
    item: ItemTrait,
    mut report: Report,
    find: FindService<'_>,
) -> Result<TokenStream, Report> {
    let Arguments { source, options } = arguments;
    let draft = parse::service(item, &source, &mut report);
    match source {
        Source::Trait { .. } => {
            // Of what was understood the rules hold already; a mistake in one method hides none in another.
            let service = check(draft);
            border(report, service).map(|service| expand(&service, &options))
        }
        Source::Schema { proto, service } => {
            let found = match find(&proto, service.as_ref()) {
                Ok(found) => {
                    compare(draft, &found.service).and_then(check).map(|service| (service, found.files))
                }
                // What the trait says for itself can be told without the schema.
                Err(mut missing) => {
                    missing.merge(check(draft).err().unwrap_or_default());
                    Err(missing)
                }
            };
            border(report, found).map(|(service, files)| with_files(&expand(&service, &options), &files))
        }
    }
}

/// The border between stages: what both found wrong, together.
fn border<T>(report: Report, next: Result<T, Report>) -> Result<T, Report> {
    match next {
        Ok(value) => report.finish(value),
        Err(more) => {
            let mut report = report;
            report.merge(more);
            Err(report)
        }
    }
}

/// Where an item starts.
pub(crate) fn first_span(item: &TokenStream) -> Span {
    item.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span())
}

fn errors(report: Report, call: Span) -> TokenStream {
    report.into_error(call).to_compile_error()
}

/// What is emitted beside mistakes: all, if they leave the service its shape, so that whoever uses it is told
/// nothing more; else the trait alone.
fn in_spite_of(report: &Report, item: ItemTrait, options: &Options) -> TokenStream {
    if report.problems().iter().all(|problem| leaves_the_shape(&problem.rule)) {
        let draft = parse::service(item.clone(), &Source::default(), &mut Report::new());
        if let Some(service) = check_leniently(draft) {
            return expand(&service, options);
        }
    }
    bare_trait(item)
}

/// Whether a rule is of options and names on the wire, which nobody else's code depends on.
fn leaves_the_shape(rule: &Rule) -> bool {
    matches!(
        rule,
        Rule::AttributeSyntax { .. }
            | Rule::BadDuration { .. }
            | Rule::BadPackage { .. }
            | Rule::BadSize { .. }
            | Rule::Conflict { .. }
            | Rule::DuplicateKey { .. }
            | Rule::DuplicateMethod { .. }
            | Rule::EmptyPackage { .. }
            | Rule::ExtraMethod { .. }
            | Rule::FeatureOff { .. }
            | Rule::FileNotFound { .. }
            | Rule::MissingMethod { .. }
            | Rule::Needs { .. }
            | Rule::NotAWireName { .. }
            | Rule::OptionDiffers { .. }
            | Rule::PushIdempotent { .. }
            | Rule::UnknownKey { .. }
            | Rule::UnknownService { .. }
            | Rule::WhichService { .. }
            | Rule::WrongAnswer { .. }
            | Rule::WrongRequest { .. }
            | Rule::WrongShape { .. }
            | Rule::WrongValue { .. }
    )
}

/// The user's trait without what only `#[service]` understands, and without what rustc would tell a second
/// time.
fn bare_trait(mut item: ItemTrait) -> TokenStream {
    let mut names = Vec::new();
    item.attrs.push(parse_quote!(#[allow(async_fn_in_trait, dead_code)]));
    item.items.retain_mut(|item| {
        let TraitItem::Fn(method) = item else { return true };
        method.attrs.retain(|attribute| !attribute.path().is_ident("method"));
        method.sig.constness = None;
        for input in &mut method.sig.inputs {
            if let FnArg::Typed(argument) = input {
                if !matches!(&*argument.pat, Pat::Ident(name) if name.mutability.is_none() && name.by_ref.is_none()) {
                    *argument.pat = Pat::Verbatim(quote!(_));
                }
            }
        }
        let first = !names.contains(&method.sig.ident);
        names.push(method.sig.ident.clone());
        first
    });
    item.into_token_stream()
}
