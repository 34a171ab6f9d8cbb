//! The README tells the truth: its code is in files that compile, its links lead somewhere, its programs exist.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers too")]

use std::fs;
use std::path::Path;

const ROOT: &str = "..";

fn readme() -> String {
    read("README.md")
}

fn read(path: &str) -> String {
    let path = Path::new(ROOT).join(path);
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .replace("\r\n", "\n")
}

/// A block after a comment `<!-- in FILE -->` is a part of that file.
#[test]
fn code_is_in_the_files_that_it_is_said_to_be_in() {
    let readme = readme();
    let mut blocks = 0;
    for after in readme.split("<!-- in ").skip(1) {
        let (file, rest) = after.split_once(" -->\n").unwrap();
        let (_, code) = rest.split_once('\n').unwrap();
        let (code, _) = code.split_once("\n```").unwrap();
        assert!(read(file).contains(code), "{file} does not have\n{code}");
        blocks += 1;
    }
    assert_eq!(blocks, 2);
}

#[test]
fn links_lead_somewhere() {
    for page in ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/versioning.md"] {
        let text = read(page);
        let folder = Path::new(ROOT).join(page).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            let elsewhere = file.is_empty() || file.contains("://");
            assert!(elsewhere || folder.join(file).exists(), "{page}: nothing at {link}");
        }
    }
}

#[test]
fn every_program_is_in_the_table_and_has_an_expected_output() {
    let readme = readme();
    for entry in fs::read_dir("src/bin").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(readme.contains(&format!("`{name}`")), "the README does not have {name}");
        assert!(Path::new("expected").join(name).with_extension("txt").exists(), "{name}");
    }
}

/// What [`protocall`]'s own documentation says of its features is what the README says.
#[test]
fn features_are_those_of_the_manifest() {
    let (manifest, readme) = (read("runtime/Cargo.toml"), readme());
    let (_, features) = manifest.split_once("[features]\n").unwrap();
    let (features, _) = features.split_once("\n\n").unwrap();
    for line in features.lines() {
        let name = line.split(' ').next().unwrap();
        assert!(name == "default" || readme.contains(&format!("| `{name}` |")), "the README lacks {name}");
    }
}
