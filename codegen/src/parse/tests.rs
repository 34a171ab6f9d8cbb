//! What a trait says, as a draft. What it must not say is shown in `tests/ui`.

use quote::quote;
use syn::parse_quote;

use super::*;
use crate::{
    draft::{Arity, Docs, ServiceDraft},
    expand::Sides,
    report::Report,
};

fn draft(item: syn::ItemTrait) -> ServiceDraft {
    let mut report = Report::new();
    let draft = service(item, &Source::default(), &mut report);
    report.finish(draft).unwrap()
}

#[test]
fn the_shape_of_a_method_is_in_its_arguments() {
    let draft = draft(parse_quote! {
        trait Chat {
            async fn a(&self, ctx: &Context, req: A) -> Result<B, Status>;
            async fn b(&self, ctx: &protocall::Context, req: A, out: protocall::SendStream<B>) -> Result<(), Status>;
            async fn c(&self, _: &Context, input: RecvStream<A>) -> std::result::Result<B, protocall::Status>;
            async fn d(&self, ctx: &Context, input: RecvStream<A>, out: SendStream<B>) -> Result<(), Status>;
        }
    });
    let shapes: Vec<_> =
        draft.methods.iter().map(|method| (method.input.arity, method.output.arity)).collect();
    let (one, stream) = (Arity::One, Arity::Stream);
    assert_eq!(shapes, [(one, one), (one, stream), (stream, one), (stream, stream)]);
    for method in &draft.methods {
        assert_eq!(crate::report::text(&quote::ToTokens::to_token_stream(&method.output.ty.value)), "B");
    }
}

#[test]
fn attributes_go_where_they_belong() {
    let draft = draft(parse_quote! {
        /// Docs.
        #[doc(hidden)]
        #[deprecated]
        #[allow(clippy::style)]
        trait Chat {
            /// One.
            #[must_use]
            #[deprecated(note = "no")]
            #[method(name = "Enter", push)]
            #[method(timeout = "1s")]
            async fn join(&self, ctx: &Context, req: A) -> Result<(), Status>;
        }
    });
    assert!(matches!(&draft.docs, Docs::Rustdoc(lines) if lines == &[" Docs."]));
    assert!(draft.deprecated.is_some());
    assert_eq!(draft.attributes, [parse_quote!(#[doc(hidden)]), parse_quote!(#[allow(clippy::style)])]);
    let join = &draft.methods[0];
    assert_eq!(join.proto_name.value, "Enter");
    assert_eq!(
        join.options.iter().map(|option| option.key.value.as_str()).collect::<Vec<_>>(),
        ["push", "timeout"]
    );
    assert_eq!(join.written.as_ref().unwrap().attributes, [parse_quote!(#[must_use])]);
    assert!(join.deprecated.is_some());
}

#[test]
fn both_sides_by_name_are_both_sides() {
    let sides = |tokens| Arguments::parse(tokens, &mut Report::new()).options.sides;
    assert_eq!(sides(quote!(client_only, server_only)), Sides::Both);
    assert_eq!(sides(quote!(client_only)), Sides::Client);
    assert_eq!(sides(quote!(server_only)), Sides::Server);
    assert_eq!(sides(quote!()), Sides::Both);
}
