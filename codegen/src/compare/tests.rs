//! How a trait's functions find their methods, and what they get from the schema. What can differ is shown in
//! `tests/ui`.

use quote::quote;
use syn::ItemTrait;

use super::*;
use crate::{
    check::check,
    draft::OptionValue,
    model::{Idempotency, Timeout},
    parse::{self, Source},
    report::Place,
};

fn draft(item: proc_macro2::TokenStream) -> ServiceDraft {
    let mut report = Report::new();
    let draft = parse::service(syn::parse2::<ItemTrait>(item).unwrap(), &Source::default(), &mut report);
    report.finish(draft).unwrap()
}

/// The schema's service: an odd name, options and a comment.
fn schema() -> Service {
    let at = |text: &str| At::new(text.to_owned(), Place::schema("chat.proto", 1, 1));
    let part = |ty: Type| PartDraft::one(At::new(ty, Place::schema("chat.proto", 1, 1)));
    let mut first = MethodDraft::new(
        at("getHTTPInfo"),
        part(syn::parse_quote!(super::v1::Note)),
        part(syn::parse_quote!(Note)),
    );
    first.docs = Docs::Comment(" Tells.".to_owned());
    for (key, value) in
        [("timeout", OptionValue::Text("1h".to_owned())), ("idempotent", OptionValue::Flag(true))]
    {
        first.options.push(crate::draft::OptionDraft::new(key, value, Place::Call));
    }
    let second = MethodDraft::new(at("Join"), part(syn::parse_quote!(Note)), part(syn::parse_quote!(())));
    let mut service = ServiceDraft::new(at("chat.v1"), at("Chat"));
    service.methods = vec![first, second];
    check(service).unwrap()
}

#[test]
fn functions_find_their_methods_by_either_name_and_get_order_options_and_docs() {
    let ours = draft(quote! {
        trait Room {
            /// Ours.
            async fn join(&self, ctx: &Context, req: chat::Note) -> Result<(), Status>;
            #[method(timeout = "60m")]
            async fn get_http_info(&self, ctx: &Context, req: Note) -> Result<Note, Status>;
        }
    });
    let service = check(compare(ours, &schema()).unwrap()).unwrap();
    assert_eq!(
        (service.full_name().as_str(), service.rust_name.to_string().as_str()),
        ("chat.v1.Chat", "Room")
    );
    let names: Vec<_> = service.methods.iter().map(|method| method.proto_name.as_str()).collect();
    assert_eq!(names, ["getHTTPInfo", "Join"]);
    assert_eq!(service.methods[0].options.timeout, Timeout::After(std::time::Duration::from_secs(3600)));
    assert_eq!(service.methods[0].options.idempotency, Idempotency::Idempotent);
    assert_eq!([&service.methods[0].docs, &service.methods[1].docs], [&["Tells."], &["Ours."]]);
}

#[test]
fn every_difference_is_told() {
    let ours = draft(quote! {
        trait Room {
            async fn join(&self, ctx: &Context, req: Other) -> Result<Note, Status>;
            async fn leave(&self, ctx: &Context, req: Note) -> Result<Note, Status>;
        }
    });
    let report = compare(ours, &schema()).unwrap_err();
    let broken: Vec<_> = report.problems().iter().map(|problem| problem.rule.name()).collect();
    assert_eq!(broken, ["WrongRequest", "WrongAnswer", "ExtraMethod", "MissingMethod"]);
}
