//! What the processes of all peers share. A peer implements [`Peer`] and [`Client`], and its `main` is [`run`].
//!
//! ```text
//! peer-x about                 what it can, as JSON
//! peer-x server '{…a Job…}'    serves until it is killed
//! peer-x client '{…a Job…}'    makes load, and prints a Sample as JSON
//! ```

mod closed;
mod flow;
mod idle;
mod measure;
mod open;
mod payload;
mod peer;
mod runtime;
mod source;
mod usage;

use std::env;
use std::process::ExitCode;

pub use bench_job::{About, Beside, Job, Kind, Place, Runtime, Sample};

pub use crate::closed::count_calls;
pub use crate::flow::Wanted;
pub use crate::payload::{Checked, Payload, digest};
pub use crate::peer::{Client, Error, Held, Peer, Result, unsupported};
pub use crate::source::{Receipts, Source, Supply, Tally};
pub use crate::usage::burn;

/// The `main` of a peer's binary.
pub fn run<P: Peer>() -> ExitCode {
    match start::<P>() {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn start<P: Peer>() -> Result<String> {
    let mut arguments = env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let job: Job = serde_json::from_str(arguments.next().as_deref().unwrap_or("{}"))?;
    match mode.as_str() {
        "about" => {
            let about = About { can: P::CAN.to_vec(), current_thread_only: P::CURRENT_THREAD_ONLY };
            Ok(serde_json::to_string(&about)?)
        }
        "server" | "client" if !can::<P>(&job) => {
            let beside = job.beside.map_or(String::new(), |beside| format!(" beside {:?}", beside.kind));
            Err(format!("this peer takes no part in {:?}{beside}", job.kind).into())
        }
        "server" => {
            runtime::block_on::<P, _>(job.server, P::serve(job))?;
            Err("the server ended by itself".into())
        }
        "client" => {
            let sample = runtime::block_on::<P, _>(job.client, measure::measure::<P>(job))?;
            Ok(serde_json::to_string(&sample)?)
        }
        _ => Err("say `about`, `server JOB` or `client JOB`".into()),
    }
}

fn can<P: Peer>(job: &Job) -> bool {
    P::CAN.contains(&job.kind) && job.beside.is_none_or(|beside| P::CAN.contains(&beside.kind))
}
