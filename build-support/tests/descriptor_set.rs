//! Descriptor sets, the way in for editions: `tests/sets/editions.binpb` is what protoc made of the file beside it.
#![expect(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::path::Path;

use protocall_build::{
    generate::generate,
    options::Options,
    schema::{Schema, Sources},
};
use protocall_codegen::model::{MethodKind, Timeout};

fn editions() -> protocall_build::generate::Generated {
    let schema = Schema::read_set(Path::new("tests/sets/editions.binpb"), Path::new("")).unwrap();
    assert_eq!(schema.files_read(), [Path::new("tests/sets/editions.binpb")]);
    generate(&schema, &Options::default()).unwrap()
}

#[test]
fn options_and_comments_of_a_set_are_kept() {
    let generated = editions();
    let [service] = generated.services() else { panic!("{:?}", generated.services()) };
    assert_eq!(service.full_name(), "editions.v1.Editions");
    assert_eq!(service.docs, ["A service of an edition."]);
    assert_eq!(service.methods[0].options.timeout, Timeout::After(std::time::Duration::from_secs(5)));
    assert_eq!(service.methods[1].kind, MethodKind::Push);
}

#[test]
fn features_of_an_edition_become_what_prost_knows() {
    let text = editions().text().split_whitespace().collect::<Vec<_>>().join(" ");
    for field in [
        r#"#[prost(string, optional, tag = "1")] pub explicit"#,
        r#"#[prost(string, tag = "2")] pub implicit"#,
        r#"#[prost(string, required, tag = "3")] pub required"#,
        r#"#[prost(int32, repeated, tag = "4")] pub packed"#,
        r#"#[prost(int32, repeated, packed = "false", tag = "5")] pub expanded"#,
        r#"#[prost(message, optional, tag = "6")] pub inner"#,
        r#"#[prost(group, optional, tag = "7")] pub delimited"#,
        r#"#[prost(map = "string, int32", tag = "8")] pub map"#,
        r#"#[prost(enumeration = "Closed", optional, tag = "11")] pub closed"#,
        r#"#[prost(string, repeated, tag = "12")] pub strings"#,
        r#"#[prost(oneof = "fields::Choice", tags = "9, 10")] pub choice"#,
        r#"#[prost(int64, optional, tag = "1")] pub id"#,
    ] {
        assert!(text.contains(field), "{field} is not in {text}");
    }
}

#[test]
fn an_option_that_a_later_release_brought_is_told_by_its_name() {
    let folder = later();
    let mut compiler = protox::Compiler::new([&folder]).unwrap();
    compiler.include_imports(true).include_source_info(true).open_file("later.proto").unwrap();
    std::fs::write(folder.join("later.binpb"), compiler.encode_file_descriptor_set()).unwrap();
    let schema = Schema::read_set(Path::new("later.binpb"), &folder).unwrap();
    let report = generate(&schema, &Options::default()).unwrap_err();
    assert_eq!(
        report.to_string(),
        "later.proto:6:28: there is no option `hurry`; use one of `push`, `timeout`, `max_message`, `rust_name`"
    );
}

#[test]
fn copies_of_what_everybody_has_are_not_read() {
    let sources = Sources { protos: vec!["later.proto".into()], includes: vec!["".into()], base: later() };
    let report = Schema::read(&sources).unwrap_err();
    assert!(report.to_string().starts_with("later.proto:6:28: there is no option `hurry`; "), "{report}");
}

/// A folder with an options.proto of its own, which has more than ours.
fn later() -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("later");
    std::fs::create_dir_all(folder.join("protocall")).unwrap();
    let options = include_str!("../proto/protocall/options.proto");
    let options = options.replace("string rust_name = 4;", "string rust_name = 4;\n  bool hurry = 5;");
    std::fs::write(folder.join("protocall/options.proto"), options).unwrap();
    let text = "syntax = \"proto3\";\npackage later;\nimport \"protocall/options.proto\";\nmessage M {}\n\
        service S {\n  rpc Get(M) returns (M) { option (protocall.method).hurry = true; }\n}\n";
    std::fs::write(folder.join("later.proto"), text).unwrap();
    folder
}
