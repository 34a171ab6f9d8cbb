//! What the guide quotes is there: the texts of `errors.md` in the code, the schema of `first-service.md` in `schemas/`,
//! every refusal of `schemas.md` among the rules' fixtures. Its lines are short and its links lead somewhere.
#![expect(clippy::unwrap_used, reason = "in a test it is an assertion")]

mod ends;
mod errors;

use std::{fs, path::Path};

const FIRST_SERVICE: &str = include_str!("../../../docs/guide/first-service.md");
const SCHEMAS: &str = include_str!("../../../docs/guide/schemas.md");

#[test]
fn the_schema_of_the_first_service_is_in_the_repository() {
    let schema = fs::read_to_string("../schemas/room/v1/room.proto").unwrap();
    assert!(FIRST_SERVICE.contains(&format!("```proto\n{schema}```\n")));
}

#[test]
fn what_schemas_md_says_is_refused_is_refused_so() {
    let told = normal(&sources(Path::new("../schemas/invalid"), "txt"));
    let refused = SCHEMAS.split("## What is refused").nth(1).unwrap();
    let rows: Vec<&str> = refused.lines().filter(|line| line.starts_with("| ``")).collect();
    assert!(rows.len() > 5);
    for row in rows {
        let text = span(row.trim_start_matches("| ")).unwrap();
        assert!(told.contains(&normal(text)), "schemas.md: no fixture says `{text}`");
    }
}

#[test]
fn lines_are_short() {
    let pages = fs::read_dir("../docs/guide").unwrap().map(|entry| entry.unwrap().path());
    for path in pages.chain(["../docs/architecture.md".into()]) {
        let text = fs::read_to_string(&path).unwrap();
        let long = text.lines().position(|line| line.chars().count() > 140 && !line.starts_with('|'));
        assert!(long.is_none(), "{}:{}", path.display(), long.unwrap_or_default() + 1);
    }
}

#[test]
fn links_lead_somewhere() {
    let pages = fs::read_dir("../docs/guide").unwrap().map(|entry| entry.unwrap().path());
    for path in pages.chain(["../docs/architecture.md".into()]) {
        let text = fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let there = link.is_empty() || path.parent().unwrap().join(link).exists();
            assert!(there, "{}: no `{link}`", path.display());
        }
    }
}

/// The text of a code span at the beginning of `line`.
fn span(line: &str) -> Option<&str> {
    let ticks = line.len() - line.trim_start_matches('`').len();
    let rest = &line[ticks..];
    let end = rest.find(&line[..ticks])?;
    Some(rest[..end].trim())
}

fn sources(folder: &Path, extension: &str) -> String {
    let mut text = String::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            text += &sources(&path, extension);
        } else if path.extension().is_some_and(|found| found == extension) {
            text += &fs::read_to_string(path).unwrap();
        }
    }
    text
}

/// One space between words, and no signs of Rust's strings.
fn normal(text: &str) -> String {
    text.replace('\\', "").split_whitespace().collect::<Vec<_>>().join(" ")
}
