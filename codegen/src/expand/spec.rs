//! The static that tells the runtime what is known of the service: its name, and of each method the route,
//! the kind and the options. Client and server refer to methods by their place in it.

use std::time::Duration;

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::Scope;
use crate::model::{Idempotency, Method, MethodKind, Timeout};

/// `static CHAT_SPEC: ServiceSpec = …;`.
pub(super) fn expand_spec(scope: &Scope<'_>) -> TokenStream {
    let (runtime, visibility, spec) = (scope.runtime, &scope.service.visibility, &scope.names.spec);
    let name = scope.service.full_name();
    let doc = format!(" What is known of `{name}` at compile time.");
    let methods = scope.service.methods.iter().map(|method| expand_method(scope, method));
    quote! {
        #[doc = #doc]
        #[allow(unreachable_pub)]
        #visibility static #spec: #runtime::ServiceSpec = #runtime::ServiceSpec::new(#name, const { &[#(#methods),*] });
    }
}

/// `MethodSpec::new("chat.v1.Chat/Join", MethodKind::Unary).timeout(…)`.
fn expand_method(scope: &Scope<'_>, method: &Method) -> TokenStream {
    let (runtime, route, options) = (scope.runtime, scope.service.route(method), &method.options);
    let kind = format_ident!(
        "{}",
        match method.kind {
            MethodKind::Unary => "Unary",
            MethodKind::ServerStream => "ServerStream",
            MethodKind::ClientStream => "ClientStream",
            MethodKind::Bidi => "Bidi",
            MethodKind::Push => "Push",
        }
    );
    let timeout = match options.timeout {
        Timeout::Default => None,
        Timeout::None => Some(quote!(.no_timeout())),
        Timeout::After(limit) => Some(expand_timeout(limit)),
    };
    let max_message = options.max_message.map(|bytes| {
        let bytes = grouped(bytes);
        quote!(.max_message(#bytes))
    });
    let idempotency = match options.idempotency {
        Idempotency::Unknown => None,
        Idempotency::NoSideEffects => Some(quote!(.idempotency(#runtime::Idempotency::NoSideEffects))),
        Idempotency::Idempotent => Some(quote!(.idempotency(#runtime::Idempotency::Idempotent))),
    };
    let deprecated = method.deprecated.as_ref().map(|_| quote!(.deprecated()));
    quote!(#runtime::MethodSpec::new(#route, #runtime::MethodKind::#kind) #timeout #max_message #idempotency #deprecated)
}

/// Whole seconds by `new`: clippy has an opinion on every other way to write them.
fn expand_timeout(limit: Duration) -> TokenStream {
    let duration = if limit.subsec_nanos() == 0 {
        let seconds = grouped(limit.as_secs());
        quote!(new(#seconds, 0))
    } else {
        let milliseconds = grouped(limit.as_secs() * 1_000 + u64::from(limit.subsec_millis()));
        quote!(from_millis(#milliseconds))
    };
    quote!(.timeout(::core::time::Duration::#duration))
}

/// `16_777_216`, as people and clippy like to read it.
fn grouped(number: u64) -> Literal {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push('_');
        }
        text.push(digit);
    }
    text.parse().unwrap_or_else(|_| Literal::u64_unsuffixed(number))
}
