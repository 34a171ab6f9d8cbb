//! One schema, three front ends, the same code: each service of each file in `schemas/` is also written as a trait in
//! `tests/parity/`, by hand, and both become the same tokens; so does the trait without its options if the schema
//! gives them; and so are the items that build.rs writes. What may differ ([`normal`]) is how a name is written, since
//! a user imports `Context` where generated code writes `::protocall::Context`, and that clippy is not to judge the
//! style of a schema's comments.
#![expect(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::TokenStream;
use protocall_build::{
    generate::{Generated, generate, services},
    options::Options,
    schema::{Schema, Sources},
};
use protocall_codegen::{
    attribute::{self, Found},
    expand::{self, expand},
    model::Service,
    report::Report,
};
use quote::{ToTokens, quote};
use syn::{Item, ItemTrait, Meta};

#[test]
fn a_schema_and_a_trait_expand_to_the_same_tokens() {
    for file in schemas() {
        let (services, traits) = (services_of(&file), traits_of(&file));
        assert_eq!(services.len(), traits.len(), "{file}");
        for (service, item) in services.iter().zip(&traits) {
            assert_same(&from_trait(item), service, &file);
        }
    }
}

#[test]
fn a_trait_held_against_its_schema_expands_to_the_same_tokens() {
    for file in schemas() {
        for (service, item) in services_of(&file).iter().zip(traits_of(&file)) {
            let (name, proto) = (service.full_name(), format!("schemas/{file}"));
            let arguments = quote!(proto = #proto, service = #name);
            let find = |_: &_, _: Option<&_>| -> Result<Found, Report> {
                Ok(Found { service: service.clone(), files: Vec::new() })
            };
            let tokens = attribute::service(arguments, bare(item).into_token_stream(), &find);
            assert_same(&tokens, service, &file);
        }
    }
}

#[test]
fn what_build_rs_writes_is_what_the_macros_emit() {
    for file in schemas() {
        let generated = generated(&file);
        let written = syn::parse_file(&generated.text()).unwrap();
        let emitted: syn::File = syn::parse2(generated.tokens()).unwrap();
        assert_eq!(formatted(written.items.clone()), formatted(emitted.items), "{file}");
        for service in generated.services() {
            let items: syn::File = syn::parse2(expand(service, &expand::Options::default())).unwrap();
            let module = module(&written.items, &service.package);
            for item in items.items {
                let item = formatted(vec![item]);
                let found = module.iter().any(|other| formatted(vec![other.clone()]) == item);
                assert!(found, "{file}: OUT_DIR lacks\n{item}");
            }
        }
    }
}

#[test]
fn nothing_that_a_trait_says_can_go_without_a_difference() {
    let mut mutations = 0;
    for file in schemas() {
        for (service, item) in services_of(&file).iter().zip(traits_of(&file)) {
            for index in 0..item.items.len() {
                let syn::TraitItem::Fn(method) = &item.items[index] else { continue };
                for attribute in 0..method.attrs.len() {
                    let mut mutated = item.clone();
                    let syn::TraitItem::Fn(method) = &mut mutated.items[index] else { continue };
                    method.attrs.remove(attribute);
                    assert_ne!(normal(&from_trait(&mutated)), expanded(service), "{file}");
                    mutations += 1;
                }
            }
        }
    }
    assert!(mutations > 40, "{mutations}");
}

#[test]
fn no_option_of_a_schema_can_go_without_a_difference() {
    let mut mutations = 0;
    for file in schemas() {
        let text = fs::read_to_string(Path::new(SCHEMAS).join(&file)).unwrap();
        let expected: Vec<String> = services_of(&file).iter().map(expanded).collect();
        for (at, _) in text.match_indices("option ") {
            let end = at + text[at..].find(';').unwrap() + 1;
            let mutated = format!("{}{}", &text[..at], &text[end..]);
            let found =
                lower_text(&file, &mutated).map(|services| services.iter().map(expanded).collect::<Vec<_>>());
            assert_ne!(found.unwrap_or_default(), expected, "{file}: {}", &text[at..end]);
            mutations += 1;
        }
    }
    assert!(mutations > 15, "{mutations}");
}

const SCHEMAS: &str = "../schemas";

/// Every schema that is not there to be refused, as imports name it.
fn schemas() -> Vec<String> {
    fn collect(folder: &Path, files: &mut Vec<String>) {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() && !path.ends_with("invalid") {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                files.push(path.strip_prefix(SCHEMAS).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut files = Vec::new();
    collect(Path::new(SCHEMAS), &mut files);
    files.sort();
    assert!(files.len() >= 8, "{files:?}");
    files
}

fn read(file: &str, base: &Path, includes: &[&str]) -> Result<Schema, Report> {
    let includes = includes.iter().map(PathBuf::from).collect();
    Schema::read(&Sources { protos: vec![file.into()], includes, base: base.to_owned() })
}

fn generated(file: &str) -> Generated {
    let schema = read(file, Path::new(""), &[SCHEMAS]).unwrap();
    generate(&schema, &Options::default()).unwrap()
}

/// The services that `file` itself has, in its order; those of its imports have files of their own.
fn services_of(file: &str) -> Vec<Service> {
    own(&read(file, Path::new(""), &[SCHEMAS]).unwrap(), file).unwrap()
}

fn own(schema: &Schema, file: &str) -> Result<Vec<Service>, Report> {
    let text = fs::read_to_string(Path::new(SCHEMAS).join(file)).unwrap();
    let mut services = services(schema, &Options::default())?;
    services.retain(|service| {
        let package = format!("package {};", service.package);
        text.contains(&format!("service {} {{", service.proto_name))
            && (text.contains(&package) || service.package.is_empty())
    });
    Ok(services)
}

/// The services of `file`, if its text were `text`.
fn lower_text(file: &str, text: &str) -> Option<Vec<Service>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("parity");
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    let schemas = fs::canonicalize(SCHEMAS).unwrap();
    let schema = read(file, &folder, &["", schemas.to_str().unwrap()]).ok();
    fs::remove_file(&path).unwrap();
    own(&schema?, file).ok()
}

/// The same services as traits, written by hand.
fn traits_of(file: &str) -> Vec<ItemTrait> {
    let name = file.trim_end_matches(".proto").replace('/', "_");
    let path = Path::new("tests/parity").join(format!("{name}.rs"));
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(_) if services_of(file).is_empty() => return Vec::new(),
        Err(error) => panic!("{file} has services, and {} has no traits for them: {error}", path.display()),
    };
    let items = syn::parse_file(&text).unwrap().items.into_iter();
    items.filter_map(|item| if let Item::Trait(item) = item { Some(item) } else { None }).collect()
}

/// What `#[service(…)]` makes of a trait that has this attribute.
fn from_trait(item: &ItemTrait) -> TokenStream {
    let mut item = item.clone();
    let at = item.attrs.iter().position(|attribute| attribute.path().is_ident("service")).unwrap();
    let arguments = match item.attrs.remove(at).meta {
        Meta::List(list) => list.tokens,
        _ => TokenStream::new(),
    };
    attribute::service(arguments, item.into_token_stream(), &|_, _| panic!("no schema is named"))
}

/// The trait as one would write it if the schema has the options, the docs and the names.
fn bare(mut item: ItemTrait) -> ItemTrait {
    item.attrs.clear();
    for item in &mut item.items {
        if let syn::TraitItem::Fn(method) = item {
            method.attrs.clear();
        }
    }
    item
}

#[track_caller]
fn assert_same(tokens: &TokenStream, service: &Service, file: &str) {
    let (found, expected) = (normal(tokens), expanded(service));
    let same = found.chars().zip(expected.chars()).take_while(|(a, b)| a == b).count();
    let from = |text: &str| text.chars().skip(same.saturating_sub(40)).take(200).collect::<String>();
    let name = service.full_name();
    assert!(
        found == expected,
        "{file}: {name}: the trait has\n{}\nthe schema\n{}",
        from(&found),
        from(&expected)
    );
}

fn expanded(service: &Service) -> String {
    normal(&expand(service, &expand::Options::default()))
}

/// Formatted, with the names that a user may import written short.
fn normal(tokens: &TokenStream) -> String {
    let file: syn::File = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error}: {tokens}"));
    let mut text = formatted(file.items);
    for name in ["Context", "RecvStream", "SendStream", "Status"] {
        text = text.replace(&format!("::protocall::{name}"), name);
    }
    let text = text.replace("::core::result::Result", "Result");
    let text = text.replace("#[allow(clippy::doc_lazy_continuation, clippy::doc_markdown)]", "");
    // Lines break elsewhere where names are shorter.
    text.split_whitespace().collect::<String>().replace(",)", ")").replace(",>", ">")
}

fn formatted(items: Vec<Item>) -> String {
    prettyplease::unparse(&syn::File { shebang: None, attrs: Vec::new(), items })
}

/// The items of a package's module.
fn module<'a>(items: &'a [Item], package: &str) -> &'a [Item] {
    package.split('.').filter(|name| !name.is_empty()).fold(items, |items, name| {
        let find = |item: &'a Item| match item {
            Item::Mod(item) if item.ident == name || item.ident == format!("r#{name}") => {
                item.content.as_ref()
            }
            _ => None,
        };
        &items.iter().find_map(find).unwrap().1
    })
}
