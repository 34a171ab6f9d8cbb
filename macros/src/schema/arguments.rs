//! The arguments of `proto!`: files, where their imports start, and protocall-build's options.

use std::path::PathBuf;

use proc_macro2::Ident;
use protocall_build::options::Options;
use protocall_codegen::{
    expand::{Bodies, Sides},
    report::At,
    rule::Rule,
};
use syn::{
    LitStr, Token, bracketed, parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    token::Paren,
};

const KEYS: &str = "`includes`, `extern_path`, `type_attribute`, `field_attribute`, `runtime_path`, `client_only`, `server_only`, `stubs`";

/// What `proto!` is given.
#[derive(Default)]
pub(crate) struct Arguments {
    /// The files, first.
    pub(crate) protos: Vec<At<String>>,
    /// Where imports start, if it is said.
    pub(crate) includes: Option<Vec<PathBuf>>,
    /// The rest.
    pub(crate) options: Options,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Self::default();
        let mut seen = Vec::new();
        while !input.is_empty() {
            if input.peek(LitStr) {
                let file: LitStr = input.parse()?;
                arguments.protos.push(At::new(file.value(), file.span()));
            } else {
                arguments.option(input, &mut seen)?;
            }
            if !input.is_empty() {
                let comma = input.parse::<Token![,]>();
                comma.map_err(|error| broken(&error, &Rule::AttributeSyntax { error: error.to_string() }))?;
            }
        }
        if arguments.protos.is_empty() {
            return Err(input.error("no file is named; write `proto!(\"schemas/chat/v1/chat.proto\")`"));
        }
        Ok(arguments)
    }
}

impl Arguments {
    fn option(&mut self, input: ParseStream<'_>, seen: &mut Vec<Ident>) -> syn::Result<()> {
        let key: Ident = input.parse()?;
        if seen.contains(&key) && !input.peek(Paren) {
            return Err(syn::Error::new(key.span(), Rule::DuplicateKey { key: key.to_string() }.message()));
        }
        seen.push(key.clone());
        let name = key.to_string();
        let Some(example) = example(&name) else {
            let rule = Rule::UnknownKey { key: name, known: KEYS.to_owned() };
            return Err(syn::Error::new(key.span(), rule.message()));
        };
        let value = self.value(&name, input);
        value.map_err(|error| broken(&error, &Rule::WrongValue { key: name, expected: example.to_owned() }))
    }

    fn value(&mut self, key: &str, input: ParseStream<'_>) -> syn::Result<()> {
        let options = &mut self.options;
        match key {
            "client_only" => options.sides = options.sides.also(Sides::Client),
            "server_only" => options.sides = options.sides.also(Sides::Server),
            "stubs" => options.bodies = Bodies::Unimplemented,
            "includes" => {
                let folders;
                input.parse::<Token![=]>()?;
                bracketed!(folders in input);
                let folders = Punctuated::<LitStr, Token![,]>::parse_terminated(&folders)?;
                self.includes = Some(folders.iter().map(|folder| folder.value().into()).collect());
            }
            "extern_path" => options.extern_paths.push(pair(input)?),
            "type_attribute" => options.type_attributes.push(pair(input)?),
            "field_attribute" => options.field_attributes.push(pair(input)?),
            _ => {
                input.parse::<Token![=]>()?;
                options.runtime_path = input.parse::<LitStr>()?.value();
            }
        }
        Ok(())
    }
}

/// How a key is written; nothing if there is no such key.
fn example(key: &str) -> Option<&'static str> {
    Some(match key {
        "client_only" => "client_only",
        "server_only" => "server_only",
        "stubs" => "stubs",
        "includes" => "includes = [\"schemas\"]",
        "extern_path" => "extern_path(\".chat.v1\", \"::chat::v1\")",
        "type_attribute" => "type_attribute(\".\", \"#[derive(Eq)]\")",
        "field_attribute" => "field_attribute(\".\", \"#[allow(unused)]\")",
        "runtime_path" => "runtime_path = \"::protocall\"",
        _ => return None,
    })
}

/// The rule that was broken where syn stopped.
fn broken(error: &syn::Error, rule: &Rule) -> syn::Error {
    syn::Error::new(error.span(), rule.message())
}

/// `("a", "b")`.
fn pair(input: ParseStream<'_>) -> syn::Result<(String, String)> {
    let texts;
    parenthesized!(texts in input);
    let first: LitStr = texts.parse()?;
    texts.parse::<Token![,]>()?;
    let second: LitStr = texts.parse()?;
    texts.parse::<Option<Token![,]>>()?;
    Ok((first.value(), second.value()))
}
