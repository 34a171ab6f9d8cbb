/// See \[Other\], \[`Missing`\] and Vec\<Option\<T\>\>, at <https://example.com/a_b>.
///
/// - one
/// lazy
///  - two
#[allow(clippy::doc_lazy_continuation, clippy::doc_markdown)]
#[allow(dead_code, unreachable_pub)]
pub trait Type: ::core::marker::Send + ::core::marker::Sync + 'static {
    /// Code:
    /// ```text
    /// let not_a_test = [;
    /// ```
    ///
    /// ```text
    /// indented [code]
    /// ```
    ///
    /// An open \`tick, a *star.
    fn r#type(
        &self,
        ctx: &::protocall::Context,
        req: JoinRequest,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<JoinRequest, ::protocall::Status>,
    > + ::core::marker::Send;
    /// \<div\> & &amp; \
    fn self_(
        &self,
        ctx: &::protocall::Context,
        req: JoinRequest,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<JoinRequest, ::protocall::Status>,
    > + ::core::marker::Send;
    /// The method `type.async.Type/Gen`.
    fn r#gen(
        &self,
        ctx: &::protocall::Context,
        req: JoinRequest,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<JoinRequest, ::protocall::Status>,
    > + ::core::marker::Send;
    /// The method `type.async.Type/HTTPNote`.
    fn http_note(
        &self,
        ctx: &::protocall::Context,
        req: JoinRequest,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<(), ::protocall::Status>,
    > + ::core::marker::Send;
}
/// What is known of `type.async.Type` at compile time.
#[allow(unreachable_pub)]
pub static TYPE_SPEC: ::protocall::ServiceSpec = ::protocall::ServiceSpec::new(
    "type.async.Type",
    const {
        &[
            ::protocall::MethodSpec::new(
                "type.async.Type/Type",
                ::protocall::MethodKind::Unary,
            ),
            ::protocall::MethodSpec::new(
                "type.async.Type/Self",
                ::protocall::MethodKind::Unary,
            ),
            ::protocall::MethodSpec::new(
                "type.async.Type/Gen",
                ::protocall::MethodKind::Unary,
            ),
            ::protocall::MethodSpec::new(
                "type.async.Type/HTTPNote",
                ::protocall::MethodKind::Push,
            ),
        ]
    },
);
/// Serves a [`Type`]: what a router takes to handle the calls of `type.async.Type`.
#[allow(dead_code, unreachable_pub)]
pub struct TypeServer<T> {
    service: ::std::sync::Arc<T>,
}
#[allow(dead_code, unreachable_pub)]
impl<T: Type> TypeServer<T> {
    /// Serves `service`.
    #[must_use]
    pub fn new(service: T) -> Self {
        Self {
            service: ::std::sync::Arc::new(service),
        }
    }
    /// Serves a `service` that others hold too.
    #[must_use]
    pub fn from_arc(service: ::std::sync::Arc<T>) -> Self {
        Self { service }
    }
}
impl<T> ::core::clone::Clone for TypeServer<T> {
    fn clone(&self) -> Self {
        Self {
            service: ::core::clone::Clone::clone(&self.service),
        }
    }
}
impl<T> ::core::fmt::Debug for TypeServer<T> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("TypeServer").finish_non_exhaustive()
    }
}
impl<T: Type> ::protocall::__private::v1::Service for TypeServer<T> {
    fn spec(&self) -> &'static ::protocall::ServiceSpec {
        &TYPE_SPEC
    }
    fn dispatch(
        &self,
        method: usize,
        call: ::protocall::__private::v1::Incoming,
    ) -> ::protocall::__private::v1::Handling {
        let service = ::core::clone::Clone::clone(&self.service);
        match method {
            0 => {
                call.unary(move |ctx: ::protocall::Context, req: JoinRequest| async move {
                    <T as Type>::r#type(&*service, &ctx, req).await
                })
            }
            1 => {
                call.unary(move |ctx: ::protocall::Context, req: JoinRequest| async move {
                    <T as Type>::self_(&*service, &ctx, req).await
                })
            }
            2 => {
                call.unary(move |ctx: ::protocall::Context, req: JoinRequest| async move {
                    <T as Type>::r#gen(&*service, &ctx, req).await
                })
            }
            3 => {
                call.push(move |
                    mut pushes: ::protocall::__private::v1::Pushes<JoinRequest>|
                async move {
                    while pushes.advance() {
                        pushes
                            .run(|ctx, req| <T as Type>::http_note(&*service, ctx, req))
                            .await;
                    }
                })
            }
            _ => call.unimplemented(),
        }
    }
}
/// Calls the [`Type`] at the other end.
#[deprecated]
#[allow(dead_code, unreachable_pub)]
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
pub struct TypeClient {
    caller: ::protocall::Caller,
}
#[allow(
    dead_code,
    deprecated,
    unreachable_pub,
    clippy::doc_lazy_continuation,
    clippy::doc_markdown
)]
impl TypeClient {
    /// Calls through `caller`: a channel or a session.
    #[must_use]
    pub fn new(caller: impl ::core::convert::Into<::protocall::Caller>) -> Self {
        Self {
            caller: ::core::convert::Into::into(caller),
        }
    }
    /// Code:
    /// ```text
    /// let not_a_test = [;
    /// ```
    ///
    /// ```text
    /// indented [code]
    /// ```
    ///
    /// An open \`tick, a *star.
    pub fn r#type(
        &self,
        req: JoinRequest,
    ) -> ::protocall::Call<JoinRequest, JoinRequest> {
        ::protocall::__private::v1::unary(&self.caller, &TYPE_SPEC.methods[0], req)
    }
    /// \<div\> & &amp; \
    pub fn self_(
        &self,
        req: JoinRequest,
    ) -> ::protocall::Call<JoinRequest, JoinRequest> {
        ::protocall::__private::v1::unary(&self.caller, &TYPE_SPEC.methods[1], req)
    }
    /// Calls `type.async.Type/Gen`.
    pub fn r#gen(
        &self,
        req: JoinRequest,
    ) -> ::protocall::Call<JoinRequest, JoinRequest> {
        ::protocall::__private::v1::unary(&self.caller, &TYPE_SPEC.methods[2], req)
    }
    /// Calls `type.async.Type/HTTPNote`.
    pub fn http_note(&self, req: JoinRequest) -> ::protocall::Push<JoinRequest> {
        ::protocall::__private::v1::push(&self.caller, &TYPE_SPEC.methods[3], req)
    }
}
#[allow(deprecated)]
impl Type for TypeClient {
    fn r#type(
        &self,
        ctx: &::protocall::Context,
        req: JoinRequest,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<JoinRequest, ::protocall::Status>,
    > + ::core::marker::Send {
        ::protocall::__private::v1::forward_unary(ctx, Self::r#type(self, req))
    }
    fn self_(
        &self,
        ctx: &::protocall::Context,
        req: JoinRequest,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<JoinRequest, ::protocall::Status>,
    > + ::core::marker::Send {
        ::protocall::__private::v1::forward_unary(ctx, Self::self_(self, req))
    }
    fn r#gen(
        &self,
        ctx: &::protocall::Context,
        req: JoinRequest,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<JoinRequest, ::protocall::Status>,
    > + ::core::marker::Send {
        ::protocall::__private::v1::forward_unary(ctx, Self::r#gen(self, req))
    }
    fn http_note(
        &self,
        ctx: &::protocall::Context,
        req: JoinRequest,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<(), ::protocall::Status>,
    > + ::core::marker::Send {
        ::protocall::__private::v1::forward_push(ctx, Self::http_note(self, req))
    }
}
