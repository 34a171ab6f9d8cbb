//! Include folders for those who name none, as the macros allow. Called by [`Sources::inferred`].

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::Sources;

impl Sources {
    /// `protos` with the include folder that each one's package tells: `schemas/chat/v1/chat.proto` of the package
    /// `chat.v1` starts from `schemas`. Then come the folders above each, the nearest first, up to `base`, to which all
    /// are relative.
    #[must_use]
    pub fn inferred(protos: Vec<PathBuf>, base: PathBuf) -> Self {
        let mut includes: Vec<PathBuf> = Vec::new();
        for proto in &protos {
            let package = package(&base.join(proto)).unwrap_or_default();
            let include = root(proto.parent().unwrap_or_else(|| Path::new("")), &package);
            if !includes.contains(&include) {
                includes.push(include);
            }
        }
        for folder in protos.iter().flat_map(|proto| proto.ancestors().skip(1)) {
            if !includes.iter().any(|include| include == folder) {
                includes.push(folder.to_owned());
            }
        }
        Self { protos, includes, base }
    }
}

/// The package of a file; none of one that cannot be read or parsed, which reading it properly will tell.
fn package(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    protox_parse::parse("", &text).ok()?.package
}

/// `folder` without the part at its end that the package repeats: as much of it as there is.
fn root(folder: &Path, package: &str) -> PathBuf {
    let package: Vec<&str> = package.split('.').filter(|name| !name.is_empty()).collect();
    let repeated = (1..=package.len()).rev().map(|count| package[..count].iter().collect::<PathBuf>());
    let Some(repeated) = repeated.into_iter().find(|part| folder.ends_with(part)) else {
        return folder.to_owned();
    };
    folder.ancestors().nth(repeated.components().count()).unwrap_or_else(|| Path::new("")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_tells_where_imports_start() {
        assert_eq!(root(Path::new("schemas/chat/v1"), "chat.v1"), Path::new("schemas"));
        assert_eq!(root(Path::new("chat/v1"), "chat.v1"), Path::new(""));
        assert_eq!(root(Path::new("schemas/showcase"), "showcase.legacy"), Path::new("schemas"));
        assert_eq!(root(Path::new("/a/proto"), "chat.v1"), Path::new("/a/proto"));
        assert_eq!(root(Path::new("schemas"), ""), Path::new("schemas"));
    }
}
