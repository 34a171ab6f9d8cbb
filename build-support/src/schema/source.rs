//! First stage: finds the `.proto` files, reads and parses them and all that they import. Called by
//! [`super::read`]; what it leaves is linked by [`super::link`].

use std::{
    collections::HashSet,
    fs,
    path::{Component, Path, PathBuf},
};

use prost_reflect::DescriptorPool;
use prost_types::FileDescriptorProto;
use protocall_codegen::{
    report::{Place, Report},
    rule::Rule,
};

use super::{Sources, diagnostic, edition, place, tag};

/// The options that a schema may set; it travels in this package.
pub(super) const OPTIONS: (&str, &str) =
    ("protocall/options.proto", include_str!("../../proto/protocall/options.proto"));

/// A file that was read and parsed.
#[derive(Debug)]
pub(super) struct Parsed {
    /// `chat/v1/chat.proto`: how others import it.
    pub(super) name: String,
    /// How messages to the user name it: its path, relative to where the user's paths are.
    pub(super) shown: String,
    /// Its text; none for google's own files.
    pub(super) text: Option<String>,
    /// What it says, with nothing resolved yet.
    pub(super) descriptor: FileDescriptorProto,
}

/// What [`parse`] found.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Each file once, what is imported before what imports it.
    pub(super) files: Vec<Parsed>,
    /// Names of the files that the user asked for.
    pub(super) roots: Vec<String>,
    /// Paths of all files read from disk.
    pub(super) read: Vec<PathBuf>,
}

/// Reads and parses the files of `sources` and their imports; tells `report` of each that is missing or broken.
pub(super) fn parse(sources: &Sources, report: &mut Report) -> Tree {
    let mut walk = Walk { sources, report, tree: Tree::default(), seen: HashSet::new(), stack: Vec::new() };
    for path in &sources.protos {
        if let Some(name) = walk.name_of(path) {
            walk.visit(&name, None);
            walk.tree.roots.push(name);
        }
    }
    walk.tree
}

struct Walk<'a> {
    sources: &'a Sources,
    report: &'a mut Report,
    tree: Tree,
    seen: HashSet<String>,
    stack: Vec<String>,
}

