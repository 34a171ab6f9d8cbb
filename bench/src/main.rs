//! protocall beside its peers: builds them, runs them in turn, writes tables and charts. `compare` has all cases,
//! `grow` one that grows, `isolation` what goes on beside, `count` counts.

mod cargo;
mod cases;
mod chart;
mod compare;
mod cores;
mod count;
mod grow;
mod growth;
mod isolation;
mod lines;
mod machine;
mod peers;
mod plan;
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
    /// Lets one thing grow at a time, from 1 to thousands, and draws what a call costs.
    Grow(Grow),
    /// Measures what calls and streams notice of large messages, and of a stream that nobody reads, on their connection.
    Isolation(How),
    /// Counts what calls cost in instructions, allocations and task polls, with valgrind.
    Count,
}

#[derive(Args)]
pub struct Compare {
    #[command(flatten)]
    how: How,
    /// Only these cases.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    case: Vec<String>,
}

#[derive(Args)]
pub struct Grow {
    #[command(flatten)]
    how: How,
    /// Only what grows so: in-flight, size, connections, routes.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    axis: Vec<String>,
}

#[derive(Args)]
pub struct How {
    /// A first answer in a few minutes: a part of the cases, short runs.
    #[arg(long)]
    quick: bool,
    /// Only these peers.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Runs of each peer in each case [default: 3, quick: 2; of grow: 2 and 1; of isolation: 3 and 1].
    #[arg(long, value_name = "N")]
    runs: Option<usize>,
    /// Seconds that count in a run [default: 3, quick: 1; of grow: 1 and 0.5; of isolation: 4 and 2].
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
    /// Where the results go [default: bench/results, or nowhere for a part of the whole].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    plan: bool,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Compare(arguments) => compare::compare(&arguments),
        Command::Grow(arguments) => grow::grow(&arguments),
        Command::Isolation(how) => isolation::isolation(&how),
        Command::Count => count::count(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
