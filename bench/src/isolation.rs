//! `isolation`: what calls, and streams, notice of what else goes on over their connection.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::slice;

use bench_job::{Beside, Job, Kind};
use serde::Serialize;

use crate::cases::{Case, case, workers};
use crate::plan::{Plan, Times};
use crate::row::Row;
use crate::table::{Table, number, short};
use crate::{Error, How, machine, peers};

/// What goes on beside calls: its name, what it is, how many at once, how large. 4 MiB is what `max_message` is by itself.
const BESIDE: [(&str, &str, Kind, usize, usize); 6] = [
    ("put-1", "calls of 64 MiB, 1 in flight", Kind::Put, 1, 64 << 20),
    ("put-16", "calls of 64 MiB, 16 in flight", Kind::Put, 16, 64 << 20),
    ("get-1", "replies of 64 MiB, 1 in flight", Kind::Get, 1, 64 << 20),
    ("get-16", "replies of 64 MiB, 16 in flight", Kind::Get, 16, 64 << 20),
    ("put-16-4m", "calls of 4 MiB, 16 in flight", Kind::Put, 16, 4 << 20),
    ("get-16-4m", "replies of 4 MiB, 16 in flight", Kind::Get, 16, 4 << 20),
];

/// What is measured, and beside what. The rate of that is compared with the part's of that name, where it is alone.
struct Part {
    case: Case,
    alone: Option<&'static str>,
}

fn part(name: &str, about: &str, job: Job) -> Part {
    Part { case: case(name, about, job), alone: None }
}

/// 110 bytes, one at a time.
fn calls() -> Job {
    Job { in_flight: 1, ..Job::default() }
}

fn parts() -> Vec<Part> {
    let mut parts = vec![part("calls", "110 B, 1 in flight, alone", calls())];
    for (name, about, kind, in_flight, size) in BESIDE {
        let job = Job { kind, in_flight, size, ..Job::default() };
        parts.push(part(name, &format!("{about}, alone"), job));
    }
    for (name, about, kind, in_flight, size) in BESIDE {
        let beside = Some(Beside { kind, in_flight, size });
        let about = format!("110 B, 1 in flight, beside {about}");
        let job = Job { beside, ..calls() };
        parts.push(Part { alone: Some(name), ..part(&format!("calls+{name}"), &about, job) });
    }
    for (name, about, kind, in_flight, size) in BESIDE {
        let beside = Some(Beside { kind, in_flight, size });
        let about = format!("110 B, 1 in flight, 2 workers each, not pinned, beside {about}");
        let job = workers(2, 2, Job { beside, ..calls() });
        parts.push(part(&format!("calls+{name}-w2"), &about, job));
    }
    parts.extend(streams());
    parts
}

fn streams() -> Vec<Part> {
    let unread = |job| Job { beside: Some(Beside { kind: Kind::Unread, in_flight: 1, size: 4_096 }), ..job };
    let stream = Job { kind: Kind::StreamDown, ..Job::default() };
    let trips = Job { kind: Kind::RoundTrips, ..calls() };
    let resting = Job { kind: Kind::Resting, in_flight: 10_000, ..Job::default() };
    let once = |part: Part| Part { case: Case { once: true, ..part.case }, ..part };
    vec![
        part("c64", "110 B, 64 in flight, alone", Job::default()),
        part("stream", "a stream down, 110 B, alone", stream),
        part("trips", "110 B there and back over a stream, one at a time, alone", trips),
        part("calls+unread", "calls beside a stream down that nobody reads", unread(calls())),
        part("c64+unread", "c64 beside a stream down that nobody reads", unread(Job::default())),
        part("stream+unread", "a stream down beside one that nobody reads", unread(stream)),
        part("trips+unread", "trips beside a stream down that nobody reads", unread(trips)),
        once(part("resting", "memory of 10,000 open streams on which nothing comes any more", resting)),
    ]
}