impl Walk<'_> {
    /// The import name of a path that the user gave: what follows an include directory. A path that is not
    /// there is looked up as an import would be.
    fn name_of(&mut self, path: &Path) -> Option<String> {
        let sources = self.sources;
        let on_disk = sources.base.join(path);
        if !on_disk.is_file() {
            return match self.find(&import_name(path)) {
                Some(_) => Some(import_name(path)),
                None => {
                    let (file, tried) = (path.display().to_string(), self.tried(path));
                    self.report.add(Place::Call, Rule::FileNotFound { file, tried });
                    None
                }
            };
        }
        let Some(name) =
            sources.includes.iter().find_map(|include| below(&on_disk, &sources.base.join(include)))
        else {
            let includes = list(sources.includes.iter().map(|dir| format!("`{}`", dir.display())));
            let file = path.display().to_string();
            self.report.add(Place::Call, Rule::FileOutside { file, includes });
            return None;
        };
        match self.find(&name) {
            Some(found) if !same_file(&sources.base.join(&found), &on_disk) => {
                let (file, by) = (path.display().to_string(), found.display().to_string());
                self.report.add(Place::Call, Rule::FileHidden { file, by, name });
                None
            }
            _ => Some(name),
        }
    }

    /// Parses a file and, before it takes its place in the tree, all that it imports.
    fn visit(&mut self, name: &str, imported: Option<&Place>) {
        if let Some(at) = self.stack.iter().position(|open| open == name) {
            let cycle = list(self.stack[at..].iter().map(String::as_str).chain([name]));
            self.report.add(imported.cloned().unwrap_or(Place::Call), Rule::ImportCycle { cycle });
            return;
        }
        if !self.seen.insert(name.to_owned()) {
            return;
        }
        let Some(file) = self.open(name, imported) else { return };
        self.stack.push(name.to_owned());
        for (index, import) in file.descriptor.dependency.iter().enumerate() {
            let place = place::of_path(&file.descriptor, &file.shown, &[tag::DEPENDENCY, index as i32]);
            if file.descriptor.dependency[..index].contains(import) {
                self.report.add(place, Rule::ImportTwice { file: import.clone() });
                continue;
            }
            self.visit(import, Some(&place));
        }
        self.stack.pop();
        self.tree.files.push(file);
    }

    fn open(&mut self, name: &str, imported: Option<&Place>) -> Option<Parsed> {
        if let Some(file) = embedded(name) {
            return Some(file);
        }
        let Some(path) = self.find(name) else {
            let (file, tried) = (name.to_owned(), self.tried(Path::new(name)));
            self.report.add(imported.cloned().unwrap_or(Place::Call), Rule::UnknownImport { file, tried });
            return None;
        };
        let shown = path.display().to_string();
        let on_disk = self.sources.base.join(&path);
        self.tree.read.push(on_disk.clone());
        match fs::read_to_string(&on_disk) {
            Ok(text) => self.parsed(name, shown, text),
            Err(error) => {
                self.report.add(Place::File(shown), Rule::FileUnreadable { error: error.to_string() });
                None
            }
        }
    }

    fn parsed(&mut self, name: &str, shown: String, text: String) -> Option<Parsed> {
        if let Some((offset, edition)) = edition::found_in(&text) {
            self.report.add(place::of_offset(&shown, &text, offset), Rule::Editions { edition });
            return None;
        }
        match protox_parse::parse(name, &text) {
            Ok(descriptor) => Some(Parsed { name: name.to_owned(), shown, text: Some(text), descriptor }),
            Err(error) => {
                diagnostic::syntax(&error, &shown, &text, self.report);
                None
            }
        }
    }

    /// The first include directory that has `name`, with it.
    fn find(&self, name: &str) -> Option<PathBuf> {
        self.sources
            .includes
            .iter()
            .map(|include| clean(&include.join(name)))
            .find(|path| self.sources.base.join(path).is_file())
    }

    /// Where a file was looked for.
    fn tried(&self, path: &Path) -> String {
        let includes = self.sources.includes.iter().map(|include| clean(&include.join(path)));
        let mut tried: Vec<PathBuf> = includes.collect();
        if self.sources.protos.iter().any(|proto| proto == path) && !tried.contains(&clean(path)) {
            tried.insert(0, clean(path));
        }
        list(tried.iter().map(|path| format!("`{}`", path.display())))
    }
}

/// A file that everybody has: the options, or one of google's. A copy in an include folder, which is there for buf's or
/// protoc's sake, is not read: it may be of a release that knows more than the parser.
pub(super) fn embedded(name: &str) -> Option<Parsed> {
    let (text, descriptor) = if name == OPTIONS.0 {
        (Some(OPTIONS.1.to_owned()), protox_parse::parse(name, OPTIONS.1).ok()?)
    } else if name.starts_with("google/protobuf/") {
        (None, DescriptorPool::global().get_file_by_name(name)?.file_descriptor_proto().clone())
    } else {
        return None;
    };
    Some(Parsed { name: name.to_owned(), shown: name.to_owned(), text, descriptor })
}

/// `file` as an import would name it, if it lies below `directory`.
fn below(file: &Path, directory: &Path) -> Option<String> {
    let (file, directory) = (clean(file), clean(directory));
    if let Ok(rest) = file.strip_prefix(&directory) {
        return Some(import_name(rest));
    }
    // One is absolute or goes through a link, the other is not or does not.
    let (file, directory) = (file.canonicalize().ok()?, here(&directory).canonicalize().ok()?);
    file.strip_prefix(directory).ok().map(import_name)
}

/// Import names have slashes on every system.
fn import_name(path: &Path) -> String {
    let parts = path.components().filter_map(|part| match part {
        Component::CurDir => None,
        other => Some(other.as_os_str().to_string_lossy()),
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Without the `.`s.
fn clean(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

/// The empty path means the current directory, but cannot be opened.
fn here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

fn same_file(a: &Path, b: &Path) -> bool {
    clean(a) == clean(b) || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn list(items: impl Iterator<Item = impl AsRef<str>>) -> String {
    let items: Vec<String> = items.map(|item| item.as_ref().to_owned()).collect();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}
