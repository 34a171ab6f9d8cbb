//! Prints what a schema becomes.
use protocall_build::{
    generate::generate,
    options::Options,
    schema::{Schema, Sources},
};
fn main() {
    let mut args = std::env::args().skip(1);
    let include = args.next().unwrap();
    let protos = args.map(Into::into).collect();
    let sources = Sources { protos, includes: vec![include.into()], base: Default::default() };
    match Schema::read(&sources).and_then(|schema| {
        eprintln!("{:?}", schema.files_read());
        generate(&schema, &Options::default())
    }) {
        Ok(g) => {
            println!("{}", g.text());
            eprintln!("{:?}", g.notes());
        }
        Err(r) => println!("ERRORS\n{r}"),
    }
}
