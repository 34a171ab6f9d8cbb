//! As capnpc's documentation has it; `capnp` itself is what bench/install gets.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=schemas");
    capnpc::CompilerCommand::new()
        .src_prefix("schemas")
        .import_path("schemas")
        .file("schemas/bench.capnp")
        .run()?;
    Ok(())
}
