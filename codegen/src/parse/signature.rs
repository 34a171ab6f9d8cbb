//! What a signature says of a method: `&self`, a context, then a request, a stream to read, a stream to
//! answer in, or both streams; and what it returns. Each part is read on its own.

use quote::ToTokens;
use syn::{FnArg, GenericArgument, Pat, PatType, PathArguments, Receiver, ReturnType, Signature, Type};

use super::message_type::refuse_other_types;
use crate::{
    draft::{PartDraft, is_unit},
    report::{At, Place, Report},
    rule::Rule,
};

/// The messages of a method.
pub(super) struct Parts {
    pub(super) input: PartDraft,
    pub(super) output: PartDraft,
}

/// Reads a signature; nothing, and a report, if it has no request or no answer.
pub(super) fn read(signature: &Signature, report: &mut Report) -> Option<Parts> {
    refuse_qualifiers(signature, report);
    let method = signature.ident.to_string();
    let mut arguments = Vec::new();
    let mut receiver = None;
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(found) => receiver = Some(found),
            FnArg::Typed(found) => arguments.push(found),
        }
    }
    check_receiver(signature, receiver, report);
    let arguments = check_context(signature, &arguments, report);
    for argument in arguments {
        if !matches!(&*argument.pat, Pat::Wild(_)) && !is_plain(&argument.pat) {
            report.add(Place::of(&argument.pat), Rule::PatternArgument { method: method.clone() });
        }
    }
    let requests = read_requests(signature, arguments, report);
    let answer = read_answer(signature, report);
    let (input, out) = requests?;
    let answer = answer?;
    let output = match out {
        None => PartDraft::one(At::new(answer.clone(), Place::of(&answer))),
        Some(item) => {
            if !is_unit(&answer) {
                report.add(Place::of(&answer), Rule::ReplyBesideStream { method });
            }
            PartDraft::stream(item)
        }
    };
    Some(Parts { input, output })
}

fn refuse_qualifiers(signature: &Signature, report: &mut Report) {
    let method = signature.ident.to_string();
    if signature.asyncness.is_none() {
        report.add(Place::of(&signature.fn_token), Rule::NotAsync { method: method.clone() });
    }
    let words: [(&str, Option<Place>); 3] = [
        ("const", signature.constness.as_ref().map(Place::of)),
        ("unsafe", signature.unsafety.as_ref().map(Place::of)),
        ("extern", signature.abi.as_ref().map(Place::of)),
    ];
    for (word, place) in words {
        if let Some(place) = place {
            report.add(place, Rule::QualifiedMethod { method: method.clone(), word: word.to_owned() });
        }
    }
    if !signature.generics.params.is_empty() {
        report.add(Place::of(&signature.generics.params), Rule::GenericMethod { method: method.clone() });
    }
    if let Some(clause) = &signature.generics.where_clause {
        report.add(Place::of(clause), Rule::MethodWhere { method });
    }
}

fn check_receiver(signature: &Signature, receiver: Option<&Receiver>, report: &mut Report) {
    let method = signature.ident.to_string();
    let Some(receiver) = receiver else {
        return report.add(signature.ident.span(), Rule::MissingSelf { method });
    };
    let plain = matches!(&receiver.reference, Some((_, None))) && receiver.colon_token.is_none();
    if receiver.mutability.is_some() && receiver.reference.is_some() {
        report.add(Place::of(receiver), Rule::MutSelf { method });
    } else if !plain {
        report.add(Place::of(receiver), Rule::ByValueSelf { method });
    }
}

/// Takes the context off the arguments. One that looks like a context and is none is told as that, and
/// anything else as the request of a method that lacks its context.
fn check_context<'a, 'b>(
    signature: &Signature,
    arguments: &'a [&'b PatType],
    report: &mut Report,
) -> &'a [&'b PatType] {
    let method = signature.ident.to_string();
    let Some((first, rest)) = arguments.split_first() else {
        report.add(signature.ident.span(), Rule::MissingContext { method });
        return arguments;
    };
    let named = matches!(&*first.pat, Pat::Ident(name) if name.ident == "ctx");
    let ty = match &*first.ty {
        Type::Group(group) => &group.elem,
        ty => ty,
    };
    match ty {
        Type::Reference(reference)
            if reference.mutability.is_none()
                && reference.lifetime.is_none()
                && last_name(&reference.elem) == "Context" =>
        {
            rest
        }
        ty if named || last_name(ty) == "Context" || matches!(ty, Type::Reference(_)) => {
            report.add(Place::of(ty), Rule::WrongContext { method, found: text(ty) });
            rest
        }
        _ => {
            report.add(Place::of(first), Rule::MissingContext { method });
            arguments
        }
    }
}

