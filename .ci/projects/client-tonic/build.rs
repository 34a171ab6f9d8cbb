fn main() -> std::io::Result<()> {
    tonic_prost_build::configure().compile_protos(&["schemas/hello/v1/hello.proto"], &["schemas"])
}
