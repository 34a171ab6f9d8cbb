//! The build.rs front end: what cargo says comes in, the pure half works, what cargo must know goes out.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use protocall_codegen::{
    expand::{Bodies, Sides},
    report::{Place, Report},
    rule::Rule,
};

use crate::{
    Error,
    generate::{Generated, generate},
    options::Options,
    schema::{Schema, Sources},
};

/// The file that `protocall::include_schema!()` includes.
const FILE: &str = "protocall.rs";

/// Compiles `protos` and all that they import, with all options as they are by default.
///
/// # Errors
/// Every mistake in the schema that can be found at once.
pub fn compile(protos: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) -> Result<(), Error> {
    Builder::new().compile(protos, includes)
}

/// Compiles schemas in a build script. One script may do so several times: the packages of each call come beside
/// those of the others.
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing before `compile`"]
pub struct Builder {
    options: Options,
    out_dir: Option<PathBuf>,
}

impl Builder {
    /// All options as they are by default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses what is at `rust_path` for the types below `proto_path`, `.chat.v1` or `.chat.v1.Message`, and
    /// generates nothing for them.
    pub fn extern_path(mut self, proto_path: impl Into<String>, rust_path: impl Into<String>) -> Self {
        self.options.extern_paths.push((proto_path.into(), rust_path.into()));
        self
    }

    /// Where generated code finds the runtime, if not at `::protocall`.
    pub fn runtime_path(mut self, path: impl Into<String>) -> Self {
        self.options.runtime_path = path.into();
        self
    }

    /// Puts an attribute on every message and enum below `path`; `.` is all of them.
    pub fn type_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.options.type_attributes.push((path.into(), attribute.into()));
        self
    }

    /// Puts an attribute on every field below `path`; `.` is all of them.
    pub fn field_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.options.field_attributes.push((path.into(), attribute.into()));
        self
    }

    /// Writes `protocall.rs` into `dir` instead of cargo's `OUT_DIR`.
    pub fn out_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(dir.into());
        self
    }

    /// Clients, and no servers.
    pub fn client_only(mut self) -> Self {
        self.options.sides = Sides::Client;
        self
    }

    /// Servers, and no clients.
    pub fn server_only(mut self) -> Self {
        self.options.sides = Sides::Server;
        self
    }

    /// Gives the methods of each service's trait bodies that answer UNIMPLEMENTED, so that a server may leave
    /// some out.
    pub fn stubs(mut self) -> Self {
        self.options.bodies = Bodies::Unimplemented;
        self
    }

    /// Compiles `protos` and all that they import. Each lies below one of `includes`, where imports start; without any
    /// they start where each file's package does. Google's own files and `protocall/options.proto` are found by
    /// themselves.
    ///
    /// # Errors
    /// Every mistake in the schema that can be found at once.
    pub fn compile(self, protos: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) -> Result<(), Error> {
        let protos: Vec<PathBuf> = protos.iter().map(|path| path.as_ref().to_owned()).collect();
        let includes: Vec<PathBuf> = includes.iter().map(|path| path.as_ref().to_owned()).collect();
        let base = PathBuf::new();
        let sources = if includes.is_empty() {
            Sources::inferred(protos, base)
        } else {
            Sources { protos, includes, base }
        };
        // Watched even if broken or not there: that is when they will change.
        watch(&sources.protos);
        self.write(&Schema::read(&sources)?)
    }

    /// Compiles what protoc or buf compiled before, which is the way for files with an `edition`: a descriptor
    /// set, made with `--include_imports --include_source_info`.
    ///
    /// # Errors
    /// If it cannot be read or is not whole, and every mistake in its services.
    pub fn compile_descriptor_set(self, path: impl AsRef<Path>) -> Result<(), Error> {
        watch(&[path.as_ref().to_owned()]);
        self.write(&Schema::read_set(path.as_ref(), Path::new(""))?)
    }

    fn write(self, schema: &Schema) -> Result<(), Error> {
        watch(schema.files_read());
        let generated = generate(schema, &self.options)?;
        let dir =
            self.out_dir.or_else(|| env::var_os("OUT_DIR").map(PathBuf::from)).ok_or(Error::NoOutDir)?;
        let path = dir.join(FILE);
        let text = beside_earlier(&path, generated)?;
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return Ok(());
        }
        fs::create_dir_all(&dir)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| Error::Write { path, error })
    }
}

/// What calls of this process have written, by the file: its packages and its text.
static WRITTEN: Mutex<BTreeMap<PathBuf, (Vec<String>, String)>> = Mutex::new(BTreeMap::new());

/// The text for `path`: `generated` and what earlier calls put there.
fn beside_earlier(path: &Path, mut generated: Generated) -> Result<String, Report> {
    let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    let (packages, text) = written.entry(path.to_owned()).or_default();
    let mut report = Report::new();
    for package in generated.packages().iter().filter(|package| packages.contains(package)) {
        report.add(Place::Call, Rule::PackageTwice { package: package.clone() });
    }
    report.finish(())?;
    generated.absorb(text);
    packages.extend_from_slice(generated.packages());
    *text = generated.text();
    Ok(text.clone())
}

/// Tells cargo to run the script again when one of `files` changes.
fn watch(files: &[PathBuf]) {
    for file in files {
        println!("cargo:rerun-if-changed={}", file.display());
    }
}
