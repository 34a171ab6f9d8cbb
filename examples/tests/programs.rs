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
fn file_transfer_prints_what_is_expected() {
    runs("file_transfer", env!("CARGO_BIN_EXE_file_transfer"));
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
fn proxy_prints_what_is_expected() {
    runs("proxy", env!("CARGO_BIN_EXE_proxy"));
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
    let server = Listening::new(Command::new(env!("CARGO_BIN_EXE_server")).arg("tcp://127.0.0.1:0"));
    let client = run(env!("CARGO_BIN_EXE_client"), &[&server.address]);
    let rest = server.interrupt();

    assert!(client.status.success(), "{}", text(&client.stderr));
    expect("client", &text(&client.stdout));
    // The server may or may not have seen already that the client has gone.
    let counts = |c: char| if c.is_ascii_digit() { '#' } else { c };
    let printed: String = rest.chars().map(counts).collect();
    expect("server", &format!("listening on ADDRESS; Ctrl-C ends it\n{printed}"));
}

/// The first is told of what the second says and of its end by Ctrl-C, and leaves itself at the end of its input.
#[cfg(unix)]
#[test]
fn guests_in_processes_of_their_own_hear_each_other() {
    let program = env!("CARGO_BIN_EXE_chat");
    let server = Listening::new(Command::new(program).args(["serve", "tcp://127.0.0.1:0"]));
    let mut ada = Guest::new(program, ["join", "Ada", "kitchen", &server.address]);
    let mut bob = Guest::new(program, ["join", "Bob", "kitchen", &server.address]);
    ada.hears("Bob has come");
    bob.says("");
    ada.hears("Bob is typing …");
    bob.says("hello");
    ada.hears("Bob: hello");
    bob.hears("Bob: hello");
    let mut cleo = Guest::new(program, ["join", "Cleo", "kitchen", &server.address]);
    cleo.hears("Bob: hello");
    ada.hears("Cleo has come");
    interrupt(&bob.process);
    bob.hears("Cleo has come");
    bob.leaves();
    ada.hears("Bob has left");
    ada.leaves();
    cleo.leaves();
    server.interrupt();
}

/// Somebody in the chat.
#[cfg(unix)]
struct Guest {
    process: std::process::Child,
    said: std::io::BufReader<std::process::ChildStdout>,
}

#[cfg(unix)]
impl Guest {
    fn new(program: &str, arguments: [&str; 4]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut process = command.spawn().unwrap();
        let said = std::io::BufReader::new(process.stdout.take().unwrap());
        let mut guest = Self { process, said };
        assert!(guest.line().starts_with("in the kitchen: "));
        guest
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut self.said, &mut line).unwrap();
        line.trim_end().into()
    }

    #[track_caller]
    fn hears(&mut self, expected: &str) {
        let mut line = self.line();
        if line.starts_with("say something") {
            line = self.line();
        }
        assert_eq!(line, expected);
    }

    fn says(&mut self, line: &str) {
        use std::io::Write;

        writeln!(self.process.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Ends its input.
    #[track_caller]
    fn leaves(mut self) {
        drop(self.process.stdin.take());
        let mut line = self.line();
        while !line.is_empty() && !line.starts_with("left: ") {
            line = self.line();
        }
        assert!(line.ends_with("closed it: drained"), "{line}");
        assert!(self.process.wait().unwrap().success());
    }
}

#[cfg(unix)]
fn interrupt(process: &std::process::Child) {
    let interrupted = Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
}

#[cfg(unix)]
#[test]
fn files_go_from_one_folder_to_another_by_way_of_a_server() {
    let program = env!("CARGO_BIN_EXE_file_transfer");
    let folder = std::env::temp_dir().join(format!("protocall-examples-{}", std::process::id()));
    let (store, there) = (folder.join("store"), folder.join("there"));
    std::fs::create_dir_all(&there).unwrap();
    let server = Listening::new(Command::new(program).args(["serve", "tcp://127.0.0.1:0"]).arg(&store));

    let file = folder.join("empty and full.bin");
    for bytes in [Vec::new(), vec![7; 100_000]] {
        std::fs::write(&file, &bytes).unwrap();
        let put = run(program, &["put", &server.address, file.to_str().unwrap()]);
        assert!(put.status.success(), "{}", text(&put.stderr));
        let get = Command::new(program)
            .args(["get", &server.address, "empty and full.bin"])
            .current_dir(&there)
            .output()
            .unwrap();
        assert!(get.status.success(), "{}", text(&get.stderr));
        assert_eq!(std::fs::read(there.join("empty and full.bin")).unwrap(), bytes);
    }
    let out = run(program, &["get", &server.address, "../empty and full.bin"]);
    assert!(text(&out.stderr).starts_with("INVALID_ARGUMENT"), "{}", text(&out.stderr));
    server.interrupt();
    let left = |folder| std::fs::read_dir(folder).unwrap().count();
    assert_eq!((left(&store), left(&there)), (1, 1), "no parts are left");
    std::fs::remove_dir_all(folder).unwrap();
}

/// A server that says where it listens, as its first line.
#[cfg(unix)]
struct Listening {
    process: std::process::Child,
    said: std::io::BufReader<std::process::ChildStdout>,
    address: String,
}

#[cfg(unix)]
impl Listening {
    fn new(command: &mut Command) -> Self {
        use std::io::BufRead;

        let mut process = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut said = std::io::BufReader::new(process.stdout.take().unwrap());
        let mut first = String::new();
        said.read_line(&mut first).unwrap();
        let address = first.strip_prefix("listening on ").and_then(|rest| rest.split(';').next()).unwrap();
        Self { process, said, address: address.into() }
    }

    /// As by Ctrl-C. What it said until then, after its first line.
    fn interrupt(mut self) -> String {
        use std::io::Read;

        let interrupted =
            Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().unwrap();
        assert!(interrupted.success());
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        assert!(self.process.wait().unwrap().success());
        rest
    }
}

/// A server is not left behind by a test that fails.
#[cfg(unix)]
impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.process.kill();
    }
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
