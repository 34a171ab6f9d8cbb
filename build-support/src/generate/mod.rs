//! The pure half, second part: from a linked schema to code. prost-build writes the messages (`messages`),
//! `protocall_codegen` checks and writes the services, and `tree` puts both into the modules of their packages.

mod comments;
mod messages;
mod tree;

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use prost_types::{DescriptorProto, FileDescriptorProto};
use protocall_codegen::{
    check::{Taken, check_module},
    draft::ServiceDraft,
    expand,
    model::Service,
    names::to_upper_camel,
    report::{Place, Report},
    rule::Rule,
};
use quote::ToTokens;

use crate::{
    options::Options,
    schema::{Schema, lower, place, tag},
};
use messages::{Messages, module_of};

/// The segments of a module's path, as Rust writes them: `["chat", "v1"]`, `["r#type"]`.
type ModulePath = Vec<String>;

/// The code of a schema, and what is known of it.
#[derive(Debug)]
pub struct Generated {
    file: syn::File,
    packages: Vec<String>,
    services: Vec<Service>,
}

impl Generated {
    /// The code as a file, formatted.
    #[must_use]
    pub fn text(&self) -> String {
        prettyplease::unparse(&self.file)
    }

    /// The code as a macro's output.
    #[must_use]
    pub fn tokens(&self) -> TokenStream {
        self.file.to_token_stream()
    }

    /// The packages that have code here.
    #[must_use]
    pub fn packages(&self) -> &[String] {
        &self.packages
    }

    /// The services, checked, in the order of the modules.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// Takes the modules of `text`, which an earlier call generated for other packages.
    pub(crate) fn absorb(&mut self, text: &str) {
        if let Ok(earlier) = syn::parse_file(text) {
            let own = std::mem::replace(&mut self.file.items, earlier.items);
            tree::merge(&mut self.file.items, own);
        }
    }
}

/// Generates all that `schema` has, imports too.
///
/// # Errors
/// Every option that cannot be used; or, if all can, every rule that a service breaks.
pub fn generate(schema: &Schema, options: &Options) -> Result<Generated, Report> {
    let runtime_path = options.check()?;
    let messages = messages::generate(schema, options)?;
    let checked = check(schema, &messages, options)?;
    let mut expansion = expand::Options::default();
    (expansion.runtime_path, expansion.sides, expansion.bodies) =
        (runtime_path, options.sides, options.bodies);
    let mut modules: BTreeMap<ModulePath, tree::Module> = BTreeMap::new();
    for file in schema.files() {
        modules.entry(module_of(file.package())).or_default().package = file.package().to_owned();
    }
    for (path, items) in messages.items {
        modules.entry(path).or_default().messages = items;
    }
    for (path, services) in &checked {
        let module = modules.entry(path.clone()).or_default();
        module.services.extend(services.iter().map(|service| expand::expand(service, &expansion)));
    }
    modules.retain(|_, module| !module.is_empty());
    let packages = modules.values().map(|module| module.package.clone()).collect();
    let file = tree::assemble(modules);
    Ok(Generated { file, packages, services: checked.into_values().flatten().collect() })
}

/// The services of `schema`, checked, without the code of anything.
///
/// # Errors
/// As [`generate`]'s.
pub fn services(schema: &Schema, options: &Options) -> Result<Vec<Service>, Report> {
    options.check()?;
    let messages = messages::generate(schema, options)?;
    Ok(check(schema, &messages, options)?.into_values().flatten().collect())
}

/// The drafts of all services, unchecked, as this front end lowers them.
///
/// # Errors
/// Every option that cannot be used, and every unknown option of a service or a method.
pub fn drafts(schema: &Schema, options: &Options) -> Result<Vec<ServiceDraft>, Report> {
    options.check()?;
    let messages = messages::generate(schema, options)?;
    let mut report = Report::new();
    let drafts = lower_all(schema, &messages, options, &mut report);
    report.finish(drafts.into_values().flatten().collect())
}

fn lower_all(
    schema: &Schema,
    messages: &Messages,
    options: &Options,
    report: &mut Report,
) -> BTreeMap<ModulePath, Vec<ServiceDraft>> {
    let mut drafts: BTreeMap<ModulePath, Vec<ServiceDraft>> = BTreeMap::new();
    for service in schema.services().filter(|service| !options.is_extern(service.full_name())) {
        let types = messages.types.get(service.full_name()).cloned().unwrap_or_default();
        let draft = lower::lower(schema, &service, types, report);
        drafts.entry(module_of(service.package_name())).or_default().push(draft);
    }
    drafts
}

/// All services of a module are checked together, and against its messages.
fn check(
    schema: &Schema,
    messages: &Messages,
    options: &Options,
) -> Result<BTreeMap<ModulePath, Vec<Service>>, Report> {
    let mut report = Report::new();
    let mut checked = BTreeMap::new();
    let mut drafts = lower_all(schema, messages, options, &mut report);
    for path in schema.files().map(|file| module_of(file.package())) {
        // A package of several files comes up several times.
        if checked.contains_key(&path) {
            continue;
        }
        let taken = taken(schema, &path, options, &mut report);
        let services = check_module(drafts.remove(&path).unwrap_or_default(), &taken);
        checked.insert(
            path,
            services.unwrap_or_else(|problems| {
                report.merge(problems);
                Vec::new()
            }),
        );
    }
    report.finish(checked)
}

/// The names that the messages and enums of a module take, at its root; two of one name are told.
fn taken(schema: &Schema, path: &ModulePath, options: &Options, report: &mut Report) -> Vec<Taken> {
    let mut taken: Vec<(Taken, String)> = Vec::new();
    for file in schema.files().filter(|file| module_of(file.package()) == *path) {
        for (kind, name, path) in types(file) {
            let full = if file.package().is_empty() {
                name.to_owned()
            } else {
                format!("{}.{name}", file.package())
            };
            if options.is_extern(&full) {
                continue;
            }
            let rust = to_upper_camel(name);
            if let Some((_, other)) = taken.iter().find(|(earlier, _)| earlier.name == rust) {
                let place = place::of_path(file, schema.shown(file.name()), &path);
                report.add(place, Rule::SameTypeName { name: full, other: other.clone(), rust });
                continue;
            }
            taken.push((Taken { name: rust, by: format!("the {kind} `{full}`") }, full));
        }
    }
    taken.into_iter().map(|(taken, _)| taken).collect()
}

fn types(file: &FileDescriptorProto) -> impl Iterator<Item = (&'static str, &str, [i32; 3])> {
    let messages = file.message_type.iter().map(DescriptorProto::name).enumerate();
    let messages = messages.map(|(index, name)| ("message", name, [tag::MESSAGE, index as i32, tag::NAME]));
    let enums = file.enum_type.iter().enumerate();
    messages.chain(enums.map(|(index, of)| ("enum", of.name(), [tag::ENUM, index as i32, tag::NAME])))
}

/// A mistake that stands in no file.
fn nowhere(rule: Rule) -> Report {
    let mut report = Report::new();
    report.add(Place::Call, rule);
    report
}
