//! Drafts become services, or a report of every rule that they break. Called by each front end after its own
//! parsing or lowering; what comes out of it can be expanded without fail. Methods are checked on their own,
//! so that the mistake in one does not hide that in another.

use syn::parse_quote;

use crate::{
    docs,
    draft::{Arity, Docs, MethodDraft, ServiceDraft, is_unit},
    model::{Idempotency, Method, MethodKind, Service},
    names::{self, ServiceNames},
    options::{self, Read},
    report::{At, Place, Report},
    rule::Rule,
};

#[cfg(test)]
mod tests;

/// The names of the generated client's own methods, which a method of a service cannot have.
const RESERVED: &[&str] = &["caller", "clone", "new"];

/// A name that is taken in the module into which services are expanded.
#[derive(Debug, Clone)]
pub struct Taken {
    /// `ChatClient`.
    pub name: String,
    /// What it is: "the message `chat.v1.ChatClient`".
    pub by: String,
}

/// Checks one service on its own, as a trait is.
///
/// # Errors
/// All the rules that it breaks.
pub fn check(draft: ServiceDraft) -> Result<Service, Report> {
    let mut report = Report::new();
    let service = check_service(draft, &mut report);
    report.finish(service).and_then(|service| service.ok_or_else(Report::new))
}

/// The service as far as it goes, for what is emitted beside its mistakes; they are told already.
pub(crate) fn check_leniently(draft: ServiceDraft) -> Option<Service> {
    check_service(draft, &mut Report::new())
}

/// Checks the services of one module, also against each other and against what else is there, messages and
/// enums.
///
/// # Errors
/// All the rules that they break.
pub fn check_module(drafts: Vec<ServiceDraft>, taken: &[Taken]) -> Result<Vec<Service>, Report> {
    let mut report = Report::new();
    let mut taken = taken.to_vec();
    let mut services = Vec::new();
    for draft in drafts {
        let place = draft.proto_name.place.clone();
        if let Some(service) = check_service(draft, &mut report) {
            check_collisions(&service, &place, &mut taken, &mut report);
            services.push(service);
        }
    }
    report.finish(services)
}