/// The request, and the item of the stream to answer in if there is one.
fn read_requests(
    signature: &Signature,
    arguments: &[&PatType],
    report: &mut Report,
) -> Option<(PartDraft, Option<At<Type>>)> {
    let method = signature.ident.to_string();
    let kinds: Vec<_> = arguments.iter().map(|argument| Argument::of(&argument.ty)).collect();
    for kind in &kinds {
        refuse_other_types(kind.message(), report);
    }
    let at = |ty: &Type| At::new(ty.clone(), Place::of(ty));
    match kinds.as_slice() {
        [Argument::Message(request)] => Some((PartDraft::one(at(request)), None)),
        [Argument::Message(request), Argument::Send(item)] => {
            Some((PartDraft::one(at(request)), Some(at(item))))
        }
        [Argument::Recv(item)] => Some((PartDraft::stream(at(item)), None)),
        [Argument::Recv(input), Argument::Send(item)] => Some((PartDraft::stream(at(input)), Some(at(item)))),
        [] | [Argument::Send(_)] => {
            report.add(signature.ident.span(), Rule::MissingRequest { method });
            None
        }
        [Argument::Send(_), _] => {
            report.add(Place::of(&arguments[0].ty), Rule::StreamOrder { method });
            None
        }
        [_, rest @ ..] => {
            report.add(Place::of(arguments[arguments.len() - rest.len()]), Rule::TooManyArguments { method });
            None
        }
    }
}

/// The `R` of `Result<R, Status>`.
fn read_answer(signature: &Signature, report: &mut Report) -> Option<Type> {
    let method = signature.ident.to_string();
    let ReturnType::Type(_, ty) = &signature.output else {
        report.add(signature.ident.span(), Rule::WrongReturn { method, found: "nothing".to_owned() });
        return None;
    };
    if let [answer, error] = generics(ty, "Result").as_slice() {
        if last_name(error) == "Status" {
            refuse_other_types(answer, report);
            return Some((*answer).clone());
        }
    }
    // One that is not async returns a future of what it should.
    if signature.asyncness.is_some() {
        report.add(Place::of(ty), Rule::WrongReturn { method, found: format!("`{}`", text(ty)) });
    }
    None
}

/// An argument after the context.
enum Argument<'a> {
    Message(&'a Type),
    Send(&'a Type),
    Recv(&'a Type),
}

impl<'a> Argument<'a> {
    fn of(ty: &'a Type) -> Self {
        if let [item] = generics(ty, "SendStream").as_slice() {
            Self::Send(item)
        } else if let [item] = generics(ty, "RecvStream").as_slice() {
            Self::Recv(item)
        } else {
            Self::Message(ty)
        }
    }

    fn message(&self) -> &'a Type {
        match self {
            Self::Message(ty) | Self::Send(ty) | Self::Recv(ty) => ty,
        }
    }
}

/// The types in `path::to::name<…>`; none if `ty` is not such a type.
fn generics<'a>(ty: &'a Type, name: &str) -> Vec<&'a Type> {
    let path = match ty {
        Type::Group(group) => return generics(&group.elem, name),
        Type::Path(path) => path,
        _ => return Vec::new(),
    };
    let Some(last) = path.path.segments.last().filter(|last| last.ident == name) else { return Vec::new() };
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return Vec::new() };
    let types = arguments.args.iter().map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// The last name of a path; empty if `ty` is none.
fn last_name(ty: &Type) -> String {
    match ty {
        Type::Group(group) => last_name(&group.elem),
        Type::Path(path) => path.path.segments.last().map_or_else(String::new, |last| last.ident.to_string()),
        _ => String::new(),
    }
}

fn is_plain(pattern: &Pat) -> bool {
    matches!(pattern, Pat::Ident(name) if name.by_ref.is_none() && name.mutability.is_none() && name.subpat.is_none())
}

/// Tokens as people write them: `&mut Vec<u8>`.
fn text(tokens: &impl ToTokens) -> String {
    crate::report::text(&tokens.to_token_stream())
}
