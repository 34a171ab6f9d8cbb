//! What users see of the macros: programs that compile, and every rule that they can break, one a file, in a
//! folder for each way in. Run with `TRYBUILD=overwrite` to write the expected texts anew, and read them.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers too")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use protocall_codegen::rule::{FrontEnd, Rule, RuleInfo};

/// Fixtures whose text is rustc's: the version whose words they have, and where they are.
const RUSTC_SAYS: (&str, &str) = ("1.95", "ui/fail/rustc");

/// The ways into the macros and the folder of each in `ui/fail`.
const FRONT_ENDS: [(FrontEnd, &str); 4] = [
    (FrontEnd::Trait, "trait"),
    (FrontEnd::Message, "message"),
    (FrontEnd::Checked, "checked"),
    (FrontEnd::Inline, "inline"),
];

/// Rules that no fixture can break, and where they are tested instead.
const ELSEWHERE: &[(&str, &str)] = &[("FeatureOff", "the macros' own tests: here the feature is on")];

#[test]
fn programs_of_users_compile_and_mistakes_are_told() {
    put_schemas_where_trybuild_compiles();
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    for file in rust_files(Path::new("ui/fail")) {
        let (version, folder) = RUSTC_SAYS;
        if file.starts_with(folder) && !rustc_version().starts_with(&format!("rustc {version}.")) {
            println!("{}: skipped, its text is that of rustc {version}", file.display());
        } else {
            cases.compile_fail(&file);
        }
    }
}

#[test]
fn every_rule_that_a_macro_checks_has_a_fixture() {
    let mut missing = Vec::new();
    for rule in Rule::ALL {
        for (front, folder) in FRONT_ENDS {
            let there = expected(folder, rule).is_file();
            if rule.front_ends.contains(&front)
                && !there
                && !ELSEWHERE.iter().any(|(name, _)| *name == rule.name)
            {
                missing.push(expected(folder, rule));
            }
        }
    }
    assert!(missing.is_empty(), "no fixture, or no expected text: {missing:#?}");
}

#[test]
fn every_fixture_is_named_after_the_rule_that_it_breaks_and_tells_place_rule_and_mend() {
    for (_, folder) in FRONT_ENDS {
        for file in rust_files(&Path::new("ui/fail").join(folder)) {
            let rule = Rule::ALL.iter().find(|rule| expected(folder, rule) == file.with_extension("stderr"));
            let rule = rule.unwrap_or_else(|| panic!("{}: there is no such rule", file.display()));
            let text = fs::read_to_string(file.with_extension("stderr")).unwrap();
            assert!(text.contains(&format!("--> {}:", file.display())), "{}: no place", file.display());
            for piece in [rule.what, rule.mend].iter().flat_map(|text| pieces(text)) {
                assert!(text.contains(&piece), "{}: does not say `{piece}`", file.display());
            }
        }
    }
}

/// `ui/fail/trait/not_async.stderr`.
fn expected(folder: &str, rule: &RuleInfo) -> PathBuf {
    let mut name = String::new();
    for c in rule.name.chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(c.to_lowercase());
    }
    Path::new("ui/fail").join(folder).join(name).with_extension("stderr")
}

/// The words of a rule that are always there, between its `{places}`.
fn pieces(text: &str) -> Vec<String> {
    text.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest).to_owned()).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn rustc_version() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = std::process::Command::new(rustc).arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A path in `#[service(proto = "…")]` starts at the crate's folder, and trybuild's crate has one of its own.
fn put_schemas_where_trybuild_compiles() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    copy(Path::new("ui/schemas"), &target.join("tests/trybuild/protocall-tests/schemas"));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, to).unwrap();
        }
    }
}