pub fn isolation(how: &How) -> Result<ExitCode, Error> {
    let usual = match how.quick {
        true => Times { runs: 1, seconds: 2.0, warmup_ms: 500 },
        false => Times { runs: 3, seconds: 4.0, warmup_ms: 1_000 },
    };
    let parts = parts();
    let mut plan = Plan::new(how, &usual, parts.iter().map(|part| part.case.clone()).collect());
    let only = if how.only.is_empty() { &[peers::PROTOCALL.to_owned()][..] } else { &how.only };
    plan.get_peers(peers::chosen(only)?, how)?;
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
    let isolation = Isolation { facts, lines: lines(&parts, &rows) };
    print!("\n{}", isolation.table());
    if let Some(folder) = out(how) {
        isolation.save(&folder)?;
        println!("saved in {}", folder.display());
    }
    for failure in &failures {
        println!("FAILED {failure}");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A part replaces nothing that was measured as a whole.
fn out(how: &How) -> Option<PathBuf> {
    how.out.clone().or_else(|| how.only.is_empty().then(|| peers::bench().join("results")))
}

/// What one peer did in one part.
#[derive(Serialize)]
struct Line {
    about: String,
    /// What large bodies carried, in the part or beside it.
    large_mb_s: Option<f64>,
    /// That, through what they carry alone.
    large_of_alone: Option<f64>,
    #[serde(flatten)]
    row: Row,
}

fn lines(parts: &[Part], rows: &[Row]) -> Vec<Line> {
    let large = |row: &Row| {
        let job = parts.iter().find(|part| part.case.name == row.case)?.case.job;
        let large = |kind| matches!(kind, Kind::Put | Kind::Get);
        let (rate, size) = match job.beside {
            Some(beside) => (large(beside.kind).then(|| row.beside_rps.unwrap_or(0.0))?, beside.size),
            None => (large(job.kind).then_some(row.rps)??, job.size),
        };
        Some(rate * size as f64 / 1e6)
    };
    let line = |part: &Part, row: &Row| {
        let of = |name: &&str| rows.iter().find(|alone| alone.case == **name && alone.peer == row.peer);
        let alone = part.alone.as_ref().and_then(of).and_then(large);
        let large_mb_s = large(row);
        let large_of_alone = large_mb_s.zip(alone).map(|(now, alone)| now / alone);
        Line { about: part.case.about.clone(), large_mb_s, large_of_alone, row: row.clone() }
    };
    let mut lines = Vec::new();
    for part in parts {
        lines.extend(rows.iter().filter(|row| row.case == part.case.name).map(|row| line(part, row)));
    }
    lines
}

struct Isolation {
    facts: Vec<String>,
    lines: Vec<Line>,
}

impl Isolation {
    fn table(&self) -> String {
        let head = [
            "what",
            "peer",
            "calls or items/s",
            "p50 µs",
            "p99 µs",
            "p99.9 µs",
            "large MB/s",
            "of alone",
            "server MiB",
            "others",
            "KiB/stream",
            "client KiB/stream",
        ];
        let mut table = Table::new(head.map(str::to_owned).to_vec());
        for Line { large_mb_s, large_of_alone, row, .. } in &self.lines {
            table.line([
                row.case.clone(),
                row.peer.clone(),
                row.rps.map_or("-".into(), short),
                number(row.p50_us),
                number(row.p99_us),
                number(row.p999_us),
                number(*large_mb_s),
                number(*large_of_alone),
                number(Some(row.server_rss_kib as f64 / 1024.0)),
                number(row.others_cores),
                number(row.kib_per_connection),
                number(row.client_kib_per_connection),
            ]);
        }
        table.render()
    }

    fn save(&self, folder: &Path) -> Result<(), Error> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("isolation.json"), serde_json::to_string_pretty(&self.lines)? + "\n")?;
        let about = |line: &Line| format!("- `{}`: {}\n", line.row.case, line.about);
        let about: String = self.lines.iter().map(about).collect();
        let page = format!("# What goes on beside\n\n{}\n\n{}\n{about}", self.facts.join("\n"), self.table());
        fs::write(folder.join("isolation.md"), page)?;
        Ok(())
    }
}
