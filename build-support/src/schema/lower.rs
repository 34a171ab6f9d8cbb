//! Third stage: services of the linked files become drafts, the unchecked model that all front ends share.
//! Called by [`crate::generate`], which knows the Rust types.

use proc_macro2::Span;
use prost_reflect::{DynamicMessage, MethodDescriptor, ServiceDescriptor};
use protocall_codegen::{
    draft::{Docs, MethodDraft, PartDraft, ServiceDraft},
    report::{At, Place, Report},
};
use syn::{Attribute, Type, parse_quote};

use super::{
    Schema, options,
    place::{location, of_path},
    tag,
};

/// The Rust types of a method's request and answer, as prost-build writes them in the service's module.
pub(crate) type Types = (Type, Type);

/// A service with its methods. `types` has those of each method, in order.
pub(crate) fn lower(
    schema: &Schema,
    service: &ServiceDescriptor,
    types: Vec<Types>,
    report: &mut Report,
) -> ServiceDraft {
    let item = Item { schema, service, path: service.path().to_vec() };
    let package = At::new(service.package_name().to_owned(), item.place(&[]));
    let mut draft = ServiceDraft::new(package, At::new(service.name().to_owned(), item.place(&[tag::NAME])));
    let options = item.options(&service.options(), tag::SERVICE_OPTIONS, report);
    draft.docs = item.docs();
    draft.rust_name = options.rust_name;
    draft.deprecated = options.deprecated.then(deprecated);
    let methods = service.methods().zip(types);
    draft.methods = methods.map(|(method, types)| lower_method(schema, &method, types, report)).collect();
    draft
}

fn lower_method(
    schema: &Schema,
    method: &MethodDescriptor,
    (input, mut output): Types,
    report: &mut Report,
) -> MethodDraft {
    let item = Item { schema, service: method.parent_service(), path: method.path().to_vec() };
    let options = item.options(&method.options(), tag::METHOD_OPTIONS, report);
    let push = options.rest.iter().any(|option| option.key.value == "push");
    if push && method.output().full_name() == "google.protobuf.Empty" {
        // The user may have a type of their own for it, but a push answers nothing.
        output = parse_quote!(());
    }
    let part = |ty, tag, streams| {
        let ty = At::new(ty, item.place(&[tag]));
        if streams { PartDraft::stream(ty) } else { PartDraft::one(ty) }
    };
    let mut draft = MethodDraft::new(
        At::new(method.name().to_owned(), item.place(&[tag::NAME])),
        part(input, tag::INPUT, method.is_client_streaming()),
        part(output, tag::OUTPUT, method.is_server_streaming()),
    );
    draft.docs = item.docs();
    draft.rust_name = options.rust_name;
    draft.deprecated = options.deprecated.then(deprecated);
    draft.options = options.rest;
    draft
}

fn deprecated() -> Attribute {
    parse_quote!(#[deprecated])
}

/// A Rust type as prost-build writes it.
pub(crate) fn rust_type(text: &str) -> Type {
    syn::parse_str(text).unwrap_or_else(|_| {
        // prost-build writes paths and `()`; whatever else it were, rustc would say so at the generated code.
        let text = proc_macro2::Literal::string(text);
        Type::Verbatim(quote::quote_spanned!(Span::call_site()=> ::core::compile_error!(#text)))
    })
}

/// A service or a method, and where it stands.
struct Item<'a> {
    schema: &'a Schema,
    service: &'a ServiceDescriptor,
    path: Vec<i32>,
}

impl Item<'_> {
    fn place(&self, rest: &[i32]) -> Place {
        let file = self.service.parent_file();
        of_path(file.file_descriptor_proto(), self.schema.shown(file.name()), &[&self.path, rest].concat())
    }

    fn options(&self, options: &DynamicMessage, tag: i32, report: &mut Report) -> options::Options {
        options::read(options, &|rest| self.place(&[&[tag], rest].concat()), report)
    }

    fn docs(&self) -> Docs {
        let file = self.service.parent_file();
        Docs::Comment(location(file.file_descriptor_proto(), &self.path).map(comment).unwrap_or_default())
    }
}

/// What is written above something and behind it.
pub(crate) fn comment(location: &prost_types::source_code_info::Location) -> String {
    let parts = [&location.leading_comments, &location.trailing_comments];
    let parts: Vec<&str> = parts.into_iter().filter_map(|part| part.as_deref()).collect();
    parts.join("\n")
}
