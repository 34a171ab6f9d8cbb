//! What is told of the rows: tables for people, JSON for programs, charts.

use std::fs;
use std::path::Path;

use crate::cases::Case;
use crate::row::Row;
use crate::table::{Table, number, short};
use crate::{Error, chart, peers};

pub struct Report<'a> {
    pub facts: Vec<String>,
    pub cases: &'a [Case],
    pub peers: Vec<&'a str>,
    pub rows: Vec<Row>,
}

impl Report<'_> {
    /// A case and its rows.
    fn parts(&self) -> impl Iterator<Item = (&Case, Vec<&Row>)> {
        let rows = |case: &Case| self.rows.iter().filter(|row| row.case == case.name).collect();
        self.cases
            .iter()
            .map(move |case| (case, rows(case)))
            .filter(|(_, rows): &(_, Vec<_>)| !rows.is_empty())
    }

    /// Everything in short, then case by case.
    pub fn text(&self) -> String {
        let table = |(case, rows): (&Case, Vec<&Row>)| {
            format!("**{}**: {}\n\n{}\n", case.name, case.about, table(&rows))
        };
        let details: String = self.parts().map(table).collect();
        format!("{}\n{details}", self.overview())
    }

    /// A line a case, a column a peer. A dash: it cannot do that, or failed.
    fn overview(&self) -> String {
        let head = |what: &str| [&[what.to_owned()], &*self.names()].concat();
        let rates = self.matrix(head("calls/s"), |row| row.rps.map(short));
        let cpu = self.matrix(head("CPU µs a call, both ends"), |row| {
            row.cpu_s_per_million.map(|cpu| number(Some(cpu)))
        });
        let memory =
            self.matrix(head("KiB a connection"), |row| row.kib_per_connection.map(|kib| number(Some(kib))));
        [rates, cpu, memory].into_iter().flatten().map(|table| table + "\n").collect()
    }

    fn names(&self) -> Vec<String> {
        self.peers.iter().map(|&peer| peer.to_owned()).collect()
    }

    fn matrix(&self, head: Vec<String>, cell: impl Fn(&Row) -> Option<String>) -> Option<String> {
        let mut table = Table::new(head);
        for (case, rows) in self.parts() {
            let of = |peer: &&str| rows.iter().find(|row| row.peer == **peer).and_then(|row| cell(row));
            let cells: Vec<_> = self.peers.iter().map(of).collect();
            if cells.iter().any(Option::is_some) {
                let cells = cells.into_iter().map(|cell| cell.unwrap_or("-".into()));
                table.line([case.name.clone()].into_iter().chain(cells).collect::<Vec<_>>());
            }
        }
        table.has_lines().then(|| table.render())
    }

    fn page(&self) -> String {
        let charts = "![rates](rates.svg)\n\n![latencies](latencies.svg)\n";
        format!("# protocall beside its peers\n\n{}\n\n{charts}\n{}", self.facts.join("\n"), self.text())
    }

    pub fn save(&self, folder: &Path) -> Result<(), Error> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("latest.json"), serde_json::to_string_pretty(&self.rows)? + "\n")?;
        fs::write(folder.join("latest.md"), self.page().trim_end().to_owned() + "\n")?;
        let parts: Vec<_> = self.parts().map(|(case, rows)| (&*case.name, rows)).collect();
        fs::write(folder.join("rates.svg"), chart::rates(&parts))?;
        fs::write(folder.join("latencies.svg"), chart::latencies(&parts))?;
        Ok(())
    }
}

fn table(rows: &[&Row]) -> String {
    let head = [
        "peer",
        "version",
        "calls/s",
        "min-max",
        "of raw",
        "p50 µs",
        "p99 µs",
        "p99.9 µs",
        "calm p50",
        "calm p99",
        "calm p99.9",
        "CPU µs client",
        "server",
        "switches",
        "segments",
        "server MiB",
        "others",
        "apart ns",
        "KiB/conn",
        "client KiB/conn",
    ];
    let mut table = Table::new(head.map(str::to_owned).to_vec());
    let raw = rows.iter().find(|row| row.peer == peers::RAW_TCP).and_then(|row| row.rps);
    for row in rows {
        let of_raw = row.rps.zip(raw).map(|(rps, raw)| rps / raw);
        let range = row
            .rps_min
            .zip(row.rps_max)
            .map(|(min, max)| format!("{}-{}", number(Some(min)), number(Some(max))));
        table.line([
            row.peer.clone(),
            row.version.clone(),
            number(row.rps),
            range.unwrap_or_default(),
            number(of_raw),
            number(row.p50_us),
            number(row.p99_us),
            number(row.p999_us),
            number(row.calm_p50_us),
            number(row.calm_p99_us),
            number(row.calm_p999_us),
            number(row.client_cpu_s_per_million),
            number(row.server_cpu_s_per_million),
            number(row.switches_per_call),
            number(row.segments_per_call),
            number(Some(row.server_rss_kib as f64 / 1024.0)),
            number(row.others_cores),
            number(row.apart_ns),
            number(row.kib_per_connection),
            number(row.client_kib_per_connection),
        ]);
    }
    table.render()
}
