//! The arguments of `proto!("…")` and the frame of what it becomes. Called by the macro of that name, which reads the
//! schema between the two.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{LitStr, Token, parse::Parse, parse::ParseStream};

use crate::{
    expand::{Bodies, Sides},
    parse::inline_options,
    report::{At, Place},
};

/// What `proto!` was asked for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Inline {
    /// The file, from the crate's folder.
    pub proto: At<String>,
    /// Where imports start, if that is said.
    pub include: Option<String>,
    /// Where the runtime is.
    pub runtime_path: String,
    /// The client, the server or both.
    pub sides: Sides,
    /// Whether the methods of traits have bodies.
    pub bodies: Bodies,
}

impl Inline {
    /// Reads `"schemas/chat.proto", include = "schemas", client`.
    ///
    /// # Errors
    /// Every key that is not known or has the wrong value.
    pub fn parse(arguments: TokenStream) -> syn::Result<Self> {
        let Written { proto, rest } = syn::parse2(arguments)?;
        let mut inline = Self {
            proto: At::new(proto.value(), Place::of(&proto)),
            include: None,
            runtime_path: "::protocall".to_owned(),
            sides: Sides::default(),
            bodies: Bodies::default(),
        };
        inline_options(rest, &mut inline).map_err(|report| report.into_error(proto.span()))?;
        Ok(inline)
    }
}

struct Written {
    proto: LitStr,
    rest: TokenStream,
}

impl Parse for Written {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let proto = input.parse()?;
        let _: Option<Token![,]> = input.parse()?;
        Ok(Self { proto, rest: input.parse()? })
    }
}

/// `code`, and what makes rustc run the macro again when one of `files` changes.
#[must_use]
pub fn with_files(code: &impl ToTokens, files: &[String]) -> TokenStream {
    quote! {
        #code
        #(const _: &[::core::primitive::u8] = ::core::include_bytes!(#files);)*
    }
}
