//! The server: a handle on whatever implements the trait, which the router asks to handle calls.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use super::{Scope, span, verb};
use crate::model::{Method, MethodKind};

/// `struct ChatServer<T>` and what it implements.
pub(super) fn expand_server(scope: &Scope<'_>) -> TokenStream {
    let parameter = scope.type_parameter();
    let mut tokens = expand_struct(scope, &parameter);
    tokens.extend(expand_clone_and_debug(scope, &parameter));
    tokens.extend(expand_service(scope, &parameter));
    tokens
}

fn expand_struct(scope: &Scope<'_>, parameter: &Ident) -> TokenStream {
    let (visibility, service, server) =
        (&scope.service.visibility, &scope.names.service, &scope.names.server);
    let doc = format!(
        " Serves a [`{service}`]: what a router takes to handle the calls of `{}`.",
        scope.service.full_name()
    );
    quote! {
        #[doc = #doc]
        #[allow(dead_code, unreachable_pub)]
        #visibility struct #server<#parameter> {
            service: ::std::sync::Arc<#parameter>,
        }

        #[allow(dead_code, unreachable_pub)]
        impl<#parameter: #service> #server<#parameter> {
            /// Serves `service`.
            #[must_use]
            #visibility fn new(service: #parameter) -> Self {
                Self { service: ::std::sync::Arc::new(service) }
            }

            /// Serves a `service` that others hold too.
            #[must_use]
            #visibility fn from_arc(service: ::std::sync::Arc<#parameter>) -> Self {
                Self { service }
            }
        }
    }
}

/// By hand: derived ones would ask the same of the service.
fn expand_clone_and_debug(scope: &Scope<'_>, parameter: &Ident) -> TokenStream {
    let server = &scope.names.server;
    let name = server.to_string();
    quote! {
        impl<#parameter> ::core::clone::Clone for #server<#parameter> {
            fn clone(&self) -> Self {
                Self { service: ::core::clone::Clone::clone(&self.service) }
            }
        }

        impl<#parameter> ::core::fmt::Debug for #server<#parameter> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(#name).finish_non_exhaustive()
            }
        }
    }
}

/// What the router asks of a server. A service without methods has nothing to match.
fn expand_service(scope: &Scope<'_>, parameter: &Ident) -> TokenStream {
    let (runtime, service) = (scope.runtime, &scope.names.service);
    let (server, spec) = (&scope.names.server, &scope.names.spec);
    let methods = &scope.service.methods;
    let (method, body) = if methods.is_empty() {
        (quote!(_), quote!(call.unimplemented()))
    } else {
        let arms =
            methods.iter().enumerate().map(|(index, method)| expand_arm(scope, parameter, (index, method)));
        let body = quote! {
            let service = ::core::clone::Clone::clone(&self.service);
            match method {
                #(#arms)*
                _ => call.unimplemented(),
            }
        };
        (quote!(method), body)
    };
    quote! {
        impl<#parameter: #service> #runtime::__private::v1::Service for #server<#parameter> {
            fn spec(&self) -> &'static #runtime::ServiceSpec {
                &#spec
            }

            fn dispatch(&self, #method: usize, call: #runtime::__private::v1::Incoming) -> #runtime::__private::v1::Handling {
                #body
            }
        }
    }
}

/// `0 => call.unary(move |ctx, req| async move { <T as Chat>::join(&*service, &ctx, req).await }),`. The pushes that come in a
/// row are run by one future, one after the other.
fn expand_arm(scope: &Scope<'_>, parameter: &Ident, (index, method): (usize, &Method)) -> TokenStream {
    let (runtime, service, name) = (scope.runtime, &scope.names.service, &method.rust_name);
    let (index, verb) =
        (Literal::usize_unsuffixed(index), format_ident!("{}", verb(method.kind), span = span(method)));
    let (takes, gives) = scope.arguments(method);
    let call = quote_spanned!(span(method)=> call.#verb);
    if method.kind == MethodKind::Push {
        let message = &method.input;
        return quote! {
            #index => #call(move |mut pushes: #runtime::__private::v1::Pushes<#message>| async move {
                while pushes.advance() {
                    pushes.run(|ctx, req| <#parameter as #service>::#name(&*service, ctx, req)).await;
                }
            }),
        };
    }
    quote! {
        #index => #call(move |ctx: #runtime::Context, #takes| async move {
            <#parameter as #service>::#name(&*service, &ctx, #gives).await
        }),
    }
}
