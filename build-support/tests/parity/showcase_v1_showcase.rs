//! The services of `schemas/showcase/v1/showcase.proto`, as one would write them without it. Read by `parity.rs`, not compiled.

/// Comments that would break a user's documentation, were they not made safe:
///
/// ```text
/// this_is_not_rust(;
/// ```
///
/// ~~~text
/// compile_error!("never a doctest");
/// ~~~
///
/// ```text
/// indented_code_is_a_doctest_too(;
/// ```
///
/// See \[RFC 9110\] and <https://example.com/a_b?c=[d>\], a \<tag\>, an \`unclosed tick,
/// a "quote", a backslash \, */ and /* and #\[derive\].
#[service(package = "showcase.v1")]
pub trait Showcase {
    /// Each option.
    #[deprecated]
    #[method(timeout = "1500ms", max_message = "16MiB", no_side_effects)]
    async fn options(&self, ctx: &Context, req: Type) -> Result<Type, Status>;
    /// No time limit.
    #[method(timeout = "none")]
    async fn wait(&self, ctx: &Context, req: Type) -> Result<Type, Status>;
    /// Named as a keyword.
    async fn r#async(&self, ctx: &Context, req: Type) -> Result<Type, Status>;
    /// Named as a keyword that cannot be a raw identifier.
    async fn self_(&self, ctx: &Context, req: Type) -> Result<Type, Status>;
    /// Named as what every client has already.
    #[method(name = "Clone")]
    async fn duplicate(&self, ctx: &Context, req: Type) -> Result<Type, Status>;
    /// A name that is not in camel case already.
    #[method(name = "getHTTPStatus2")]
    async fn get_http_status2(&self, ctx: &Context, req: Type) -> Result<Type, Status>;
    /// Types of another package, nested ones too.
    async fn imported(
        &self,
        ctx: &Context,
        req: super::common::v1::User,
    ) -> Result<super::common::v1::user::Address, Status>;
    /// Types of a package that is a keyword.
    async fn keyword(
        &self,
        ctx: &Context,
        req: super::r#type::v1::Option,
    ) -> Result<super::r#type::v1::Option, Status>;
    /// Nested types of this file.
    async fn nested(&self, ctx: &Context, req: outer::Inner) -> Result<outer::inner::Innermost, Status>;
    /// Google's types.
    async fn well_known(
        &self,
        ctx: &Context,
        req: ::protocall::__private::v1::prost_types::Timestamp,
    ) -> Result<::protocall::__private::v1::prost_types::Duration, Status>;
    /// A type that prost turns into one of Rust's.
    async fn wrapped(
        &self,
        ctx: &Context,
        req: ::protocall::__private::v1::prost::alloc::string::String,
    ) -> Result<(), Status>;
    /// Nothing, either way, and yet a call.
    async fn ping(&self, ctx: &Context, req: ()) -> Result<(), Status>;
    /// Streams of another package's type.
    async fn watch(
        &self,
        ctx: &Context,
        req: (),
        out: SendStream<super::common::v1::User>,
    ) -> Result<(), Status>;
    /// A trailing comment.
    async fn undocumented(&self, ctx: &Context, req: Type) -> Result<Type, Status>;
}

/// Its trait has a name of its own, because in Rust's case the message `Outer` has taken this one.
#[deprecated]
#[service(package = "showcase.v1", name = "outer")]
pub trait OuterService {
    async fn get(&self, ctx: &Context, req: Outer) -> Result<Outer, Status>;
}

/// A service without methods.
#[service(package = "showcase.v1")]
pub trait Nothing {}
