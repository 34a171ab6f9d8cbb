//! `grow`: one thing grows at a time, and what a call costs is drawn.

use std::path::PathBuf;
use std::process::ExitCode;

use bench_job::{Job, Kind};

use crate::cases::{Case, case};
use crate::growth::{Curve, Growth};
use crate::plan::{Plan, Times};
use crate::{Error, Grow, machine, peers};

/// What grows.
pub struct Axis {
    pub name: &'static str,
    pub about: &'static str,
    pub unit: Unit,
    pub points: &'static [usize],
    job: fn(usize) -> Job,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    /// Of a message: what is carried counts then, and not calls.
    Bytes,
}

const AXES: [Axis; 4] = [
    Axis {
        name: "in-flight",
        about: "calls in flight, 110 B, on one connection (raw-tcp: a connection each)",
        unit: Unit::Count,
        points: &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096],
        job: |in_flight| Job { in_flight, ..Job::default() },
    },
    Axis {
        name: "size",
        about: "bytes of a message, 16 calls in flight on one connection (raw-tcp: a connection each)",
        unit: Unit::Bytes,
        // The last is `max_message`.
        points: &[16, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20],
        job: |size| Job { size, in_flight: 16, ..Job::default() },
    },
    Axis {
        name: "connections",
        about: "connections with 1 call in flight each, 110 B",
        unit: Unit::Count,
        points: &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
        job: |connections| Job { connections, in_flight: 1, ..Job::default() },
    },
    Axis {
        name: "routes",
        about: "routes called in turn, 110 B, 64 calls in flight on one connection",
        unit: Unit::Count,
        // The last is beyond `max_bindings`.
        points: &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 1_200],
        job: |routes| Job { kind: Kind::Routes, routes, ..Job::default() },
    },
];

impl Axis {
    /// Every other point, with the first and the last, if it is to be quick.
    fn cases(&self, quick: bool) -> Vec<Case> {
        let last = self.points.len() - 1;
        let kept = |at: &usize| !quick || *at == last || at.is_multiple_of(2);
        let points = (0..=last).filter(kept).map(|at| self.points[at]);
        points.map(|point| case(self.case(point), self.about, (self.job)(point))).collect()
    }

    /// The name of a case.
    pub fn case(&self, point: usize) -> String {
        format!("{} {point}", self.name)
    }
}

pub fn grow(arguments: &Grow) -> Result<ExitCode, Error> {
    let how = &arguments.how;
    let axes = chosen(&arguments.axis)?;
    let usual = match how.quick {
        true => Times { runs: 1, seconds: 0.5, warmup_ms: 300 },
        false => Times { runs: 2, seconds: 1.0, warmup_ms: 300 },
    };
    let cases: Vec<Vec<Case>> = axes.iter().map(|axis| axis.cases(how.quick)).collect();
    let mut plan = Plan::new(how, &usual, cases.concat());
    plan.get_peers(who(arguments, &axes)?, how)?;
    let mut rest = &plan.cases[..];
    for (axis, cases) in axes.iter().zip(&cases) {
        let (these, others) = rest.split_at(cases.len());
        println!("{}", plan.line(axis.name, these, axis.about));
        rest = others;
    }
    println!("{}\n", plan.total());
    if how.plan {
        return Ok(ExitCode::SUCCESS);
    }
    let facts = [machine::facts(), vec![plan.how()]].concat();
    let (rows, failures) = plan.run();
    let curves = axes.iter().map(|axis| Curve::new(axis, &rows)).collect();
    let growth = Growth { facts, curves };
    print!("\n{}", growth.text());
    if let Some(folder) = out(arguments) {
        growth.save(&folder)?;
        println!("saved in {}", folder.display());
    }
    for failure in &failures {
        println!("FAILED {failure}");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(names: &[String]) -> Result<Vec<Axis>, Error> {
    if let Some(name) = names.iter().find(|name| AXES.iter().all(|axis| axis.name != **name)) {
        let all = AXES.map(|axis| axis.name).join(", ");
        return Err(format!("nothing grows by `{name}`; there are {all}").into());
    }
    let wanted = |axis: &Axis| names.is_empty() || names.iter().any(|name| name == axis.name);
    Ok(AXES.into_iter().filter(wanted).collect())
}

/// protocall beside the two yardsticks, unless others are named; and protocall alone where there are many routes.
fn who(arguments: &Grow, axes: &[Axis]) -> Result<Vec<peers::Peer>, Error> {
    let usual = [peers::PROTOCALL, peers::HAND_WRITTEN, peers::RAW_TCP].map(str::to_owned);
    let only = &arguments.how.only;
    let mut who = peers::chosen(if only.is_empty() { &usual } else { only })?;
    if axes.iter().all(|axis| axis.name == "routes") {
        who.clear();
    }
    if axes.iter().any(|axis| axis.name == "routes") {
        who.push(peers::ROUTES);
    }
    Ok(who)
}

/// A part replaces nothing that was measured as a whole.
fn out(arguments: &Grow) -> Option<PathBuf> {
    let whole = arguments.how.only.is_empty() && arguments.axis.is_empty();
    arguments.how.out.clone().or_else(|| whole.then(|| peers::bench().join("results")))
}
