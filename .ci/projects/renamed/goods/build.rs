fn main() -> Result<(), rpc_build::Error> {
    rpc_build::Builder::new()
        .runtime_path("::rpc")
        .compile(&["../schemas/goods/v1/goods.proto"], &["../schemas"])
}
