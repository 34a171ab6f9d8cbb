//! Tests that are none but what others run in a process of its own, to kill it.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Such a process: killed by the test, or at its end.
pub(crate) struct Process {
    child: Child,
    /// Kept, so that whatever it still prints has somewhere to go.
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Runs the ignored test of this name.
    pub(crate) fn start(test: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The address after the word "listening" that it prints.
    pub(crate) fn uri(&mut self) -> String {
        let mut lines = self.lines.by_ref().map(Result::unwrap);
        lines.find_map(|line| line.split_once("listening ").map(|(_, uri)| uri.to_owned())).unwrap()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
