//! Every rule that a schema can break is broken by a file in `schemas/invalid`, or by a call here where no file alone
//! can break it, and what the user then reads is in the `.txt` beside. `PROTOCALL_BLESS=1 cargo test` writes these anew.
#![expect(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::{fs, path::Path};

use protocall_build::{
    generate::{drafts, generate},
    options::Options,
    schema::{Schema, Sources},
};
use protocall_codegen::{
    report::Report,
    rule::{FrontEnd, Rule, RuleInfo},
};

const BASE: &str = "..";
const FOLDER: &str = "schemas/invalid";

#[test]
fn every_rule_that_a_schema_can_break_is_told_with_its_place_and_its_mend() {
    let mut failures = Vec::new();
    for rule in Rule::ALL.iter().filter(|rule| rule.front_ends.contains(&FrontEnd::Schema)) {
        let Some(report) = broken(rule) else {
            failures.push(format!("{}: no fixture {FOLDER}/{}.proto", rule.name, snake(rule.name)));
            continue;
        };
        let others = report.problems().iter().filter(|problem| problem.rule.name() != rule.name);
        failures.extend(others.map(|other| format!("{}: breaks another rule too: {other}", rule.name)));
        failures.extend(
            incomplete(rule, &report.to_string()).iter().map(|what| format!("{}: {what}", rule.name)),
        );
        failures.extend(differs(rule, &report.to_string()));
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn every_fixture_is_a_rule() {
    for entry in fs::read_dir(Path::new(BASE).join(FOLDER)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            path.is_dir() || Rule::ALL.iter().any(|rule| snake(rule.name) == name),
            "{} is named after no rule",
            path.display()
        );
    }
}

/// What is told when `rule` is broken.
fn broken(rule: &RuleInfo) -> Option<Report> {
    let file = format!("{FOLDER}/{}.proto", snake(rule.name));
    let with = |change: &dyn Fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        let schema = read(&["schemas/echo/v1/echo.proto"], &["schemas"]).unwrap();
        drafts(&schema, &options).map(|_| ())
    };
    let result = match rule.name {
        "FileNotFound" => {
            read(&["schemas/invalid/none.proto", "no/such.proto"], &["schemas", "other"]).map(|_| ())
        }
        "FileOutside" => read(&["schemas/invalid/support/outside.proto"], &["schemas/echo"]).map(|_| ()),
        "FileHidden" => {
            let folders = ["schemas/invalid/support/first", "schemas/invalid/support/second"];
            read(&["schemas/invalid/support/second/hidden.proto"], &folders).map(|_| ())
        }
        "BadDescriptorSet" => {
            Schema::read_set(Path::new("schemas/invalid/syntax.proto"), Path::new(BASE)).map(|_| ())
        }
        "BadExternPath" => with(&|options| {
            for (proto, rust) in
                [("chat.v1", "::chat"), (".chat", "a b"), (".twice", "::a"), (".twice", "::b")]
            {
                options.extern_paths.push((proto.to_owned(), rust.to_owned()));
            }
        }),
        "BadAttribute" => with(&|options| options.type_attributes.push((".".to_owned(), "Debug".to_owned()))),
        "BadPath" => with(&|options| options.runtime_path = "my runtime".to_owned()),
        "PackageTwice" => return package_twice(),
        _ if !Path::new(BASE).join(&file).exists() => return None,
        _ => read(&[&file], &[FOLDER]).and_then(|schema| generate(&schema, &Options::default())).map(|_| ()),
    };
    Some(result.expect_err(rule.name))
}

fn read(protos: &[&str], includes: &[&str]) -> Result<Schema, Report> {
    let paths = |paths: &[&str]| paths.iter().map(Into::into).collect();
    Schema::read(&Sources { protos: paths(protos), includes: paths(includes), base: BASE.into() })
}

fn package_twice() -> Option<Report> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package_twice");
    fs::create_dir_all(&dir).unwrap();
    let compile = || {
        let builder = protocall_build::Builder::new().out_dir(&dir);
        builder.compile(&["../schemas/echo/v1/echo.proto"], &["../schemas"])
    };
    compile().unwrap();
    match compile() {
        Err(protocall_build::Error::Schema(report)) => Some(report),
        other => panic!("{other:?}"),
    }
}

/// What the text lacks of a place, of what is wrong, and of the mend.
fn incomplete(rule: &RuleInfo, text: &str) -> Vec<String> {
    let of_the_call = [
        "BadAttribute",
        "BadExternPath",
        "BadPath",
        "FileHidden",
        "FileNotFound",
        "FileOutside",
        "PackageTwice",
    ];
    let parts = || [rule.what, rule.mend].into_iter().flat_map(|text| text.split(['{', '}']).step_by(2));
    let mut lacks = Vec::new();
    for line in text.lines() {
        if !of_the_call.contains(&rule.name) && !line.starts_with(FOLDER) {
            lacks.push(format!("no place in: {line}"));
        }
        lacks.extend(
            parts().filter(|part| !line.contains(part)).map(|part| format!("no {part:?} in: {line}")),
        );
    }
    lacks
}

fn differs(rule: &RuleInfo, found: &str) -> Option<String> {
    let path = Path::new(BASE).join(FOLDER).join(format!("{}.txt", snake(rule.name)));
    if std::env::var_os("PROTOCALL_BLESS").is_some() {
        fs::write(&path, format!("{found}\n")).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    (expected.trim_end() != found)
        .then(|| format!("{}: {} says\n{expected}but it is\n{found}\n", rule.name, path.display()))
}

fn snake(name: &str) -> String {
    protocall_codegen::names::to_snake(name)
}
