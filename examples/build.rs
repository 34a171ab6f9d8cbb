//! Compiles the schemas of the examples, without protoc.

fn main() -> Result<(), protocall_build::Error> {
    let protos = [
        "../schemas/files/v1/files.proto",
        "../schemas/hello/v1/hello.proto",
        "../schemas/lounge/v1/lounge.proto",
        "../schemas/quickstart/v1/quickstart.proto",
    ];
    protocall_build::compile(&protos, &["../schemas"])
}
