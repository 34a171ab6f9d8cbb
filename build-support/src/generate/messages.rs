//! Messages, as prost-build writes them, and the Rust types of each method, as it names them. Called by
//! [`super::generate`].

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use prost_build::{Config, Module, Service, ServiceGenerator};
use protocall_codegen::{
    names::{to_snake, to_upper_camel},
    report::Report,
    rule::Rule,
};
use syn::Item;

use super::{ModulePath, comments::Comments, nowhere};
use crate::{
    options::Options,
    schema::{
        Schema,
        lower::{Types, rust_type},
    },
};

/// What [`generate`] made.
#[derive(Debug)]
pub(super) struct Messages {
    /// The items of each module that has any.
    pub(super) items: BTreeMap<ModulePath, Vec<Item>>,
    /// The types of each service's methods, by the service's full name.
    pub(super) types: BTreeMap<String, Vec<Types>>,
}

/// Google's messages that are a type of Rust's, or of prost's, instead of one of their own.
const PLAIN: &[(&str, &str)] = &[
    ("BoolValue", "bool"),
    ("BytesValue", "{prost}::alloc::vec::Vec<u8>"),
    ("DoubleValue", "f64"),
    ("Empty", "()"),
    ("FloatValue", "f32"),
    ("Int32Value", "i32"),
    ("Int64Value", "i64"),
    ("StringValue", "{prost}::alloc::string::String"),
    ("UInt32Value", "u32"),
    ("UInt64Value", "u64"),
];

/// The module of a package.
pub(super) fn module_of(package: &str) -> ModulePath {
    Module::from_protobuf_package_name(package).parts().map(str::to_owned).collect()
}

/// Runs prost-build over the files of `schema`.
pub(super) fn generate(schema: &Schema, options: &Options) -> Result<Messages, Report> {
    let types = Rc::new(RefCell::new(BTreeMap::new()));
    let mut config = config(schema, options);
    config.service_generator(Box::new(TypesOf(Rc::clone(&types))));
    let mut comments = Comments::default();
    // Google's too: nothing is generated for them, but what has a field of theirs depends on what they have.
    let files = schema.all_files().iter().cloned().map(|mut file| {
        comments.take(&mut file);
        (Module::from_protobuf_package_name(file.package()), file)
    });
    let files = files.collect();
    let invalid = |error: String| nowhere(Rule::InvalidSchema { error });
    let texts = config.generate(files).map_err(|error| invalid(error.to_string()))?;
    let mut items = BTreeMap::new();
    for (module, text) in texts {
        let file = syn::parse_file(&comments.put_back(&text));
        let file = file.map_err(|error| invalid(format!("prost-build wrote what is not Rust: {error}")))?;
        items.insert(module.parts().map(str::to_owned).collect(), file.items);
    }
    Ok(Messages { items, types: types.take() })
}

fn config(schema: &Schema, options: &Options) -> Config {
    let private = format!("{}::__private::v1", options.runtime_path);
    let prost = format!("{private}::prost");
    let mut config = Config::new();
    config.prost_path(&prost).bytes(["."]).enable_type_names().type_name_domain(["."], "type.googleapis.com");
    // prost-build's own list of google's types would be an error for a user who maps one of them.
    config.compile_well_known_types();
    for (proto, rust) in embedded(schema, &private) {
        if !options.extern_paths.iter().any(|(mapped, _)| *mapped == proto) {
            config.extern_path(proto, rust);
        }
    }
    for (proto, rust) in &options.extern_paths {
        config.extern_path(proto, rust);
    }
    for (path, attribute) in &options.type_attributes {
        config.type_attribute(path, attribute);
    }
    for (path, attribute) in &options.field_attributes {
        config.field_attribute(path, attribute);
    }
    config
}

/// The types that everybody has, each by its full name: of a path that stands for more than one, prost-build would
/// rewrite the `__private`.
fn embedded(schema: &Schema, private: &str) -> Vec<(String, String)> {
    let rust = |package: &str, name: &str| match PLAIN.iter().find(|(plain, _)| *plain == name) {
        Some((_, rust)) => rust.replace("{prost}", &format!("{private}::prost")),
        None if package.starts_with("google.") => {
            format!("{private}::prost_types::{}", in_prost_types(package, name))
        }
        // The options are for schemas, and no message has them.
        None => "()".to_owned(),
    };
    let types = schema.embedded_types();
    types.map(|(package, name)| (format!(".{package}.{name}"), rust(&package, &name))).collect()
}

/// `FieldOptions.CType` -> `field_options::CType`.
fn in_prost_types(package: &str, name: &str) -> String {
    let inner_package = package.strip_prefix("google.protobuf").unwrap_or_default();
    let path = format!("{inner_package}.{name}");
    let mut segments: Vec<&str> = path.trim_start_matches('.').split('.').collect();
    let last = segments.pop().map(to_upper_camel).unwrap_or_default();
    segments.into_iter().map(to_snake).chain([last]).collect::<Vec<_>>().join("::")
}

/// Writes no code: it notes the types that prost-build found.
struct TypesOf(Rc<RefCell<BTreeMap<String, Vec<Types>>>>);

impl ServiceGenerator for TypesOf {
    fn generate(&mut self, service: Service, text: &mut String) {
        // prost-build panics at a package that has services and no text.
        text.push_str("// Its service follows.\n");
        let name = match service.package.as_str() {
            "" => service.proto_name,
            package => format!("{package}.{}", service.proto_name),
        };
        let methods = service.methods.iter();
        let types = methods.map(|method| (rust_type(&method.input_type), rust_type(&method.output_type)));
        self.0.borrow_mut().insert(name, types.collect());
    }
}
