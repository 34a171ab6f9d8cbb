//! Reads schemas from below the folder of the crate that calls the macro.
//!
//! Imports start where the file's package says: `schemas/chat/v1/chat.proto` of package `chat.v1` starts at `schemas`. The
//! file's other folders, up to the crate's, are tried too, or only what `include` says.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use proc_macro2::TokenStream;
use protocall_build::{
    generate::{Generated, generate},
    options::Options,
    schema::{Schema, Sources},
};
use protocall_codegen::{
    attribute::Found,
    inline::{Inline, with_files},
    report::{At, Place, Report},
    rule::Rule,
};

/// All that `proto!("…")` becomes.
pub(crate) fn inline(arguments: TokenStream) -> TokenStream {
    Inline::parse(arguments)
        .and_then(|inline| expand(&inline))
        .unwrap_or_else(|error| error.to_compile_error())
}

fn expand(inline: &Inline) -> Result<TokenStream, syn::Error> {
    let mut options = Options::default();
    options.runtime_path.clone_from(&inline.runtime_path);
    (options.sides, options.bodies) = (inline.sides, inline.bodies);
    let (generated, files) = read(&inline.proto.value, inline.include.as_deref(), &options)
        .map_err(|report| report.into_error(inline.proto.place.span()))?;
    Ok(with_files(&generated.tokens(), &files))
}

/// The service `name` of the file `proto`, or its only one.
pub(crate) fn find_service(proto: &At<String>, name: Option<&At<String>>) -> Result<Found, Report> {
    let (generated, files) = read(&proto.value, None, &Options::default())?;
    let services = generated.services();
    let known: Vec<_> = services.iter().map(|service| format!("`{}`", service.full_name())).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let mut report = Report::new();
    let found = match (name, services) {
        (Some(name), _) => {
            let found = services.iter().find(|service| service.full_name() == name.value);
            if found.is_none() {
                report.add(name.place.clone(), Rule::UnknownService { service: name.value.clone(), known });
            }
            found
        }
        (None, [only]) => Some(only),
        (None, _) => {
            report.add(proto.place.clone(), Rule::WhichService { known });
            None
        }
    };
    found.cloned().map_or(Err(report), |service| Ok(Found { service, files }))
}

/// Generates what the file has, and tells which files were read.
fn read(proto: &str, include: Option<&str>, options: &Options) -> Result<(Generated, Vec<String>), Report> {
    let base = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    if !base.join(proto).is_file() {
        let mut report = Report::new();
        let tried = "it from the crate's folder".to_owned();
        report.add(Place::Call, Rule::FileNotFound { file: proto.to_owned(), tried });
        return Err(report);
    }
    let includes =
        include.map_or_else(|| includes(&base, Path::new(proto)), |include| vec![PathBuf::from(include)]);
    let schema = Schema::read(&Sources { protos: vec![PathBuf::from(proto)], includes, base: base.clone() })?;
    let files = schema.files_read().iter().map(|file| base.join(file).display().to_string()).collect();
    Ok((generate(&schema, options)?, files))
}

/// The folder at which the file's package starts, then all its folders, the nearest first.
fn includes(base: &Path, proto: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(base.join(proto)).unwrap_or_default();
    let package = text.lines().find_map(|line| line.trim().strip_prefix("package ")).unwrap_or_default();
    let package: PathBuf = package.split(';').next().unwrap_or_default().trim().split('.').collect();
    let folders: Vec<_> = proto.ancestors().skip(1).map(Path::to_owned).collect();
    let start = folders.iter().find(|folder| proto.parent() == Some(&folder.join(&package)));
    start.into_iter().chain(&folders).cloned().collect()
}
