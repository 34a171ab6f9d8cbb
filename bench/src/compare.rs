//! `compare`: the plan, the runs in turn, the report.

use std::path::PathBuf;
use std::process::ExitCode;

use bench_job::{Job, Sample};

use crate::cargo::{Built, build};
use crate::cases::{self, Case, seconds};
use crate::progress::{Progress, clock};
use crate::report::Report;
use crate::row::Row;
use crate::{Compare, Error, machine, peers, process};

pub fn compare(arguments: &Compare) -> Result<ExitCode, Error> {
    let peers = peers::chosen(&arguments.only)?;
    let cases = chosen(arguments)?;
    let names: Vec<&str> = peers.iter().map(|peer| peer.name).collect();
    println!("peers: {}", names.join(", "));
    let built = if arguments.plan { Vec::new() } else { build(peers)? };
    let plan = Plan::new(arguments, cases, built);
    plan.print(arguments.plan.then_some(names.len()));
    if arguments.plan {
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
        let all: Vec<&str> = all.iter().map(|case| case.name).collect();
        return Err(format!("there is no case `{name}`; there are {}", all.join(", ")).into());
    }
    let by_name = |case: &Case| names.iter().any(|name| name == case.name);
    let wanted = |case: &Case| if names.is_empty() { case.quick || !arguments.quick } else { by_name(case) };
    Ok(all.into_iter().filter(wanted).collect())
}

/// A part of the peers or cases replaces nothing that was measured as a whole.
fn out(arguments: &Compare) -> Option<PathBuf> {
    let whole = arguments.only.is_empty() && arguments.case.is_empty();
    arguments.out.clone().or_else(|| whole.then(|| peers::bench().join("results")))
}

struct Plan {
    cases: Vec<Case>,
    peers: Vec<Built>,
    runs: usize,
    window_ms: u64,
}

impl Plan {
    fn new(arguments: &Compare, cases: Vec<Case>, peers: Vec<Built>) -> Self {
        let quick = arguments.quick;
        let seconds = arguments.seconds.unwrap_or(if quick { 1.0 } else { 3.0 }).clamp(0.1, 600.0);
        let (warmup_ms, window_ms) = (if quick { 300 } else { 700 }, (seconds * 1e3) as u64);
        let with_times = |case: Case| Case { job: Job { warmup_ms, window_ms, ..case.job }, ..case };
        let runs = arguments.runs.unwrap_or(if quick { 2 } else { 3 }).max(1);
        Self { cases: cases.into_iter().map(with_times).collect(), peers, runs, window_ms }
    }

    fn runs(&self, case: &Case) -> usize {
        if case.once { 1 } else { self.runs }
    }

    /// The peers that can do a case.
    fn able(&self, case: &Case) -> impl Iterator<Item = &Built> {
        self.peers.iter().filter(|built| built.about.can.contains(&case.job.kind))
    }

    fn how(&self) -> String {
        let seconds = self.window_ms as f64 / 1e3;
        format!(
            "- {} runs of {seconds} s in turn, a fresh server each; medians, rates with their range",
            self.runs
        )
    }

    /// With all of `peers` able, if it is not known which are.
    fn print(&self, peers: Option<usize>) {
        let able = |case| peers.unwrap_or_else(|| self.able(case).count());
        let mut total = 0.0;
        for case in &self.cases {
            let seconds = seconds(&case.job) * (self.runs(case) * able(case)) as f64;
            println!(
                "{:<14} {:>2} peers × {} runs {:>6}  {}",
                case.name,
                able(case),
                self.runs(case),
                clock(seconds),
                case.about
            );
            total += seconds;
        }
        println!("{:<14} {:>28}  load average now: {}\n", "in all", clock(total), machine::load());
    }

    fn run(&self) -> (Vec<Row>, Vec<String>) {
        let times = |case| (self.runs(case) * self.able(case).count()) as f64;
        let mut progress =
            Progress::new(self.cases.iter().map(|case| seconds(&case.job) * times(case)).sum());
        let (mut rows, mut failures) = (Vec::new(), Vec::new());
        for case in &self.cases {
            let mut samples: Vec<(&Built, Vec<Sample>)> =
                self.able(case).map(|built| (built, Vec::new())).collect();
            for run in 1..=self.runs(case) {
                for (built, samples) in &mut samples {
                    progress.now(&format!("{} {} run {run}", case.name, built.peer.name));
                    match process::run(&built.program, &case.job) {
                        Ok(sample) => samples.push(sample),
                        Err(error) => {
                            failures.push(format!("{} {} run {run}: {error}", case.name, built.peer.name))
                        }
                    }
                    progress.done(seconds(&case.job));
                }
            }
            let done = samples.into_iter().filter(|(_, samples)| !samples.is_empty());
            rows.extend(
                done.map(|(built, samples)| Row::new(case.name, built.peer.name, &built.version, &samples)),
            );
        }
        progress.clear();
        (rows, failures)
    }
}
