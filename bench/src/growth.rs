//! What is told of things that grow: a table, a chart and the steps of each, and JSON of all.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::Error;
use crate::grow::{Axis, Unit};
use crate::lines::{Line, Panel, chart};
use crate::row::Row;
use crate::table::{Table, number, short};

/// From one point to the next, a cost that rises by more than this is a step.
const STEP: f64 = 1.25;

pub struct Growth<'a> {
    pub facts: Vec<String>,
    pub curves: Vec<Curve<'a>>,
}

/// Along one axis, all peers.
pub struct Curve<'a> {
    axis: &'a Axis,
    points: Vec<Point>,
}

/// What one peer did at one place.
#[derive(Serialize)]
struct Point {
    axis: &'static str,
    value: usize,
    #[serde(flatten)]
    row: Row,
}

impl Growth<'_> {
    pub fn text(&self) -> String {
        self.curves.iter().map(Curve::text).collect::<Vec<_>>().join("\n")
    }

    pub fn save(&self, folder: &Path) -> Result<(), Error> {
        fs::create_dir_all(folder)?;
        let points: Vec<&Point> = self.curves.iter().flat_map(|curve| &curve.points).collect();
        fs::write(folder.join("grow.json"), serde_json::to_string_pretty(&points)? + "\n")?;
        let mut page = format!("# What grows, and what a call costs\n\n{}\n", self.facts.join("\n"));
        for curve in &self.curves {
            let name = curve.axis.name;
            page += &format!("\n![{name}](grow-{name}.svg)\n\n{}", curve.text());
            fs::write(folder.join(format!("grow-{name}.svg")), curve.chart())?;
        }
        fs::write(folder.join("grow.md"), page)?;
        Ok(())
    }
}

impl<'a> Curve<'a> {
    /// What `rows` have of this axis.
    pub fn new(axis: &'a Axis, rows: &[Row]) -> Self {
        let at = |value: usize| {
            let case = axis.case(value);
            let rows = rows.iter().filter(move |row| row.case == case).cloned();
            rows.map(move |row| Point { axis: axis.name, value, row })
        };
        Self { axis, points: axis.points.iter().flat_map(|value| at(*value)).collect() }
    }

    fn peers(&self) -> Vec<&str> {
        let mut peers: Vec<&str> = Vec::new();
        for Point { row, .. } in &self.points {
            if !peers.contains(&&*row.peer) {
                peers.push(&row.peer);
            }
        }
        peers
    }

    /// The points of one peer.
    fn of(&self, peer: &str) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(move |point| point.row.peer == peer)
    }

    fn text(&self) -> String {
        let Axis { name, about, .. } = self.axis;
        let mut steps: String = self.peers().iter().map(|peer| self.steps(peer)).collect();
        if steps.is_empty() {
            steps = "No step.\n".into();
        }
        format!("**{name}**: {about}\n\n{}\n{steps}", self.table())
    }

    fn table(&self) -> String {
        let peers = self.peers();
        let rate = self.rate_name();
        let head = |what: &str| peers.iter().map(|peer| format!("{peer} {what}")).collect::<Vec<_>>();
        let head = [vec![self.axis.name.to_owned()], head(rate), head("CPU µs"), head("p99 µs")].concat();
        let mut table = Table::new(head);
        let mut values: Vec<usize> = self.points.iter().map(|point| point.value).collect();
        values.dedup();
        for value in values {
            let of = |cell: &dyn Fn(&Point) -> Option<f64>, text: fn(f64) -> String| {
                let at = |peer: &&str| self.of(peer).find(|point| point.value == value).and_then(cell);
                peers.iter().map(|peer| at(peer).map_or("-".into(), text)).collect::<Vec<_>>()
            };
            let plain = |value| number(Some(value));
            let rates = of(&|point| self.rate(point), short);
            let cpu = of(&|point| point.row.cpu_s_per_million, plain);
            let p99 = of(&|point| point.row.p99_us, plain);
            table.line([vec![self.axis.unit.short(value)], rates, cpu, p99].concat());
        }
        table.render()
    }

    /// Calls or megabytes a second.
    fn rate(&self, point: &Point) -> Option<f64> {
        let rps = point.row.rps?;
        Some(match self.axis.unit {
            Unit::Count => rps,
            Unit::Bytes => rps * point.value as f64 / 1e6,
        })
    }

    fn rate_name(&self) -> &'static str {
        match self.axis.unit {
            Unit::Count => "calls/s",
            Unit::Bytes => "MB/s",
        }
    }

    /// Where a call, or a byte if messages grow, costs clearly more than at the point before.
    fn steps(&self, peer: &str) -> String {
        let cost = |point: &Point| {
            let cpu = point.row.cpu_s_per_million?;
            Some(if self.axis.unit == Unit::Bytes { cpu / point.value as f64 } else { cpu })
        };
        let points: Vec<(usize, f64)> = self.of(peer).filter_map(|p| Some((p.value, cost(p)?))).collect();
        let steep = points.windows(2).filter(|pair| pair[1].1 > STEP * pair[0].1);
        let short = |value| self.axis.unit.short(value);
        let line = |pair: &[(usize, f64)]| {
            let (from, to, times) = (short(pair[0].0), short(pair[1].0), pair[1].1 / pair[0].1);
            let what = if self.axis.unit == Unit::Bytes { "byte" } else { "call" };
            format!("- A step: {peer}, {from} to {to}, where a {what} takes {times:.2} times the CPU\n")
        };
        steep.map(line).collect()
    }

    fn chart(&self) -> String {
        let lines = |value: &dyn Fn(&Point) -> Option<f64>| -> Vec<Line> {
            let point = |p: &Point| Some([p.value as f64, value(p)?]);
            let line =
                |peer| Line { name: String::from(peer), points: self.of(peer).filter_map(point).collect() };
            self.peers().into_iter().map(line).collect()
        };
        let cpu =
            Panel { title: "CPU µs a call, both ends", lines: lines(&|point| point.row.cpu_s_per_million) };
        let rate = Panel { title: self.rate_name(), lines: lines(&|point| self.rate(point)) };
        let tick = |value: f64| self.axis.unit.short(value as usize);
        chart(self.axis.about, &[cpu, rate], &tick)
    }
}

impl Unit {
    fn short(self, value: usize) -> String {
        match (self, value) {
            (Self::Bytes, 0x10_0000..) => format!("{} MiB", value >> 20),
            (Self::Bytes, 1_024..) => format!("{} KiB", value >> 10),
            (Self::Bytes, _) => format!("{value} B"),
            (Self::Count, 1_000..) => number(Some(value as f64)),
            (Self::Count, _) => value.to_string(),
        }
    }
}
