//! The build script of the README.

fn main() -> Result<(), protocall_build::Error> {
    let schemas = ["bench", "both_ways", "large"].map(|schema| format!("../../schemas/{schema}.proto"));
    protocall_build::compile(&schemas, &["../../schemas"])
}
