//! As volo-build's documentation has it, without a `volo.yml`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=schemas");
    volo_build::Builder::thrift().add_service("schemas/bench.thrift").write()?;
    Ok(())
}
