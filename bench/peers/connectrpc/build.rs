//! protox reads the schema, so that protoc is not needed; the rest is as connectrpc's README has it.

use std::path::PathBuf;

use protox::prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let set = PathBuf::from(std::env::var("OUT_DIR")?).join("schemas.bin");
    let files = ["bench.proto", "upload.proto", "streams.proto"];
    std::fs::write(&set, protox::compile(files, ["../../schemas"])?.encode_to_vec())?;
    println!("cargo:rerun-if-changed=../../schemas");
    let config = connectrpc_build::Config::new().files(&files).descriptor_set(set);
    config.generate_json(false).include_file("_connectrpc.rs").compile()?;
    Ok(())
}
