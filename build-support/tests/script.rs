//! What a build script sees of the builder: what is written where, what cargo is told, and that no protoc runs.
#![expect(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use protocall_build::{Builder, Error};

const SCHEMAS: &[&str] = &["../schemas"];

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("script").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// What `builder` makes of `protos`.
fn compiled(name: &str, builder: Builder, protos: &[&str]) -> String {
    let dir = folder(name);
    builder.out_dir(&dir).compile(protos, SCHEMAS).unwrap();
    fs::read_to_string(dir.join("protocall.rs")).unwrap()
}

const CHAT: &[&str] = &["../schemas/chat/v1/chat.proto"];

#[test]
fn cargo_is_told_of_every_file_and_no_protoc_runs() {
    let dir = folder("protoc");
    let (marker, protoc) = (dir.join("it-ran"), dir.join("protoc"));
    fs::write(&protoc, format!("#!/bin/sh\ntouch {}\n", marker.display())).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&protoc, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .envs([("OUT_DIR", &dir), ("PROTOC", &protoc), ("PATH", &dir)])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let mut watched: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("cargo:rerun-if-changed=")).collect();
    watched.sort_unstable();
    watched.dedup();
    assert_eq!(
        watched,
        [
            "../schemas/showcase/common/v1/common.proto",
            "../schemas/showcase/type/v1/type.proto",
            "../schemas/showcase/v1/showcase.proto",
        ]
    );
    assert!(!text.contains("cargo:warning="), "{text}");
    assert!(dir.join("protocall.rs").is_file());
    assert!(!marker.exists(), "protoc ran");
}

/// The build script of the test above.
#[test]
#[ignore = "run by cargo_is_told_of_every_file_and_no_protoc_runs, in a process of its own"]
fn child() {
    protocall_build::compile(&["../schemas/showcase/v1/showcase.proto"], SCHEMAS).unwrap();
}

#[test]
fn packages_of_several_calls_come_beside_each_other() {
    let dir = folder("several");
    for file in
        ["../schemas/chat/v1/chat.proto", "../schemas/echo/v1/echo.proto", "../schemas/showcase/legacy.proto"]
    {
        Builder::new().out_dir(&dir).compile(&[file], SCHEMAS).unwrap();
    }
    let text = fs::read_to_string(dir.join("protocall.rs")).unwrap();
    for name in ["pub trait Chat:", "pub trait ChatEvents:", "pub trait Echo:", "pub trait Store:"] {
        assert_eq!(text.matches(name).count(), 1, "{name}");
    }
}

#[test]
fn one_side_can_be_left_out() {
    let both = compiled("both", Builder::new(), CHAT);
    let client = compiled("client", Builder::new().client_only(), CHAT);
    let server = compiled("server", Builder::new().server_only(), CHAT);
    let has = |text: &str| (text.contains("struct ChatClient"), text.contains("struct ChatServer"));
    assert_eq!([has(&both), has(&client), has(&server)], [(true, true), (true, false), (false, true)]);
}

#[test]
fn stubs_answer_for_methods_that_are_not_written() {
    let has = |text: &str| text.contains("Status::unimplemented(");
    assert!(!has(&compiled("plain", Builder::new(), CHAT)));
    assert!(has(&compiled("stubs", Builder::new().stubs(), CHAT)));
}

#[test]
fn an_extern_path_takes_the_place_of_what_would_be_generated() {
    let builder = Builder::new()
        .extern_path(".chat.v1.Message", "::other::Message")
        .extern_path(".google.protobuf.Empty", "::other::Nothing");
    let text = compiled("extern", builder, &["../schemas/quickstart/v1/quickstart.proto"]);
    assert!(text.contains("::other::Nothing"), "google's types can be mapped too");
    let text =
        compiled("extern-type", Builder::new().extern_path(".chat.v1.Message", "::other::Message"), CHAT);
    assert!(text.contains("::other::Message") && !text.contains("pub struct Message"));
    let files = ["../schemas/chat/v1/chat.proto", "../schemas/echo/v1/echo.proto"];
    let text = compiled("extern-package", Builder::new().extern_path(".chat.v1", "::other"), &files);
    assert!(!text.contains("trait Chat") && text.contains("trait Echo"), "services are extern too");
}

