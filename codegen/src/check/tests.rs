//! Which rules a draft breaks, and that one mistake is one message. What a trait can break is also shown in
//! `tests/ui`.

use proc_macro2::Span;
use syn::parse_quote;

use super::*;
use crate::draft::{OptionDraft, OptionValue, PartDraft};

fn at(text: &str) -> At<String> {
    At::new(text.to_owned(), Place::schema("chat.proto", 3, 5))
}

fn one() -> PartDraft {
    PartDraft::one(At::new(parse_quote!(Note), Span::call_site()))
}

fn unit() -> PartDraft {
    PartDraft::one(At::new(parse_quote!(()), Span::call_site()))
}

fn method(name: &str) -> MethodDraft {
    MethodDraft::new(at(name), one(), one())
}

fn service(methods: Vec<MethodDraft>) -> ServiceDraft {
    let mut draft = ServiceDraft::new(at("chat.v1"), at("Chat"));
    draft.methods = methods;
    draft
}

fn option(key: &str, value: OptionValue) -> OptionDraft {
    OptionDraft::new(key, value, Place::schema("chat.proto", 4, 7))
}

fn broken<T>(result: Result<T, Report>) -> Vec<&'static str> {
    let report = result.err().unwrap_or_default();
    report.problems().iter().map(|problem| problem.rule.name()).collect()
}

#[test]
fn a_draft_without_mistakes_becomes_a_service() {
    let mut join = method("Join");
    join.options.push(option("timeout", OptionValue::Text("200ms".to_owned())));
    let service = check(service(vec![join, method("GetHTTPInfo")])).unwrap();
    assert_eq!(service.full_name(), "chat.v1.Chat");
    assert_eq!(service.route(&service.methods[1]), "chat.v1.Chat/GetHTTPInfo");
    assert_eq!(service.methods[1].rust_name, "get_http_info");
    assert_eq!(service.methods[0].kind, MethodKind::Unary);
}

#[test]
fn the_empty_package_has_no_dot() {
    let draft = ServiceDraft::new(at(""), at("Chat"));
    assert_eq!(check(draft).unwrap().full_name(), "Chat");
}

#[test]
fn every_mistake_is_told_and_each_once() {
    let mut push = method("Typing");
    push.options.push(option("push", OptionValue::Flag(true)));
    let mut odd = method("Odd");
    odd.rust_name = Some(at("self"));
    odd.options.push(option("timeout", OptionValue::Text("soon".to_owned())));
    let mut draft = service(vec![
        method("Join"),
        method("Join"),
        method("join"),
        method("Clone"),
        push,
        odd,
        method("__"),
    ]);
    draft.package = at("chat..v1");
    assert_eq!(
        broken(check(draft)),
        [
            "BadPackage",
            "DuplicateMethod",
            "SameRustName",
            "ReservedName",
            "PushReplies",
            "NotAnIdentifier",
            "BadDuration",
            "NotAnIdentifier"
        ]
    );
}

#[test]
fn a_mistake_is_told_with_its_line() {
    let report = check(service(vec![method("Join"), method("Join")])).unwrap_err();
    assert_eq!(report.to_string(), "chat.proto:3:5: `Chat` has two methods `Join`; rename one of them");
}

#[test]
fn a_push_has_neither_answer_nor_stream_nor_a_second_try() {
    let push = |output: PartDraft, more: Option<&str>| {
        let mut draft = MethodDraft::new(at("Typing"), one(), output);
        draft.options.push(option("push", OptionValue::Flag(true)));
        draft.options.extend(more.map(|key| option(key, OptionValue::Flag(true))));
        broken(check(service(vec![draft])))
    };
    assert!(push(unit(), None).is_empty());
    assert_eq!(push(one(), None), ["PushReplies"]);
    assert_eq!(push(PartDraft::stream(unit().ty), None), ["PushStreams"]);
    assert_eq!(push(unit(), Some("idempotent")), ["PushIdempotent"]);
}

#[test]
fn a_push_that_is_switched_off_is_none() {
    let mut draft = method("Join");
    draft.options.push(option("push", OptionValue::Flag(false)));
    assert_eq!(check(service(vec![draft])).unwrap().methods[0].kind, MethodKind::Unary);
}

#[test]
fn what_a_service_becomes_must_not_be_there() {
    let taken = |name: &str| vec![Taken { name: name.to_owned(), by: "the message `chat.v1.X`".to_owned() }];
    for name in ["Chat", "ChatClient", "ChatServer", "CHAT_SPEC"] {
        assert_eq!(broken(check_module(vec![service(vec![])], &taken(name))), ["NameTaken"], "{name}");
    }
    assert!(broken(check_module(vec![service(vec![])], &taken("ChatRoom"))).is_empty());
}

#[test]
fn two_services_must_not_become_one_thing() {
    let named = |name: &str| ServiceDraft::new(at("chat.v1"), at(name));
    assert_eq!(broken(check_module(vec![named("Chat"), named("ChatClient")], &[])), ["NameTaken"]);
    let mut other = named("ChatClient");
    other.rust_name = Some(at("Calls"));
    assert!(broken(check_module(vec![named("Chat"), other], &[])).is_empty());
}
