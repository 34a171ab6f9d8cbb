//! The attributes of protocall. Each is a call into [`protocall_codegen`]; what is done here is only what a
//! library cannot do, to find the files of a schema. Use them by their names in `protocall`, which re-exports
//! them.

use proc_macro::TokenStream;

mod schema;

#[doc = include_str!("docs/service.md")]
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    protocall_codegen::attribute::service(arguments.into(), item.into(), &schema::find_service).into()
}

#[doc = include_str!("docs/message.md")]
#[proc_macro_attribute]
pub fn message(arguments: TokenStream, item: TokenStream) -> TokenStream {
    protocall_codegen::message::message(arguments.into(), item.into()).into()
}

#[doc = include_str!("docs/proto.md")]
#[cfg(feature = "schema")]
#[proc_macro]
pub fn proto(arguments: TokenStream) -> TokenStream {
    schema::inline(arguments.into()).into()
}
