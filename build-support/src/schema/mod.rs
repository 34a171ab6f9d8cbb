//! The pure half, first part: a schema, read and linked. [`Schema::read`] goes through `source` (find, read,
//! parse) and `link`; `lower` turns its services into drafts when `crate::generate` asks for them. Prints
//! nothing and looks at no environment: all paths come with the call.

mod diagnostic;
mod edition;
mod features;
mod infer;
mod link;
pub(crate) mod lower;
mod options;
pub(crate) mod place;
mod set;
mod source;
pub(crate) mod tag;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use prost_reflect::{DescriptorPool, ServiceDescriptor};
use prost_types::FileDescriptorProto;
use protocall_codegen::report::Report;

/// Where a schema is.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The `.proto` files: paths below an include directory, or as an import would name them.
    pub protos: Vec<PathBuf>,
    /// Where imports start.
    pub includes: Vec<PathBuf>,
    /// What relative paths are relative to; empty for the current directory. Messages leave it out.
    pub base: PathBuf,
}

/// A schema, linked: every name in it means something.
#[derive(Debug)]
pub struct Schema {
    pool: DescriptorPool,
    /// What messages are made from, if it is not what the pool has.
    files: Vec<FileDescriptorProto>,
    shown: HashMap<String, String>,
    read: Vec<PathBuf>,
}

impl Schema {
    /// Reads `.proto` files and all that they import.
    ///
    /// # Errors
    /// All that is missing or is not protobuf; or, if nothing is, all that does not link.
    pub fn read(sources: &Sources) -> Result<Self, Report> {
        let mut report = Report::new();
        let tree = source::parse(sources, &mut report);
        let tree = report.finish(tree)?;
        let mut report = Report::new();
        let pool = link::link(&tree.files, &mut report);
        let pool = report.finish(pool)?;
        let files = pool.files().map(|file| file.file_descriptor_proto().clone()).collect();
        let shown = tree.files.into_iter().map(|file| (file.name, file.shown)).collect();
        Ok(Self { pool, files, shown, read: tree.read })
    }

    /// Reads a descriptor set, as `protoc --include_imports --include_source_info --descriptor_set_out=` or
    /// `buf build -o` write it. This is the way for files with an `edition`.
    ///
    /// # Errors
    /// If it cannot be read, is no descriptor set, or lacks what it imports.
    pub fn read_set(path: &Path, base: &Path) -> Result<Self, Report> {
        set::read(path, base)
    }

    /// Every file read from disk, imports too.
    #[must_use]
    pub fn files_read(&self) -> &[PathBuf] {
        &self.read
    }

    /// The full names of the services, in the order of the files.
    #[must_use]
    pub fn service_names(&self) -> Vec<String> {
        self.services().map(|service| service.full_name().to_owned()).collect()
    }

    pub(crate) fn services(&self) -> impl Iterator<Item = ServiceDescriptor> {
        self.pool.files().flat_map(|file| file.services().collect::<Vec<_>>())
    }

    /// Every file, imports first.
    pub(crate) fn all_files(&self) -> &[FileDescriptorProto] {
        &self.files
    }

    /// The files that become code: not google's, whose types the runtime brings, and not the options.
    pub(crate) fn files(&self) -> impl Iterator<Item = &FileDescriptorProto> {
        self.files.iter().filter(|file| !is_embedded(file.name()))
    }

    /// Messages and enums of the others, nested ones too: package and name.
    pub(crate) fn embedded_types(&self) -> impl Iterator<Item = (String, String)> {
        let messages = self.pool.all_messages().map(|of| (of.parent_file(), of.full_name().to_owned()));
        let enums = self.pool.all_enums().map(|of| (of.parent_file(), of.full_name().to_owned()));
        messages.chain(enums).filter(|(file, _)| is_embedded(file.name())).map(|(file, name)| {
            let package = file.package_name().to_owned();
            let name = name.strip_prefix(&format!("{package}.")).unwrap_or(&name).to_owned();
            (package, name)
        })
    }

    /// How messages to the user name a file.
    pub(crate) fn shown<'a>(&'a self, file: &'a str) -> &'a str {
        self.shown.get(file).map_or(file, String::as_str)
    }
}

/// Whether a file is one that everybody has.
fn is_embedded(name: &str) -> bool {
    name.starts_with("google/protobuf/") || name == source::OPTIONS.0
}
