//! Compiles every schema of the repository, without protoc.

fn main() -> Result<(), protocall_build::Error> {
    let protos = [
        "../schemas/chat/v1/chat.proto",
        "../schemas/echo/v1/echo.proto",
        "../schemas/quickstart/v1/quickstart.proto",
        "../schemas/showcase/legacy.proto",
        "../schemas/showcase/root.proto",
        "../schemas/showcase/v1/showcase.proto",
    ];
    protocall_build::compile(&protos, &["../schemas"])
}
