//! The service's trait. Written in Rust, it keeps the user's own types and spans.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::{Bodies, Scope, docs};
use crate::model::Method;

/// `trait Chat: Send + Sync + 'static { … }`.
pub(super) fn expand_trait(scope: &Scope<'_>, bodies: Bodies) -> TokenStream {
    let service = scope.service;
    let docs = docs(&service.docs, &format!("The service `{}`.", service.full_name()));
    let (attributes, visibility, name) = (&service.attributes, &service.visibility, &scope.names.service);
    let methods = service.methods.iter().map(|method| expand_method(scope, method, bodies));
    quote! {
        #docs
        #(#attributes)*
        #[allow(dead_code, unreachable_pub)]
        #visibility trait #name: ::core::marker::Send + ::core::marker::Sync + 'static {
            #(#methods)*
        }
    }
}

/// `fn join(&self, …) -> impl Future<Output = Result<JoinReply, Status>> + Send;`, which `async fn join`
/// implements.
fn expand_method(scope: &Scope<'_>, method: &Method, bodies: Bodies) -> TokenStream {
    let (runtime, route, name) = (scope.runtime, scope.service.route(method), &method.rust_name);
    let docs = docs(&method.docs, &format!("The method `{route}`."));
    let (attributes, inputs, output) = match &method.written {
        Some(written) => (
            written.attributes.as_slice(),
            written.inputs.to_token_stream(),
            written.output.to_token_stream(),
        ),
        None => (&[][..], scope.inputs(method), scope.output(method)),
    };
    let (allow, body) = match bodies {
        Bodies::None => (quote!(), quote!(;)),
        Bodies::Unimplemented => (
            quote!(#[allow(unused_variables)]),
            quote!({
                ::core::future::ready(::core::result::Result::Err(#runtime::Status::unimplemented(#route)))
            }),
        ),
    };
    quote! {
        #docs
        #(#attributes)*
        #allow
        fn #name(#inputs) -> impl ::core::future::Future<Output = #output> + ::core::marker::Send #body
    }
}
