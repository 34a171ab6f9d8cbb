//! What services expand to, in a crate of every edition, one of them with the runtime under another name: it
//! compiles without a warning, rustdoc takes it, and no comment became a doctest.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers too")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const EDITIONS: &[&str] = &["2018", "2021", "2024"];

/// Builds, documents and tests the documentation of a crate of each edition, beside what trybuild built.
#[test]
fn expansions_compile_and_document_in_every_edition() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("tests");
    let project = target.join("editions");
    write_project(&project);
    for arguments in [&["doc", "--no-deps"][..], &["test", "--doc"]] {
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .args(["--offline", "--quiet", "--workspace"])
            .current_dir(&project)
            .env("CARGO_TARGET_DIR", target.join("target"))
            .env("RUSTDOCFLAGS", "-Dwarnings")
            .output()
            .unwrap();
        let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "cargo {arguments:?}\n{out}\n{error}");
        assert!(!out.contains("running 1 test"), "a comment of a schema became a doctest:\n{out}");
    }
}

fn write_project(project: &Path) {
    let root = root();
    let members: Vec<_> = EDITIONS.iter().map(|edition| format!("\"e{edition}\"")).collect();
    write(
        &project.join("Cargo.toml"),
        &format!("[workspace]\nresolver = \"2\"\nmembers = [{}]\n", members.join(", ")),
    );
    fs::copy(root.join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    for edition in EDITIONS {
        let renamed = *edition == "2021";
        let (name, files) =
            if renamed { ("rpc", &["renamed"][..]) } else { ("protocall", &["chat", "nasty", "stubs"][..]) };
        let folder = project.join(format!("e{edition}"));
        let manifest = format!(
            "[package]\nname = \"e{edition}\"\nversion = \"0.0.0\"\nedition = \"{edition}\"\n\n[dependencies]\n\
             {name} = {{ package = \"protocall\", path = \"{}\" }}\n",
            root.join("runtime").display()
        );
        write(&folder.join("Cargo.toml"), &manifest);
        write(&folder.join("src/lib.rs"), &library(name, files));
    }
}

fn library(runtime: &str, files: &[&str]) -> String {
    let mut text = String::from("//! Expansions.\n#![deny(warnings, missing_docs)]\n");
    for file in files {
        let path = root().join("codegen/tests/expanded").join(file).with_extension("rs");
        let messages =
            ["JoinRequest", "JoinReply", "HistoryRequest", "Message", "Chunk", "Summary", "TypingNote"];
        text.push_str(&format!("/// One.\n#[allow(unused_imports)]\npub mod {file} {{\n"));
        text.push_str(&format!("use {runtime}::{{Context, RecvStream, SendStream, Status}};\n"));
        for message in messages {
            text.push_str(&format!("/// A message.\n#[{runtime}::message(runtime_path = \"::{runtime}\")]\npub struct {message} {{}}\n"));
        }
        text.push_str(&format!("include!({path:?});\n}}\n"));
    }
    text
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
