//! The services of `schemas/showcase/services.proto`, as one would write them without it. Read by `parity.rs`, not compiled.

/// All its messages are another package's.
#[service(package = "showcase.services")]
pub trait Directory {
    async fn find(
        &self,
        ctx: &Context,
        req: super::common::v1::User,
        out: SendStream<super::common::v1::User>,
    ) -> Result<(), Status>;
}
