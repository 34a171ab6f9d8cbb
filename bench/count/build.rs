//! The build script of the README.

fn main() -> Result<(), protocall_build::Error> {
    let schemas = ["../schemas/bench.proto", "../schemas/both_ways.proto", "../schemas/streams.proto"];
    protocall_build::compile(&schemas, &["../schemas"])
}
