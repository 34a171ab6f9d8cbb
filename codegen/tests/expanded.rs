//! What services expand to, written down in `expanded/`: one file a case, formatted, compiled by the tests'
//! crate. Run with `PROTOCALL_BLESS=1` to write them anew, and read them.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers too")]

use std::{env, fs, path::Path};

use proc_macro2::{Span, TokenStream};
use protocall_codegen::{
    attribute,
    check::check,
    draft::{Docs, MethodDraft, OptionDraft, OptionValue, PartDraft, ServiceDraft},
    expand::{Bodies, Options, Sides, expand},
    report::At,
};
use quote::quote;
use syn::parse_quote;

/// A trait with all five kinds of method and all options.
fn chat() -> TokenStream {
    quote! {
        /// A chat room.
        pub trait Chat {
            /// Enters the room.
            #[method(timeout = "200ms", max_message = "16MiB", idempotent)]
            async fn join(&self, ctx: &Context, req: JoinRequest) -> Result<JoinReply, Status>;
            #[method(timeout = "none", no_side_effects)]
            async fn history(&self, ctx: &Context, req: HistoryRequest, out: SendStream<Message>) -> Result<(), Status>;
            #[method(timeout = "5m")]
            async fn upload(&self, ctx: &Context, chunks: RecvStream<Chunk>) -> Result<Summary, Status>;
            async fn converse(&self, ctx: &Context, input: RecvStream<Message>, out: SendStream<Message>) -> Result<(), Status>;
            #[method(push)]
            #[deprecated]
            async fn typing(&self, ctx: &Context, note: TypingNote) -> Result<(), Status>;
        }
    }
}

fn of_trait(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute::service(arguments, item, &|_, _| unreachable!("no schema is asked for"))
}

fn at<T>(value: T) -> At<T> {
    At::new(value, Span::call_site())
}

/// A service as a schema has it, with comments that rustdoc would take amiss.
fn nasty() -> ServiceDraft {
    let mut draft = ServiceDraft::new(at("type.async".to_owned()), at("Type".to_owned()));
    let fenced =
        " Code:\n ```\n let not_a_test = [;\n ```\n\n     indented [code]\n\n An open `tick, a *star.\n";
    draft.docs = Docs::Comment(
        " See [Other], [`Missing`] and Vec<Option<T>>, at https://example.com/a_b.\n\n - one\nlazy\n - two\n"
            .to_owned(),
    );
    let message = || PartDraft::one(at(parse_quote!(JoinRequest)));
    for (name, docs) in [("Type", fenced), ("Self", " <div> & &amp; \\ \u{202E}"), ("Gen", "")] {
        let mut method = MethodDraft::new(at(name.to_owned()), message(), message());
        method.docs = Docs::Comment(docs.to_owned());
        draft.methods.push(method);
    }
    let unit = PartDraft::one(at(parse_quote!(())));
    let mut push = MethodDraft::new(at("HTTPNote".to_owned()), message(), unit);
    push.options.push(OptionDraft::new("push", OptionValue::Flag(true), Span::call_site()));
    draft.methods.push(push);
    draft.deprecated = Some(parse_quote!(#[deprecated]));
    draft
}

fn of_draft(draft: ServiceDraft, options: &Options) -> TokenStream {
    expand(&check(draft).unwrap(), options)
}

fn assert_written(name: &str, tokens: &TokenStream) {
    let file = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{name}: {error}\n{tokens}"));
    let text = prettyplease::unparse(&file);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expanded").join(name).with_extension("rs");
    if env::var_os("PROTOCALL_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "{name} expands to something new; run with PROTOCALL_BLESS=1 and see what changed:\n{text}"
    );
}

#[test]
fn a_trait_becomes_a_client_and_a_server() {
    assert_written("chat", &of_trait(quote!(package = "chat.v1"), chat()));
}

#[test]
fn one_side_alone_leaves_the_other_out() {
    assert_written("client", &of_trait(quote!(package = "chat.v1", client_only), chat()));
    assert_written("server", &of_trait(quote!(package = "chat.v1", server_only), chat()));
}

#[test]
fn stubs_answer_unimplemented() {
    assert_written("stubs", &of_trait(quote!(package = "chat.v1", stubs, server_only), chat()));
}

#[test]
fn a_service_without_methods_has_nothing_to_match() {
    let item = quote! { pub trait Empty {} };
    assert_written("empty", &of_trait(quote!(), item));
}

#[test]
fn a_schema_becomes_documented_code_whatever_its_comments_and_names() {
    assert_written("nasty", &of_draft(nasty(), &Options::default()));
}

#[test]
fn the_runtime_may_be_elsewhere() {
    let mut options = Options::default();
    options.runtime_path = parse_quote!(::rpc);
    options.sides = Sides::Both;
    options.bodies = Bodies::Unimplemented;
    assert_written("renamed", &of_draft(nasty(), &options));
}

/// The schema of a service and its trait, with the same names, make the same but for what the user wrote.
#[test]
fn a_trait_and_a_schema_become_the_same() {
    let mut draft = ServiceDraft::new(at("chat.v1".to_owned()), at("Chat".to_owned()));
    draft.docs = Docs::Comment(" A chat room.\n".to_owned());
    let mut join = MethodDraft::new(
        at("Join".to_owned()),
        PartDraft::one(at(parse_quote!(JoinRequest))),
        PartDraft::stream(at(parse_quote!(JoinReply))),
    );
    join.options.push(OptionDraft::new("timeout", OptionValue::Text("30s".to_owned()), Span::call_site()));
    draft.methods.push(join);
    let of_schema = of_draft(draft, &Options::default()).to_string();
    let of_trait = of_trait(
        quote!(package = "chat.v1"),
        quote! {
            /// A chat room.
            #[allow(clippy::doc_lazy_continuation, clippy::doc_markdown)]
            pub trait Chat {
                #[method(timeout = "30s")]
                async fn join(
                    &self,
                    ctx: &::protocall::Context,
                    req: JoinRequest,
                    out: ::protocall::SendStream<JoinReply>
                ) -> ::core::result::Result<(), ::protocall::Status>;
            }
        },
    );
    assert_eq!(of_trait.to_string(), of_schema);
}
