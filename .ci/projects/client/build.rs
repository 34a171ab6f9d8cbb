fn main() -> Result<(), protocall_build::Error> {
    protocall_build::compile(&["schemas/hello/v1/hello.proto"], &["schemas"])
}
