/// The service `Empty`.
#[allow(dead_code, unreachable_pub)]
pub trait Empty: ::core::marker::Send + ::core::marker::Sync + 'static {}
/// What is known of `Empty` at compile time.
#[allow(unreachable_pub)]
pub static EMPTY_SPEC: ::protocall::ServiceSpec = ::protocall::ServiceSpec::new(
    "Empty",
    const { &[] },
);
/// Serves a [`Empty`]: what a router takes to handle the calls of `Empty`.
#[allow(dead_code, unreachable_pub)]
pub struct EmptyServer<T> {
    service: ::std::sync::Arc<T>,
}
#[allow(dead_code, unreachable_pub)]
impl<T: Empty> EmptyServer<T> {
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
impl<T> ::core::clone::Clone for EmptyServer<T> {
    fn clone(&self) -> Self {
        Self {
            service: ::core::clone::Clone::clone(&self.service),
        }
    }
}
impl<T> ::core::fmt::Debug for EmptyServer<T> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("EmptyServer").finish_non_exhaustive()
    }
}
impl<T: Empty> ::protocall::__private::v1::Service for EmptyServer<T> {
    fn spec(&self) -> &'static ::protocall::ServiceSpec {
        &EMPTY_SPEC
    }
    fn dispatch(
        &self,
        _: usize,
        call: ::protocall::__private::v1::Incoming,
    ) -> ::protocall::__private::v1::Handling {
        call.unimplemented()
    }
}
/// Calls the [`Empty`] at the other end.
#[allow(dead_code, unreachable_pub)]
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
pub struct EmptyClient {
    caller: ::protocall::Caller,
}
#[allow(
    dead_code,
    deprecated,
    unreachable_pub,
    clippy::doc_lazy_continuation,
    clippy::doc_markdown
)]
impl EmptyClient {
    /// Calls through `caller`: a channel or a session.
    #[must_use]
    pub fn new(caller: impl ::core::convert::Into<::protocall::Caller>) -> Self {
        Self {
            caller: ::core::convert::Into::into(caller),
        }
    }
}
#[allow(deprecated)]
impl Empty for EmptyClient {}