#[test]
fn attributes_go_to_the_types_and_fields_below_their_path() {
    let builder = Builder::new()
        .type_attribute(".chat.v1.Chunk", "#[derive(Marked)]")
        .field_attribute(".chat.v1.Chunk.data", "#[marked]");
    let text = compiled("attributes", builder, CHAT);
    assert_eq!((text.matches("#[derive(Marked)]").count(), text.matches("#[marked]").count()), (1, 1));
}

#[test]
fn all_generated_code_names_the_runtime_where_it_is() {
    let protos = ["../schemas/showcase/v1/showcase.proto", "../schemas/showcase/legacy.proto"];
    let text = compiled("runtime", Builder::new().runtime_path("::my::rpc"), &protos);
    assert!(text.contains("::my::rpc::__private::v1::prost_types::Timestamp"));
    assert!(
        !text.contains("::protocall"),
        "{}",
        text.lines().find(|line| line.contains("::protocall")).unwrap()
    );
}

#[test]
fn paths_may_be_absolute_or_begin_with_a_dot() {
    let schemas = fs::canonicalize("../schemas").unwrap();
    let file = schemas.join("echo/v1/echo.proto");
    let expected = compiled("relative", Builder::new(), &["../schemas/echo/v1/echo.proto"]);
    let build = |name: &str, file: &Path, include: &Path| {
        let dir = folder(name);
        Builder::new().out_dir(&dir).compile(&[file], &[include]).unwrap();
        assert_eq!(fs::read_to_string(dir.join("protocall.rs")).unwrap(), expected, "{name}");
    };
    build("both-absolute", &file, &schemas);
    build("file-absolute", &file, Path::new("../schemas"));
    build("include-absolute", Path::new("../schemas/echo/v1/echo.proto"), &schemas);
    build("dots", Path::new("./../schemas/./echo/v1/echo.proto"), Path::new("./../schemas/"));
    let dir = folder("inferred");
    Builder::new().out_dir(&dir).compile(&["../schemas/echo/v1/echo.proto"], &[] as &[&str]).unwrap();
    assert_eq!(fs::read_to_string(dir.join("protocall.rs")).unwrap(), expected);
    build("import-name", Path::new("echo/v1/echo.proto"), Path::new("../schemas"));
}

#[test]
fn a_file_that_did_not_change_is_not_written_again() {
    let dir = folder("unchanged");
    let path = dir.join("protocall.rs");
    compiled("unchanged", Builder::new(), CHAT);
    let text = fs::read(&path).unwrap();
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_unchanged", "--ignored"])
        .env("OUT_DIR", &dir)
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
    assert_eq!(fs::read(&path).unwrap(), text);
}

/// The second run of a build script.
#[test]
#[ignore = "run by a_file_that_did_not_change_is_not_written_again, in a process of its own"]
fn child_unchanged() {
    protocall_build::compile(CHAT, SCHEMAS).unwrap();
}

#[test]
fn what_main_prints_has_each_mistake_on_a_line() {
    let files = ["../schemas/invalid/syntax.proto", "../schemas/invalid/editions.proto"];
    let error = protocall_build::compile(&files, &["../schemas/invalid"]).unwrap_err();
    assert!(matches!(error, Error::Schema(_)));
    let text = format!("{error:?}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert_eq!(lines[0], "3 mistakes");
    assert!(lines[1].starts_with("../schemas/invalid/syntax.proto:6:10: "), "{text}");
    assert!(lines[3].starts_with("../schemas/invalid/editions.proto:2:1: "), "{text}");
}
