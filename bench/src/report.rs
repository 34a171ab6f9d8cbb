//! What is told of the rows: tables for people, JSON for programs, charts.

use std::fs;
use std::path::Path;

use crate::cases::Case;
use crate::row::Row;
use crate::table::{Table, number};
use crate::{Error, chart, peers};

pub struct Report<'a> {
    pub facts: Vec<String>,
    pub cases: &'a [Case],
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

    pub fn text(&self) -> String {
        let table = |(case, rows): (&Case, Vec<&Row>)| {
            format!("**{}**: {}\n\n{}\n", case.name, case.about, table(&rows))
        };
        self.parts().map(table).collect()
    }

    fn page(&self) -> String {
        let charts = "![rates](rates.svg)\n\n![latencies](latencies.svg)\n";
        format!("# protocall beside its peers\n\n{}\n\n{charts}\n{}", self.facts.join("\n"), self.text())
    }

    pub fn save(&self, folder: &Path) -> Result<(), Error> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("latest.json"), serde_json::to_string_pretty(&self.rows)? + "\n")?;
        fs::write(folder.join("latest.md"), self.page().trim_end().to_owned() + "\n")?;
        let parts: Vec<_> = self.parts().map(|(case, rows)| (case.name, rows)).collect();
        fs::write(folder.join("rates.svg"), chart::rates(&parts))?;
        fs::write(folder.join("latencies.svg"), chart::latencies(&parts))?;
        Ok(())
    }
}

fn table(rows: &[&Row]) -> String {
    let mut table = Table::new([
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
        "KiB/conn",
        "client KiB/conn",
    ]);
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
            number(row.kib_per_connection),
            number(row.client_kib_per_connection),
        ]);
    }
    table.render()
}
