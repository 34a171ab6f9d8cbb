//! What a macro adds to code that it made of files. Called by `proto!` and by `#[service(proto = "…")]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

/// `code`, and what makes rustc run the macro again when one of `files` changes.
#[must_use]
pub fn with_files(code: &impl ToTokens, files: &[String]) -> TokenStream {
    quote! {
        #code
        #(const _: &[::core::primitive::u8] = ::core::include_bytes!(#files);)*
    }
}
