fn main() -> Result<(), rpc_build::Error> {
    rpc_build::Builder::new()
        .runtime_path("::rpc")
        .extern_path(".goods.v1", "::goods::proto::goods::v1")
        .compile(&["schemas/shop/v1/shop.proto"], &["schemas"])
}
