//! Each example program runs by itself to its end and prints what `examples/expected` says. Run with
//! `PROTOCALL_BLESS=1` to write that anew, and read it.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers too")]

use std::path::Path;
use std::process::{Command, Output};

#[test]
fn chat_prints_what_is_expected() {
    runs("chat", env!("CARGO_BIN_EXE_chat"));
}

#[test]
fn hello_prints_what_is_expected() {
    runs("hello", env!("CARGO_BIN_EXE_hello"));
}

#[test]
fn inline_schema_prints_what_is_expected() {
    runs("inline_schema", env!("CARGO_BIN_EXE_inline_schema"));
}

#[test]
fn quickstart_prints_what_is_expected() {
    runs("quickstart", env!("CARGO_BIN_EXE_quickstart"));
}

#[test]
fn trait_first_prints_what_is_expected() {
    runs("trait_first", env!("CARGO_BIN_EXE_trait_first"));
}

#[test]
fn unknown_routes_prints_what_is_expected() {
    runs("unknown_routes", env!("CARGO_BIN_EXE_unknown_routes"));
}

#[test]
fn a_client_without_a_server_says_what_to_do() {
    // Nobody listens on port 1.
    let output = run(env!("CARGO_BIN_EXE_client"), &["tcp://127.0.0.1:1"]);
    assert!(!output.status.success());
    let said = text(&output.stderr);
    assert!(said.contains("cargo run -p protocall-examples --bin server -- tcp://127.0.0.1:1"), "{said}");
}

/// Both ends as processes of their own, and the server is ended as by Ctrl-C.
#[cfg(unix)]
#[test]
fn server_and_client_print_what_is_expected() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;

    let mut server = Command::new(env!("CARGO_BIN_EXE_server"));
    let mut server = server.arg("tcp://127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(server.stdout.take().unwrap());
    let mut first = String::new();
    said.read_line(&mut first).unwrap();
    let address = first.strip_prefix("listening on ").and_then(|rest| rest.split(';').next()).unwrap();

    let client = run(env!("CARGO_BIN_EXE_client"), &[address]);
    let interrupted = Command::new("kill").args(["-INT", &server.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(server.wait().unwrap().success());

    assert!(client.status.success(), "{}", text(&client.stderr));
    expect("client", &text(&client.stdout));
    // The server may or may not have seen already that the client has gone.
    let counts = |c: char| if c.is_ascii_digit() { '#' } else { c };
    let printed: String = (first.replace(address, "ADDRESS") + &rest).chars().map(counts).collect();
    expect("server", &printed);
}

fn runs(name: &str, program: &str) {
    let output = run(program, &[]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    expect(name, &text(&output.stdout));
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}

#[track_caller]
fn expect(name: &str, printed: &str) {
    let path = Path::new("expected").join(name).with_extension("txt");
    if std::env::var_os("PROTOCALL_BLESS").is_some() {
        std::fs::write(&path, printed).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(printed == expected, "{} is not what was printed:\n{printed}", path.display());
}
