//! `compare`: every case with every peer, and the report.

use std::path::PathBuf;
use std::process::ExitCode;
use std::slice;

use crate::cases::{self, Case};
use crate::plan::{Plan, Times};
use crate::report::Report;
use crate::{Compare, Error, machine, peers};

pub fn compare(arguments: &Compare) -> Result<ExitCode, Error> {
    let how = &arguments.how;
    let peers = peers::chosen(&how.only)?;
    let usual = match how.quick {
        true => Times { runs: 2, seconds: 1.0, warmup_ms: 300 },
        false => Times { runs: 3, seconds: 3.0, warmup_ms: 700 },
    };
    let mut plan = Plan::new(how, &usual, chosen(arguments)?);
    plan.get_peers(peers, how)?;
    for case in &plan.cases {
        println!("{}", plan.line(&case.name, slice::from_ref(case), &case.about));
        plan.absent(case).inspect(|absent| println!("{absent}"));
    }
    println!("{}\n", plan.total());
    if how.plan {
        return Ok(ExitCode::SUCCESS);
    }
    let facts = [machine::facts(), vec![plan.how()]].concat();
    let (rows, failures) = plan.run();
    let peers = plan.peers.iter().map(|built| built.peer.name).collect();
    let report = Report { facts, cases: &plan.cases, peers, rows };
    print!("\n{}", report.text());
    if let Some(folder) = out(arguments) {
        report.save(&folder)?;
        println!("saved in {}", folder.display());
    }
    for failure in &failures {
        println!("FAILED {failure}");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(arguments: &Compare) -> Result<Vec<Case>, Error> {
    let names = &arguments.case;
    let all = cases::all();
    if let Some(name) = names.iter().find(|name| all.iter().all(|case| case.name != **name)) {
        let all: Vec<&str> = all.iter().map(|case| &*case.name).collect();
        return Err(format!("there is no case `{name}`; there are {}", all.join(", ")).into());
    }
    let by_name = |case: &Case| names.contains(&case.name);
    let wanted =
        |case: &Case| if names.is_empty() { case.quick || !arguments.how.quick } else { by_name(case) };
    Ok(all.into_iter().filter(wanted).collect())
}

/// A part of the peers or cases replaces nothing that was measured as a whole.
fn out(arguments: &Compare) -> Option<PathBuf> {
    let whole = arguments.how.only.is_empty() && arguments.case.is_empty();
    arguments.how.out.clone().or_else(|| whole.then(|| peers::bench().join("results")))
}
