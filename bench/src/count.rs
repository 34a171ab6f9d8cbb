//! `count`: what calls cost in instructions, allocations and task polls, which no busy machine disturbs.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::Error;
use crate::cargo::{compile, target};
use crate::table::{Table, number};

/// Both runs of a case; what they have in common, such as connecting, is in neither's difference.
const NUMBERS: [u64; 2] = [2_000, 12_000];

/// A name, and what `bench-count` is told but for the number.
const CASES: [(&str, [&str; 3]); 8] = [
    ("a call, 1 in flight", ["call", "1", "110"]),
    ("a call, 64 in flight", ["call", "64", "110"]),
    ("a call, 1,024 in flight", ["call", "1024", "110"]),
    ("a call of 4 KiB, 64 in flight", ["call", "64", "4096"]),
    ("a push", ["push", "1", "110"]),
    ("an item to the server", ["up", "1", "110"]),
    ("an item from the server", ["down", "1", "110"]),
    ("an item there and back", ["both", "1", "110"]),
];

pub fn count() -> Result<ExitCode, Error> {
    let program = compile("bench-count")?;
    let folder = target().join("count");
    std::fs::create_dir_all(&folder)?;
    let mut table =
        Table::new(["both ends", "instructions", "allocations", "task polls"].map(str::to_owned).into());
    for (name, arguments) in &CASES {
        eprintln!("counting {name}");
        let mut found = Vec::new();
        for number in NUMBERS {
            found.push(Counts::of(&program, arguments, number, &folder)?);
        }
        let each = |of: fn(&Counts) -> u64| {
            let more = of(&found[1]).saturating_sub(of(&found[0]));
            number(Some(more as f64 / (NUMBERS[1] - NUMBERS[0]) as f64))
        };
        table.line([
            (*name).to_owned(),
            each(|c| c.instructions),
            each(|c| c.allocations),
            each(|c| c.polls),
        ]);
    }
    print!("{}", table.render());
    println!("\nBy function: callgrind_annotate {}/NAME", folder.display());
    Ok(ExitCode::SUCCESS)
}

struct Counts {
    instructions: u64,
    allocations: u64,
    polls: u64,
}

impl Counts {
    fn of(program: &Path, arguments: &[&str], number: u64, folder: &Path) -> Result<Self, Error> {
        let number = number.to_string();
        let out: PathBuf = folder.join(format!("{}-{number}", arguments.join("-")));
        let out = format!("--callgrind-out-file={}", out.display());
        let run = |tool: &[&str]| -> Result<[String; 2], Error> {
            let mut command = Command::new("valgrind");
            command.args(tool).arg(program).args(arguments).arg(&number);
            let output =
                command.output().map_err(|error| format!("valgrind: {error}; it must be installed"))?;
            if !output.status.success() {
                return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
            }
            Ok([output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()))
        };
        let [polls, callgrind] = run(&["--tool=callgrind", &out])?;
        let [_, memcheck] = run(&["--tool=memcheck", "--leak-check=no", "--undef-value-errors=no"])?;
        Ok(Self {
            instructions: after(&callgrind, "Collected :")?,
            allocations: after(&memcheck, "total heap usage:")?,
            polls: after(&polls, "")?,
        })
    }
}

/// The number that follows a text.
fn after(said: &str, text: &str) -> Result<u64, Error> {
    let number = said.split_once(text).and_then(|(_, rest)| rest.split_whitespace().next());
    let digits: String = number.unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    digits.parse().map_err(|_| format!("there is no number after `{text}` in {said:?}").into())
}

#[cfg(test)]
mod tests {
    use super::after;

    #[test]
    fn a_number_is_found_in_what_valgrind_says() {
        let said = "==7== Collected : 123456\n==7==   total heap usage: 1,234 allocs, 1,200 frees";
        assert_eq!(after(said, "Collected :").ok(), Some(123_456));
        assert_eq!(after(said, "total heap usage:").ok(), Some(1_234));
        assert!(after(said, "Refs:").is_err());
    }
}
