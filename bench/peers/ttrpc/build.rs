//! As ttrpc's README has it, more or less.

use std::path::PathBuf;

use ttrpc_codegen::{Codegen, Customize, ProtobufCustomize};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../../schemas");
    let mut codegen = Codegen::new();
    let inputs = ["bench.proto", "upload.proto", "streams.proto"].map(|file| format!("../../schemas/{file}"));
    codegen.inputs(inputs).include("../../schemas");
    codegen.rust_protobuf().customize(Customize { async_all: true, ..Customize::default() });
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    codegen.rust_protobuf_customize(ProtobufCustomize::default().gen_mod_rs(false)).out_dir(&out).run()?;
    // Its own `mod.rs` begins with an attribute that `include!` refuses.
    let modules = ["bench", "bench_ttrpc", "upload_ttrpc", "streams", "streams_ttrpc"];
    let modules = modules.map(|module| format!("pub mod {module};\n"));
    std::fs::write(out.join("mod.rs"), modules.concat())?;
    Ok(())
}
