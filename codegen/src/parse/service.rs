//! A trait becomes a draft of a service.

use quote::ToTokens;
use syn::{ItemTrait, TraitItem, ext::IdentExt};

use super::{Source, attributes::Attributes, method::method};
use crate::{
    draft::ServiceDraft,
    report::{At, Place, Report},
    rule::Rule,
};

/// The draft, with whatever could be understood; the report has the rest. A method that could not be is not
/// in it.
pub(crate) fn service(item: ItemTrait, source: &Source, report: &mut Report) -> ServiceDraft {
    refuse_syntax(&item, report);
    let span = item.ident.span();
    let (package, name) = match source {
        Source::Trait { package, name } => (package.clone(), name.clone()),
        Source::Schema { .. } => (None, None),
    };
    let attributes = Attributes::sort(item.attrs, report);
    let package = package.unwrap_or_else(|| At::new(String::new(), span));
    let name = name.unwrap_or_else(|| At::new(item.ident.unraw().to_string(), span));
    let mut draft = ServiceDraft::new(package, name);
    draft.docs = attributes.docs;
    draft.rust_name = Some(At::new(item.ident.to_string(), span));
    draft.visibility = item.vis;
    draft.deprecated = attributes.deprecated;
    draft.attributes = attributes.others;
    for item in item.items {
        match item {
            TraitItem::Fn(item) => draft.methods.extend(method(item, report)),
            TraitItem::Const(item) => refuse_item("a constant", &item.ident, report),
            TraitItem::Type(item) => refuse_item("a type", &item.ident, report),
            item => refuse_item("neither a constant nor a method", &item, report),
        }
    }
    draft
}

fn refuse_item(kind: &str, tokens: &impl ToTokens, report: &mut Report) {
    report.add(Place::of(tokens), Rule::AssociatedItem { kind: kind.to_owned() });
}

fn refuse_syntax(item: &ItemTrait, report: &mut Report) {
    let service = item.ident.to_string();
    if let Some(word) = &item.unsafety {
        report.add(Place::of(word), Rule::QualifiedTrait { word: "unsafe".to_owned() });
    }
    if let Some(word) = &item.auto_token {
        report.add(Place::of(word), Rule::QualifiedTrait { word: "auto".to_owned() });
    }
    if !item.generics.params.is_empty() {
        report.add(Place::of(&item.generics.params), Rule::GenericTrait { service: service.clone() });
    }
    if !item.supertraits.is_empty() {
        report.add(Place::of(&item.supertraits), Rule::Supertrait { service: service.clone() });
    }
    if let Some(clause) = &item.generics.where_clause {
        report.add(Place::of(clause), Rule::TraitWhere { service });
    }
}
