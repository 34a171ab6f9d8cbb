//! What is to be measured, and the runs in turn: A B C A B C.

use bench_job::{Job, Kind, Sample};

use crate::cargo::{Built, build};
use crate::cases::{Case, seconds, shortest_ms};
use crate::peers::{Peer, ROUTES};
use crate::progress::{Progress, clock};
use crate::row::Row;
use crate::{Error, How, cores, machine, process};

/// How often, and how long.
pub struct Times {
    pub runs: usize,
    pub seconds: f64,
    pub warmup_ms: u64,
}

pub struct Plan {
    pub cases: Vec<Case>,
    pub peers: Vec<Built>,
    /// So many are to be built, for a plan without them; the one with many routes not counted.
    pub unbuilt: usize,
    runs: usize,
    window_ms: u64,
}

impl Plan {
    /// `usual` is for what `how` does not say.
    pub fn new(how: &How, usual: &Times, cases: Vec<Case>) -> Self {
        let Times { runs, seconds, warmup_ms } = *usual;
        let window_ms = (how.seconds.unwrap_or(seconds).clamp(0.1, 600.0) * 1e3) as u64;
        let with_times = |case: Case| {
            let window_ms = window_ms.max(shortest_ms(case.job.kind));
            Case { job: Job { warmup_ms, window_ms, ..case.job }, ..case }
        };
        let cases = cases.into_iter().map(with_times).collect();
        Self { cases, peers: Vec::new(), unbuilt: 0, runs: how.runs.unwrap_or(runs).max(1), window_ms }
    }

    /// Builds them, unless the plan is all that is asked for.
    pub fn get_peers(&mut self, peers: Vec<Peer>, how: &How) -> Result<(), Error> {
        let names: Vec<&str> = peers.iter().map(|peer| peer.name).collect();
        println!("peers: {}", names.join(", "));
        match how.plan {
            true => self.unbuilt = names.iter().filter(|name| **name != ROUTES.name).count(),
            false => self.peers = build(peers)?,
        }
        Ok(())
    }

    fn runs(&self, case: &Case) -> usize {
        if case.once { 1 } else { self.runs }
    }

    /// The peers that can do a case.
    fn able(&self, case: &Case) -> impl Iterator<Item = &Built> {
        self.peers.iter().filter(|built| built.can(&case.job))
    }

    /// Those that take no part in a case, in a line of their own; nothing if all do, or if they are not built.
    pub fn absent(&self, case: &Case) -> Option<String> {
        let absent = self.peers.iter().filter(|built| !built.can(&case.job));
        let names: Vec<&str> = absent.map(|built| built.peer.name).collect();
        (!names.is_empty()).then(|| format!("{:<14} not taking part: {}", "", names.join(", ")))
    }

    pub fn how(&self) -> String {
        let seconds = |ms: u64| ms as f64 / 1e3;
        let longer = self.cases.iter().filter(|case| case.job.window_ms > self.window_ms);
        let longer: String =
            longer.map(|case| format!(" ({} {})", case.name, seconds(case.job.window_ms))).collect();
        format!(
            "- {} runs of {} s{longer} in turn, a fresh server each; medians, rates with their range",
            self.runs,
            seconds(self.window_ms)
        )
    }

    /// How many can, or may be able to.
    fn count(&self, case: &Case) -> usize {
        match case.job.kind {
            Kind::Routes if self.peers.is_empty() => 1,
            _ => self.able(case).count() + self.unbuilt,
        }
    }

    /// What is done in some of the cases, and how long it takes.
    pub fn line(&self, name: &str, cases: &[Case], about: &str) -> String {
        let peers = cases.iter().map(|case| self.count(case)).max().unwrap_or(0);
        let runs: usize = cases.iter().map(|case| self.runs(case)).sum();
        let time = clock(self.seconds(cases));
        format!("{name:<14} {peers:>2} peers × {runs:>2} runs {time:>6}  {about}")
    }

    pub fn total(&self) -> String {
        let total = clock(self.seconds(&self.cases));
        format!("{:<14} {total:>28}  load average now: {}", "in all", machine::load())
    }

    fn seconds(&self, cases: &[Case]) -> f64 {
        cases.iter().map(|case| seconds(&case.job) * (self.runs(case) * self.count(case)) as f64).sum()
    }

    /// The medians of each peer in each case, and what failed.
    pub fn run(&self) -> (Vec<Row>, Vec<String>) {
        let mut progress = Progress::new(self.seconds(&self.cases));
        let (mut rows, mut failures) = (Vec::new(), Vec::new());
        for case in &self.cases {
            let mut samples: Vec<(&Built, Vec<Sample>)> =
                self.able(case).map(|built| (built, Vec::new())).collect();
            for run in 1..=self.runs(case) {
                for (built, samples) in &mut samples {
                    progress.now(&format!("{} {} run {run}", case.name, built.peer.name));
                    let apart_ns = cores::apart();
                    match process::run(&built.program, &case.job) {
                        Ok(sample) => samples.push(Sample { apart_ns, ..sample }),
                        Err(error) => {
                            failures.push(format!("{} {} run {run}: {error}", case.name, built.peer.name))
                        }
                    }
                    progress.done(seconds(&case.job));
                }
            }
            let done = samples.into_iter().filter(|(_, samples)| !samples.is_empty());
            rows.extend(
                done.map(|(built, samples)| Row::new(&case.name, built.peer.name, &built.version, &samples)),
            );
        }
        progress.clear();
        (rows, failures)
    }
}