fn check_service(draft: ServiceDraft, report: &mut Report) -> Option<Service> {
    check_package(&draft.package, report);
    check_wire_name(&draft.proto_name, report);
    let rust_name = draft.rust_name.unwrap_or_else(|| {
        At::new(names::to_upper_camel(&draft.proto_name.value), draft.proto_name.place.clone())
    });
    let rust_name = check_ident(&rust_name, report);
    check_method_names(&draft.proto_name.value, &draft.methods, report);
    let mut attributes = draft.attributes;
    if has_comments(&draft.docs, &draft.methods) {
        // A schema's comments are not held to the style of the crate that they end up in.
        attributes.push(parse_quote!(#[allow(clippy::doc_lazy_continuation, clippy::doc_markdown)]));
    }
    let methods: Vec<_> =
        draft.methods.into_iter().filter_map(|method| check_method(method, report)).collect();
    Some(Service {
        docs: docs::lines(draft.docs),
        package: draft.package.value,
        proto_name: draft.proto_name.value,
        rust_name: rust_name?,
        visibility: draft.visibility,
        deprecated: draft.deprecated,
        attributes,
        methods,
    })
}

fn has_comments(docs: &Docs, methods: &[MethodDraft]) -> bool {
    methods.iter().map(|method| &method.docs).chain([docs]).any(|docs| matches!(docs, Docs::Comment(_)))
}

fn check_package(package: &At<String>, report: &mut Report) {
    let name = &package.value;
    if !name.is_empty() && !name.split('.').all(names::is_wire_name) {
        report.add(package.place.clone(), Rule::BadPackage { package: name.clone() });
    }
}

fn check_wire_name(name: &At<String>, report: &mut Report) {
    if !names::is_wire_name(&name.value) {
        report.add(name.place.clone(), Rule::NotAWireName { name: name.value.clone() });
    }
}

fn check_ident(name: &At<String>, report: &mut Report) -> Option<proc_macro2::Ident> {
    let ident = names::ident(&name.value, name.place.span());
    if ident.is_none() {
        report.add(name.place.clone(), Rule::NotAnIdentifier { name: name.value.clone() });
    }
    ident
}

/// A name is told once: two methods with one name on the wire are not also told that they are one in Rust.
fn check_method_names(service: &str, methods: &[MethodDraft], report: &mut Report) {
    for (index, method) in methods.iter().enumerate() {
        let earlier = &methods[..index];
        let name = &method.proto_name.value;
        let rust = rust_name(method);
        if earlier.iter().any(|other| other.proto_name.value == *name) {
            let rule = Rule::DuplicateMethod { service: service.to_owned(), method: name.clone() };
            report.add(method.proto_name.place.clone(), rule);
        } else if let Some(other) = earlier.iter().find(|other| rust_name(other).value == rust.value) {
            let other = other.proto_name.value.clone();
            report.add(rust.place, Rule::SameRustName { method: name.clone(), other, rust: rust.value });
        } else if RESERVED.contains(&rust.value.as_str()) {
            report.add(rust.place, Rule::ReservedName { method: rust.value });
        }
    }
}

fn rust_name(method: &MethodDraft) -> At<String> {
    method.rust_name.clone().unwrap_or_else(|| {
        At::new(names::to_snake(&method.proto_name.value), method.proto_name.place.clone())
    })
}

fn check_method(draft: MethodDraft, report: &mut Report) -> Option<Method> {
    check_wire_name(&draft.proto_name, report);
    let rust_name = check_ident(&rust_name(&draft), report);
    let read = options::read(&draft.options, report);
    let kind = check_kind(&draft, &read, report);
    Some(Method {
        docs: docs::lines(draft.docs),
        proto_name: draft.proto_name.value,
        rust_name: rust_name?,
        kind,
        input: draft.input.ty.value,
        output: draft.output.ty.value,
        deprecated: draft.deprecated,
        options: read.options,
        written: draft.written,
    })
}

fn check_kind(draft: &MethodDraft, read: &Read, report: &mut Report) -> MethodKind {
    let kind = match (draft.input.arity, draft.output.arity) {
        (Arity::One, Arity::One) => MethodKind::Unary,
        (Arity::One, Arity::Stream) => MethodKind::ServerStream,
        (Arity::Stream, Arity::One) => MethodKind::ClientStream,
        (Arity::Stream, Arity::Stream) => MethodKind::Bidi,
    };
    if read.push != Some(true) {
        return kind;
    }
    let method = draft.proto_name.value.clone();
    let place =
        draft.options.iter().find(|option| option.key.value == "push").map(|option| option.key.place.clone());
    let place = place.unwrap_or_else(|| draft.proto_name.place.clone());
    if kind != MethodKind::Unary {
        report.add(place, Rule::PushStreams { method });
    } else if !is_unit(&draft.output.ty.value) {
        report.add(draft.output.ty.place.clone(), Rule::PushReplies { method });
    } else if read.options.idempotency != Idempotency::Unknown {
        report.add(place, Rule::PushIdempotent { method });
    }
    MethodKind::Push
}

/// What a service becomes must not be there already; it takes its names for those that follow.
fn check_collisions(service: &Service, place: &Place, taken: &mut Vec<Taken>, report: &mut Report) {
    let names = ServiceNames::of(&service.rust_name);
    for made in names.all().map(ToString::to_string) {
        if let Some(other) = taken.iter().find(|other| other.name == made) {
            let rule = Rule::NameTaken { service: service.proto_name.clone(), made, by: other.by.clone() };
            report.add(place.clone(), rule);
            return;
        }
    }
    let by = format!("made from the service `{}`", service.full_name());
    taken.extend(names.all().map(|name| Taken { name: name.to_string(), by: by.clone() }));
}
