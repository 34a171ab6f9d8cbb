//! protox reads the schema, so that protoc is not needed; the rest is tonic's own.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = protox::compile(["bench.proto", "upload.proto", "streams.proto"], ["../../schemas"])?;
    println!("cargo:rerun-if-changed=../../schemas");
    tonic_prost_build::configure().bytes(".").compile_fds(files)?;
    Ok(())
}
