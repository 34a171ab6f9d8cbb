//! What a user can set, in the same words for every front end, and whether it is well written. Made by
//! [`crate::Builder`] or a macro, read by [`crate::generate`].

use protocall_codegen::{
    expand::{Bodies, Sides},
    report::{Place, Report},
    rule::Rule,
};
use syn::{Attribute, Path, parse::Parser};

/// How code is generated.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Protobuf paths and the Rust paths that stand for them: nothing is generated for these.
    pub extern_paths: Vec<(String, String)>,
    /// Where the runtime is: `::protocall`.
    pub runtime_path: String,
    /// Protobuf paths and the attributes of the types below them.
    pub type_attributes: Vec<(String, String)>,
    /// Protobuf paths and the attributes of the fields below them.
    pub field_attributes: Vec<(String, String)>,
    /// The client, the server or both.
    pub sides: Sides,
    /// Whether the methods of a service's trait have bodies.
    pub bodies: Bodies,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            extern_paths: Vec::new(),
            runtime_path: "::protocall".to_owned(),
            type_attributes: Vec::new(),
            field_attributes: Vec::new(),
            sides: Sides::default(),
            bodies: Bodies::default(),
        }
    }
}

impl Options {
    /// Whether the item `full_name` is the user's own elsewhere, so that nothing is generated for it.
    pub(crate) fn is_extern(&self, full_name: &str) -> bool {
        self.extern_paths
            .iter()
            .filter_map(|(proto, _)| full_name.strip_prefix(proto.strip_prefix('.')?))
            .any(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// The runtime's path, if all that is set can be used. prost-build would panic on what cannot.
    pub(crate) fn check(&self) -> Result<Path, Report> {
        let mut report = Report::new();
        for (index, (proto, rust)) in self.extern_paths.iter().enumerate() {
            let twice = self.extern_paths[..index].iter().any(|(earlier, _)| earlier == proto);
            if let Some(error) = extern_path_error(proto, rust, twice.then_some(proto)) {
                let (proto, rust, error) = (proto.clone(), rust.clone(), error.to_owned());
                report.add(Place::Call, Rule::BadExternPath { proto, rust, error });
            }
        }
        for (_, attribute) in self.type_attributes.iter().chain(&self.field_attributes) {
            if Attribute::parse_outer.parse_str(attribute).is_err() {
                report.add(Place::Call, Rule::BadAttribute { attribute: attribute.clone() });
            }
        }
        let path = syn::parse_str::<Path>(&self.runtime_path);
        if path.is_err() {
            report.add(Place::Call, Rule::BadPath { path: self.runtime_path.clone() });
        }
        match path {
            Ok(path) => report.finish(path),
            Err(_) => Err(report),
        }
    }
}

fn extern_path_error(proto: &str, rust: &str, earlier: Option<&String>) -> Option<&'static str> {
    let names = proto.strip_prefix('.');
    if names.is_none_or(|names| names.split('.').any(str::is_empty)) {
        Some("has a protobuf path that does not begin with a dot, or has nothing between two of them")
    } else if syn::parse_str::<syn::Type>(rust).is_err() {
        Some("has no Rust path")
    } else if earlier.is_some() {
        Some("is set twice")
    } else {
        None
    }
}
