//! The build script of the README.

fn main() -> Result<(), protocall_build::Error> {
    let schemas = ["bench", "both_ways", "large", "streams"];
    let schemas = schemas.map(|schema| format!("../../schemas/{schema}.proto"));
    protocall_build::compile(&schemas, &["../../schemas"])
}
