//! The services of `schemas/files/v1/files.proto`, as one would write them without it. Read by `parity.rs`, not compiled.

/// Files that are taken and given in pieces, and go on where they broke off.
#[service(package = "files.v1")]
pub trait Files {
    /// What a file is. Only one that is whole is ever found.
    #[method(no_side_effects)]
    async fn find(&self, ctx: &Context, req: FindRequest) -> Result<FileInfo, Status>;
    /// How much of a file has come already, so that its sender goes on from there.
    #[method(no_side_effects)]
    async fn offset(&self, ctx: &Context, req: FileInfo) -> Result<OffsetReply, Status>;
    /// Takes what is missing of a file.
    async fn put(&self, ctx: &Context, input: RecvStream<Part>) -> Result<FileInfo, Status>;
    /// Gives a file from an offset on.
    async fn get(&self, ctx: &Context, req: GetRequest, out: SendStream<Chunk>) -> Result<(), Status>;
}
