//! The client: calls the service at the other end, and implements its trait, so that proxies and mocks are
//! servers of a client.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use super::{Scope, docs, span, verb};
use crate::model::{Method, MethodKind};

/// `struct ChatClient` and what it implements.
pub(super) fn expand_client(scope: &Scope<'_>) -> TokenStream {
    let mut tokens = expand_struct(scope);
    tokens.extend(expand_calls(scope));
    tokens.extend(expand_forwards(scope));
    tokens
}

fn expand_struct(scope: &Scope<'_>) -> TokenStream {
    let (runtime, visibility, service) = (scope.runtime, &scope.service.visibility, &scope.names.service);
    let (client, deprecated) = (&scope.names.client, &scope.service.deprecated);
    let doc = format!(" Calls the [`{service}`] at the other end.");
    quote! {
        #[doc = #doc]
        #deprecated
        #[allow(dead_code, unreachable_pub)]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #visibility struct #client {
            caller: #runtime::Caller,
        }
    }
}

/// `new` and a function a method. The comments of a schema are not held to the style of the crate they end up
/// in.
fn expand_calls(scope: &Scope<'_>) -> TokenStream {
    let (runtime, visibility, client) = (scope.runtime, &scope.service.visibility, &scope.names.client);
    let calls =
        scope.service.methods.iter().enumerate().map(|(index, method)| expand_call(scope, index, method));
    quote! {
        #[allow(dead_code, deprecated, unreachable_pub, clippy::doc_lazy_continuation, clippy::doc_markdown)]
        impl #client {
            /// Calls through `caller`: a channel or a session.
            #[must_use]
            #visibility fn new(caller: impl ::core::convert::Into<#runtime::Caller>) -> Self {
                Self { caller: ::core::convert::Into::into(caller) }
            }

            #(#calls)*
        }
    }
}

/// `fn join(&self, req: JoinRequest) -> Call<JoinRequest, JoinReply> { v1::unary(&self.caller,
/// &CHAT_SPEC.methods[0], req) }`.
fn expand_call(scope: &Scope<'_>, index: usize, method: &Method) -> TokenStream {
    let (runtime, visibility, spec) = (scope.runtime, &scope.service.visibility, &scope.names.spec);
    let (name, deprecated, input, output) =
        (&method.rust_name, &method.deprecated, &method.input, &method.output);
    let docs = docs(&method.docs, &format!("Calls `{}`.", scope.service.route(method)));
    let (verb, index) =
        (format_ident!("{}", verb(method.kind), span = span(method)), Literal::usize_unsuffixed(index));
    let returns = match method.kind {
        MethodKind::Unary => quote!(#runtime::Call<#input, #output>),
        MethodKind::Push => quote!(#runtime::Push<#input>),
        MethodKind::ServerStream => quote!(#runtime::Open<#input, #runtime::RecvStream<#output>>),
        MethodKind::ClientStream => {
            quote!(#runtime::Open<(), (#runtime::SendStream<#input>, #runtime::Reply<#output>)>)
        }
        MethodKind::Bidi => {
            quote!(#runtime::Open<(), (#runtime::SendStream<#input>, #runtime::RecvStream<#output>)>)
        }
    };
    let (takes, gives) = match method.kind {
        MethodKind::Unary | MethodKind::Push | MethodKind::ServerStream => {
            (quote!(, req: #input), quote_spanned!(span(method)=> , req))
        }
        MethodKind::ClientStream | MethodKind::Bidi => (quote!(), quote!()),
    };
    let body = quote_spanned!(span(method)=> #runtime::__private::v1::#verb(&self.caller, &#spec.methods[#index] #gives));
    quote! {
        #docs
        #deprecated
        #visibility fn #name(&self #takes) -> #returns {
            #body
        }
    }
}

/// The trait on the client: each method hands its call to the runtime, which passes on what the context has.
fn expand_forwards(scope: &Scope<'_>) -> TokenStream {
    let (service, client) = (&scope.names.service, &scope.names.client);
    let forwards = scope.service.methods.iter().map(|method| expand_forward(scope, method));
    quote! {
        #[allow(deprecated)]
        impl #service for #client {
            #(#forwards)*
        }
    }
}

fn expand_forward(scope: &Scope<'_>, method: &Method) -> TokenStream {
    let (runtime, name) = (scope.runtime, &method.rust_name);
    let (inputs, output) = (scope.inputs(method), scope.output(method));
    let forward = format_ident!("forward_{}", verb(method.kind), span = span(method));
    let gives = match method.kind {
        MethodKind::Unary | MethodKind::Push => quote_spanned!(span(method)=> Self::#name(self, req)),
        MethodKind::ServerStream => quote_spanned!(span(method)=> Self::#name(self, req), out),
        MethodKind::ClientStream => quote_spanned!(span(method)=> Self::#name(self), input),
        MethodKind::Bidi => quote_spanned!(span(method)=> Self::#name(self), input, out),
    };
    let body = quote_spanned!(span(method)=> #runtime::__private::v1::#forward(ctx, #gives));
    quote! {
        fn #name(#inputs) -> impl ::core::future::Future<Output = #output> + ::core::marker::Send {
            #body
        }
    }
}
