//! Items into the modules of their packages. Called by [`super::generate`], last.

use std::collections::BTreeMap;

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Ident, Item, ItemMod, parse_quote};

use super::ModulePath;

/// What a package's module holds.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// `chat.v1`.
    pub(super) package: String,
    /// Its messages and enums.
    pub(super) messages: Vec<Item>,
    /// What its services became.
    pub(super) services: Vec<TokenStream>,
}

impl Module {
    /// A package may have only options or extensions.
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.services.is_empty()
    }

    fn into_items(self) -> Vec<Item> {
        let services =
            self.services.into_iter().flat_map(|tokens| match syn::parse2::<syn::File>(tokens.clone()) {
                Ok(file) => file.items,
                Err(_) => vec![Item::Verbatim(tokens)],
            });
        self.messages.into_iter().chain(services).collect()
    }
}

/// One file of all modules, the empty package at its root.
pub(super) fn assemble(modules: BTreeMap<ModulePath, Module>) -> syn::File {
    let mut items = Vec::new();
    for (path, mut module) in modules {
        if path.is_empty() {
            // There is no module to allow anything.
            module.messages = module.messages.into_iter().map(allowed).collect();
        }
        let package = module.package.clone();
        let lints = (!module.messages.is_empty()).then(lints);
        let nested = path.iter().enumerate().rev().fold(module.into_items(), |items, (depth, segment)| {
            let lints = lints.as_ref().filter(|_| depth + 1 == path.len());
            let names: Vec<&str> = package.split('.').take(depth + 1).collect();
            vec![module_item(segment, &names.join("."), lints, &items)]
        });
        merge(&mut items, nested);
    }
    syn::File { shebang: None, attrs: Vec::new(), items }
}

/// Adds `new` to `items`; modules of one name become one. So do a package's and that of a message's nested types,
/// if they have one name: the paths into both are the same.
pub(super) fn merge(items: &mut Vec<Item>, new: Vec<Item>) {
    for item in new {
        let Item::Mod(ItemMod { ident, content: Some((_, more)), attrs, .. }) = &item else {
            items.push(item);
            continue;
        };
        let same = items.iter_mut().find_map(|old| match old {
            Item::Mod(old) if old.ident == *ident => Some(old),
            _ => None,
        });
        let Some(ItemMod { attrs: old_attrs, content: Some((_, old)), .. }) = same else {
            items.push(item);
            continue;
        };
        let news: Vec<Attribute> = attrs.iter().filter(|attr| !old_attrs.contains(attr)).cloned().collect();
        old_attrs.extend(news.into_iter().filter(|attr| !attr.path().is_ident("doc")));
        merge(old, more.clone());
    }
}

/// A module on the way to a package, or the package's own. Its names are the schema's, so no lint about names applies.
fn module_item(segment: &str, package: &str, lints: Option<&Attribute>, items: &[Item]) -> Item {
    let ident = match segment.strip_prefix("r#") {
        Some(keyword) => Ident::new_raw(keyword, Span::call_site()),
        None => Ident::new(segment, Span::call_site()),
    };
    let doc = format!(" The package `{package}`.");
    let names: Attribute =
        parse_quote!(#[allow(unreachable_pub, clippy::module_inception, clippy::module_name_repetitions)]);
    let lints = lints.unwrap_or(&names);
    Item::Mod(parse_quote! {
        #[doc = #doc]
        #lints
        pub mod #ident { #(#items)* }
    })
}

/// The lints that prost-build's output breaks. What services become breaks none of them.
fn lints() -> Attribute {
    parse_quote!(
        #[allow(
            missing_docs,
            deprecated,
            unreachable_pub,
            unused_qualifications,
            clippy::all,
            clippy::pedantic,
            clippy::nursery
        )]
    )
}

fn allowed(mut item: Item) -> Item {
    match &mut item {
        Item::Struct(inner) => inner.attrs.insert(0, lints()),
        Item::Enum(inner) => inner.attrs.insert(0, lints()),
        Item::Impl(inner) => inner.attrs.insert(0, lints()),
        Item::Mod(inner) => inner.attrs.insert(0, lints()),
        _ => {}
    }
    item
}
