//! How a crate takes in what its build.rs generated. Called by users, once.

/// Puts here what `protocall_build` generated in this crate's build.rs: every package that it compiled, as its module
/// tree, `chat.v1` as `chat::v1`; what is in no package comes first, without a module.
///
/// ```rust,ignore
/// mod proto {
///     protocall::include_schema!();
/// }
/// use proto::chat::v1::ChatClient;
/// ```
///
/// It includes `$OUT_DIR/protocall.rs`: without a build.rs that compiles a schema, it does not compile.
#[macro_export]
macro_rules! include_schema {
    () => {
        ::core::include!(::core::concat!(::core::env!("OUT_DIR"), "/protocall.rs"));
    };
}
