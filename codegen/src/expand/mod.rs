//! A checked service becomes tokens: a trait, a spec, a server and a client, side by side. Called by every
//! front end, last. It cannot fail, and nothing else emits code. What it emits names and the runtime does:
//! `::` paths, no `use`, about a dozen lines a method, only `__private::v1` and what users may name
//! themselves. Everything is as visible as the trait, whether or not the crate uses it or lets others see it:
//! hence the two lints that are allowed on every item.

mod client;
mod server;
mod spec;
mod traits;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Ident, Path, parse_quote};

use crate::{
    model::{Method, MethodKind, Service},
    names::ServiceNames,
};

/// What to emit and how to name the runtime.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// `::protocall`, or wherever it is re-exported.
    pub runtime_path: Path,
    /// The client, the server or both.
    pub sides: Sides,
    /// Whether the trait's methods have bodies.
    pub bodies: Bodies,
}

impl Default for Options {
    fn default() -> Self {
        Self { runtime_path: parse_quote!(::protocall), sides: Sides::Both, bodies: Bodies::None }
    }
}

/// Which sides of a service are wanted. The trait and the spec are always there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sides {
    /// Both.
    #[default]
    Both,
    /// The client alone.
    Client,
    /// The server alone.
    Server,
}

impl Sides {
    /// What `client_only` and `server_only` say one after the other: one alone leaves the other out.
    #[must_use]
    pub fn also(self, side: Self) -> Self {
        match (self, side) {
            (Self::Client, Self::Server) | (Self::Server, Self::Client) => Self::Both,
            _ => side,
        }
    }
}

/// What the trait's methods have for bodies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bodies {
    /// None: every method must be written.
    #[default]
    None,
    /// Ones that answer UNIMPLEMENTED.
    Unimplemented,
}

/// All that a service becomes.
#[must_use]
pub fn expand(service: &Service, options: &Options) -> TokenStream {
    let scope =
        Scope { service, names: ServiceNames::of(&service.rust_name), runtime: &options.runtime_path };
    let mut tokens = traits::expand_trait(&scope, options.bodies);
    tokens.extend(spec::expand_spec(&scope));
    if options.sides != Sides::Client {
        tokens.extend(server::expand_server(&scope));
    }
    if options.sides != Sides::Server {
        tokens.extend(client::expand_client(&scope));
    }
    tokens
}

/// What every part of an expansion looks at.
struct Scope<'a> {
    service: &'a Service,
    names: ServiceNames,
    runtime: &'a Path,
}

impl Scope<'_> {
    /// `req: JoinRequest`, and `req`: what a method takes after its context, declared and passed on.
    fn arguments(&self, method: &Method) -> (TokenStream, TokenStream) {
        let runtime = self.runtime;
        let (input, output) = (&method.input, &method.output);
        let message = quote!(req: #input);
        let input = quote!(input: #runtime::RecvStream<#input>);
        let out = quote!(out: #runtime::SendStream<#output>);
        match method.kind {
            MethodKind::Unary | MethodKind::Push => (message, quote!(req)),
            MethodKind::ServerStream => (quote!(#message, #out), quote!(req, out)),
            MethodKind::ClientStream => (input, quote!(input)),
            MethodKind::Bidi => (quote!(#input, #out), quote!(input, out)),
        }
    }

    /// `&self, ctx: &Context, req: JoinRequest`: what a method of the trait takes.
    fn inputs(&self, method: &Method) -> TokenStream {
        let (runtime, (takes, _)) = (self.runtime, self.arguments(method));
        quote!(&self, ctx: &#runtime::Context, #takes)
    }

    /// `Result<JoinReply, Status>`: what a method of the trait comes to.
    fn output(&self, method: &Method) -> TokenStream {
        let runtime = self.runtime;
        let output = match method.kind {
            MethodKind::Unary | MethodKind::ClientStream => method.output.to_token_stream(),
            MethodKind::ServerStream | MethodKind::Bidi | MethodKind::Push => quote!(()),
        };
        quote!(::core::result::Result<#output, #runtime::Status>)
    }

    /// A type parameter whose name no message and no service has.
    fn type_parameter(&self) -> Ident {
        let mut name = String::from("T");
        while self.names.service == name || self.service.methods.iter().any(|method| mentions(method, &name))
        {
            name.push('_');
        }
        format_ident!("{name}")
    }
}

/// Where rustc shall tell that a method's types are no messages: at the request, where the user wrote it.
fn span(method: &Method) -> Span {
    let first = method.input.to_token_stream().into_iter().next();
    first.map_or_else(Span::call_site, |token| token.span().resolved_at(Span::call_site()))
}

fn mentions(method: &Method, name: &str) -> bool {
    let types = [&method.input, &method.output];
    types.iter().any(|ty| ty.to_token_stream().into_iter().any(|token| token.to_string() == name))
}

/// The name that runtime functions have for a kind of method.
fn verb(kind: MethodKind) -> &'static str {
    match kind {
        MethodKind::Unary => "unary",
        MethodKind::ServerStream => "server_stream",
        MethodKind::ClientStream => "client_stream",
        MethodKind::Bidi => "bidi",
        MethodKind::Push => "push",
    }
}

/// `lines` as documentation, or `instead` where there are none.
fn docs(lines: &[String], instead: &str) -> TokenStream {
    if lines.iter().all(|line| line.trim().is_empty()) {
        let line = format!(" {instead}");
        return quote!(#[doc = #line]);
    }
    let lines = lines.iter().map(|line| if line.is_empty() { String::new() } else { format!(" {line}") });
    quote!(#(#[doc = #lines])*)
}
