//! As volo-build's documentation has it, without a `volo.yml`: thrift for the calls, gRPC for the streams.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=schemas");
    println!("cargo:rerun-if-changed=../../schemas");
    volo_build::Builder::thrift().add_service("schemas/bench.thrift").write()?;
    let grpc = volo_build::Builder::protobuf().filename(PathBuf::from("volo_grpc_gen.rs"));
    let schemas = PathBuf::from("../../schemas");
    grpc.add_service(schemas.join("streams.proto")).include_dirs(vec![schemas]).write()?;
    Ok(())
}
