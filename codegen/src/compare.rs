//! A trait held against its schema: `#[service(proto = "…")]`. Called by [`attribute`](crate::attribute)
//! between `parse` and `check`. Each difference is told at the token that the user wrote; what comes out has
//! the schema's names, order and options, so that it expands to what the schema itself would.
//!
//! A function belongs to the method of the schema that has its wire name (the one `#[method(name = "…")]`
//! gives, or the one made from the function's) or else its Rust name. A Rust type is the schema's message if
//! their last names are the same, `chat::JoinRequest` and `JoinRequest`: where the message's module is in the
//! user's crate, the schema cannot know.

use quote::ToTokens;
use syn::{Type, ext::IdentExt};

use crate::{
    draft::{Arity, Docs, MethodDraft, PartDraft, ServiceDraft},
    model::{Method, MethodKind, Service},
    names, options,
    report::{At, Report, text},
    rule::Rule,
};

#[cfg(test)]
mod tests;

/// The draft with what the schema says of it.
///
/// # Errors
/// Every difference.
pub fn compare(mut draft: ServiceDraft, schema: &Service) -> Result<ServiceDraft, Report> {
    let mut report = Report::new();
    let place = draft.proto_name.place.clone();
    let mut theirs: Vec<Option<&Method>> = schema.methods.iter().map(Some).collect();
    let mut methods = Vec::new();
    for method in std::mem::take(&mut draft.methods) {
        let found = position(&method, &theirs);
        if let Some((index, their)) = found {
            theirs[index] = None;
            compare_method(&method, their, &mut report);
            methods.push((index, adopt(method, their)));
        } else {
            let rule = Rule::ExtraMethod { method: rust_name(&method), service: schema.full_name() };
            report.add(at_function(&method), rule);
        }
    }
    for missing in theirs.into_iter().flatten() {
        let rule = Rule::MissingMethod { method: missing.proto_name.clone(), signature: signature(missing) };
        report.add(place.clone(), rule);
    }
    methods.sort_by_key(|(index, _)| *index);
    draft.methods = methods.into_iter().map(|(_, method)| method).collect();
    draft.package.value.clone_from(&schema.package);
    draft.proto_name.value.clone_from(&schema.proto_name);
    draft.docs = documented(draft.docs, &schema.docs);
    draft.deprecated = draft.deprecated.or_else(|| schema.deprecated.clone());
    report.finish(draft)
}

fn position<'a>(method: &MethodDraft, theirs: &[Option<&'a Method>]) -> Option<(usize, &'a Method)> {
    let by_name = |their: &Method| their.proto_name == method.proto_name.value;
    let by_rust_name = |their: &Method| their.rust_name.unraw() == rust_name(method).trim_start_matches("r#");
    let find = |same: &dyn Fn(&Method) -> bool| theirs.iter().position(|their| their.is_some_and(same));
    let index = find(&by_name).or_else(|| find(&by_rust_name))?;
    theirs[index].map(|their| (index, their))
}

fn compare_method(ours: &MethodDraft, theirs: &Method, report: &mut Report) {
    let method = rust_name(ours);
    let shape = (ours.input.arity, ours.output.arity);
    if shape != arities(theirs.kind) {
        let (found, expected) = (describe(shape).to_owned(), describe(arities(theirs.kind)).to_owned());
        let rule = Rule::WrongShape { method, found, expected, signature: signature(theirs) };
        return report.add(at_function(ours), rule);
    }
    if let Some((found, expected)) = difference(&ours.input, &theirs.input) {
        report
            .add(ours.input.ty.place.clone(), Rule::WrongRequest { method: method.clone(), found, expected });
    }
    if let Some((found, expected)) = difference(&ours.output, &theirs.output) {
        report
            .add(ours.output.ty.place.clone(), Rule::WrongAnswer { method: method.clone(), found, expected });
    }
    let theirs = options::write(theirs, &ours.proto_name.place);
    for option in &ours.options {
        // What cannot be read is told by `check`.
        let alone = std::slice::from_ref(option);
        let same = theirs.iter().any(|their| options::same(alone, std::slice::from_ref(their)));
        if !same && options::is_readable(alone) {
            let rule = Rule::OptionDiffers { method: method.clone(), option: option.key.value.clone() };
            report.add(option.key.place.clone(), rule);
        }
    }
}

