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

const KEYS: &str =
    "`includes`, `extern_path`, `type_attribute`, `field_attribute`, `runtime`, `client`, `server`, `stubs`";

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
                input.parse::<Token![,]>()?;
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
        let options = &mut self.options;
        let refuse = |rule: Rule| Err(syn::Error::new(key.span(), rule.message()));
        if seen.contains(&key) && !input.peek(Paren) {
            return refuse(Rule::DuplicateKey { key: key.to_string() });
        }
        seen.push(key.clone());
        match key.to_string().as_str() {
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
            "runtime" => {
                input.parse::<Token![=]>()?;
                options.runtime_path = input.parse::<LitStr>()?.value();
            }
            "client" => {
                options.sides = if options.sides == Sides::Server { Sides::Both } else { Sides::Client }
            }
            "server" => {
                options.sides = if options.sides == Sides::Client { Sides::Both } else { Sides::Server }
            }
            "stubs" => options.bodies = Bodies::Unimplemented,
            other => {
                return refuse(Rule::UnknownKey { key: other.to_owned(), known: KEYS.to_owned() });
            }
        }
        Ok(())
    }
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
