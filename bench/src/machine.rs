//! What the results were measured on.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use crate::peers::bench;

/// Lines of Markdown that belong to any table of results.
pub fn facts() -> Vec<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|l| l.strip_prefix("model name")?.split_once(": "))
        .map_or("?", |(_, name)| name);
    let cores = available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    vec![
        format!("- {}, commit {}", output("date", &["-u", "+%Y-%m-%d %H:%M UTC"]), commit()),
        format!("- {cpu}, {cores} cores; Linux {}; {}", kernel.trim(), output("rustc", &["--version"])),
        format!("- load average when it began: {}", load()),
    ]
}

/// The mean number of processes that wanted a core: in the last minute, 5 and 15.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().take(3).collect::<Vec<_>>().join(", ")
}

/// The repository's, with a `+` if files differ from it.
pub fn commit() -> String {
    let git = |arguments: &[&str]| {
        let folder = bench().display().to_string();
        output("git", &[&["-C", &folder], arguments].concat())
    };
    let changed = !git(&["status", "--porcelain", "--", "..", ":!../bench/results"]).is_empty();
    format!("{}{}", git(&["rev-parse", "--short", "HEAD"]), if changed { "+" } else { "" })
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