/// The method under the schema's name, with the schema's options, and its comment where the trait has none.
fn adopt(mut ours: MethodDraft, theirs: &Method) -> MethodDraft {
    ours.options.retain(|option| !options::is_readable(std::slice::from_ref(option)));
    ours.options.extend(options::write(theirs, &ours.proto_name.place));
    ours.proto_name.value.clone_from(&theirs.proto_name);
    ours.docs = documented(ours.docs, &theirs.docs);
    ours.deprecated = ours.deprecated.or_else(|| theirs.deprecated.clone());
    ours
}

fn documented(ours: Docs, theirs: &[String]) -> Docs {
    match ours {
        Docs::Rustdoc(lines) if lines.is_empty() => Docs::Rustdoc(theirs.to_vec()),
        docs => docs,
    }
}

/// What is found and what is expected, if they are not the same message.
fn difference(ours: &PartDraft, theirs: &Type) -> Option<(String, String)> {
    let (ours, theirs) = (last_name(&ours.ty.value), last_name(theirs));
    (ours != theirs).then_some((ours, theirs))
}

/// `JoinRequest` of `super::v1::JoinRequest`; all of what is no path, such as `()`.
fn last_name(ty: &Type) -> String {
    match ty {
        Type::Group(group) => last_name(&group.elem),
        Type::Path(path) => {
            path.path.segments.last().map_or_else(String::new, |last| last.ident.unraw().to_string())
        }
        _ => text(&ty.to_token_stream()),
    }
}

fn rust_name(method: &MethodDraft) -> String {
    method
        .rust_name
        .as_ref()
        .map_or_else(|| names::to_snake(&method.proto_name.value), |name| name.value.clone())
}

fn at_function(method: &MethodDraft) -> crate::report::Place {
    method
        .rust_name
        .as_ref()
        .map_or_else(|| method.proto_name.place.clone(), |At { place, .. }| place.clone())
}

fn arities(kind: MethodKind) -> (Arity, Arity) {
    match kind {
        MethodKind::Unary | MethodKind::Push => (Arity::One, Arity::One),
        MethodKind::ServerStream => (Arity::One, Arity::Stream),
        MethodKind::ClientStream => (Arity::Stream, Arity::One),
        MethodKind::Bidi => (Arity::Stream, Arity::Stream),
    }
}

fn describe(arities: (Arity, Arity)) -> &'static str {
    match arities {
        (Arity::One, Arity::One) => "one message each way",
        (Arity::One, Arity::Stream) => "one message and a stream back",
        (Arity::Stream, Arity::One) => "a stream and one message back",
        (Arity::Stream, Arity::Stream) => "a stream each way",
    }
}

/// A method of the schema as its function would be written.
fn signature(method: &Method) -> String {
    let (input, output) = (last_name(&method.input), last_name(&method.output));
    let (takes, gives) = match method.kind {
        MethodKind::Unary => (format!("req: {input}"), output.as_str()),
        MethodKind::Push => (format!("req: {input}"), "()"),
        MethodKind::ServerStream => (format!("req: {input}, out: SendStream<{output}>"), "()"),
        MethodKind::ClientStream => (format!("input: RecvStream<{input}>"), output.as_str()),
        MethodKind::Bidi => (format!("input: RecvStream<{input}>, out: SendStream<{output}>"), "()"),
    };
    format!("async fn {}(&self, ctx: &Context, {takes}) -> Result<{gives}, Status>;", method.rust_name)
}
