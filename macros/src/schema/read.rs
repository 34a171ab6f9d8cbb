//! Reads schemas from below the folder of the crate that calls the macro.
//!
//! Imports start where `includes` says or, without it, where a file's package says: [`Sources::inferred`].

use std::{env, path::PathBuf};

use proc_macro2::{Span, TokenStream};
use protocall_build::{
    generate::{Generated, generate},
    schema::{Schema, Sources},
};
use protocall_codegen::{
    attribute::Found,
    inline::with_files,
    report::{At, Place, Report},
    rule::Rule,
};

use super::arguments::Arguments;

/// All that `proto!("…")` becomes.
pub(crate) fn inline(arguments: TokenStream) -> TokenStream {
    let expanded = syn::parse2::<Arguments>(arguments).and_then(|arguments| {
        let call = arguments.protos.first().map_or_else(Span::call_site, |proto| proto.place.span());
        let (generated, files) = read(&arguments).map_err(|report| report.into_error(call))?;
        Ok(with_files(&generated.tokens(), &files))
    });
    expanded.unwrap_or_else(|error| error.to_compile_error())
}

/// The service `name` of the file `proto`, or its only one.
pub(crate) fn find_service(proto: &At<String>, name: Option<&At<String>>) -> Result<Found, Report> {
    let arguments = Arguments { protos: vec![proto.clone()], ..Arguments::default() };
    let (generated, files) = read(&arguments)?;
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

/// Generates what the files have, and tells which files were read.
fn read(arguments: &Arguments) -> Result<(Generated, Vec<String>), Report> {
    let base = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut report = Report::new();
    for file in arguments.protos.iter().map(|proto| &proto.value).filter(|file| !base.join(file).is_file()) {
        let tried = "it from the crate's folder".to_owned();
        report.add(Place::Call, Rule::FileNotFound { file: file.clone(), tried });
    }
    report.finish(())?;
    let protos = arguments.protos.iter().map(|proto| PathBuf::from(&proto.value)).collect();
    let sources = match arguments.includes.clone() {
        Some(includes) => Sources { protos, includes, base },
        None => Sources::inferred(protos, base),
    };
    let schema = Schema::read(&sources)?;
    let files = schema.files_read().iter().map(|file| file.display().to_string()).collect();
    Ok((generate(&schema, &arguments.options)?, files))
}
