//! protocall beside its peers: builds them, runs them in turn, writes tables and charts. `compare` is the command.

mod cargo;
mod cases;
mod chart;
mod compare;
mod machine;
mod peers;
mod process;
mod progress;
mod report;
mod row;
mod svg;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// What can go wrong is told to a person.
type Error = Box<dyn std::error::Error>;

/// Measures protocall beside its peers.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs every case with every peer, in turn, and tells what came of it.
    Compare(Compare),
}

#[derive(Args)]
pub struct Compare {
    /// A first answer in a few minutes: the main cases, short runs.
    #[arg(long)]
    quick: bool,
    /// Only these peers.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Only these cases.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    case: Vec<String>,
    /// Runs of each peer in each case [default: 3, quick: 2].
    #[arg(long, value_name = "N")]
    runs: Option<usize>,
    /// Seconds that count in a run [default: 3, quick: 1].
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
    /// Where the results go [default: bench/results, or nowhere with --only or --case].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    plan: bool,
}

fn main() -> ExitCode {
    let Command::Compare(arguments) = Cli::parse().command;
    match compare::compare(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
