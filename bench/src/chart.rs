//! The charts: a panel a case, a line a peer, two panels side by side.

use crate::peers;
use crate::row::Row;
use crate::svg::{Anchor, Svg};
use crate::table::number;

const WIDTH: f64 = 1_040.0;
const PANEL: f64 = WIDTH / 2.0;
const LINE: f64 = 22.0;
const HEAD: f64 = 46.0;
/// Where a panel's bars begin and end.
const LEFT: f64 = 110.0;
const RIGHT: f64 = PANEL - 100.0;
/// The same for latencies: more is written beside them.
const RIGHT_LATENCY: f64 = PANEL - 190.0;

/// A case's name and rows.
type Part<'a> = (&'a str, Vec<&'a Row>);

/// Bars of the median rate, with a line from the lowest to the highest.
pub fn rates(parts: &[Part<'_>]) -> String {
    let rated = with(parts, |row| row.rps);
    panels("calls a second: median, lowest, highest", &rated, |svg, row, rows, [x, y]| {
        let Some(rps) = row.rps else { return };
        let most = rows.iter().filter_map(|row| row.rps_max).fold(1.0, f64::max);
        let at = |value: f64| x + LEFT + (RIGHT - LEFT) * value / most;
        svg.rect([at(0.0), y + 4.0], [at(rps) - at(0.0), LINE - 8.0], colour(&row.peer));
        let (low, high) = (row.rps_min.unwrap_or(rps), row.rps_max.unwrap_or(rps));
        svg.line([at(low), y + LINE / 2.0], [at(high), y + LINE / 2.0], "spread");
        svg.text([at(high) + 6.0, y + 15.0], Anchor::Start, "", &number(Some(rps)));
    })
}

/// The median, 99 % and 99.9 % of the latencies, on a logarithmic scale.
pub fn latencies(parts: &[Part<'_>]) -> String {
    let timed = with(parts, |row| row.p50_us);
    panels("latency in µs, logarithmic: p50, p99, p99.9", &timed, |svg, row, rows, [x, y]| {
        let (Some(p50), Some(p99), Some(p999)) = (row.p50_us, row.p99_us, row.p999_us) else { return };
        let least = rows.iter().filter_map(|row| row.p50_us).fold(f64::MAX, f64::min).ln();
        let most = rows.iter().filter_map(|row| row.p999_us).fold(1.0, f64::max).ln();
        let at =
            |value: f64| x + LEFT + (RIGHT_LATENCY - LEFT) * (value.ln() - least) / (most - least).max(0.1);
        let middle = y + LINE / 2.0;
        svg.line([at(p50), middle], [at(p999), middle], "axis");
        for (value, radius) in [(p50, 6.0), (p99, 4.0), (p999, 3.0)] {
            svg.dot([at(value), middle], radius, colour(&row.peer));
        }
        let values = [p50, p99, p999].map(|value| number(Some(value))).join(" · ");
        svg.text([x + PANEL - 8.0, y + 15.0], Anchor::End, "faint", &values);
    })
}

/// The cases with something to draw.
fn with<'a>(parts: &[Part<'a>], value: impl Fn(&Row) -> Option<f64>) -> Vec<Part<'a>> {
    parts.iter().filter(|(_, rows)| rows.iter().any(|row| value(row).is_some())).cloned().collect()
}

/// Lays the panels out; `draw` draws a row of one at a point.
fn panels(title: &str, parts: &[Part<'_>], draw: impl Fn(&mut Svg, &Row, &[&Row], [f64; 2])) -> String {
    let mut svg = Svg::new(WIDTH);
    svg.text([16.0, 26.0], Anchor::Start, "head", title);
    let mut top = 40.0;
    for pair in parts.chunks(2) {
        for (column, (case, rows)) in pair.iter().enumerate() {
            let x = column as f64 * PANEL;
            svg.text([x + 16.0, top + 30.0], Anchor::Start, "head", case);
            for (place, row) in rows.iter().enumerate() {
                let y = top + HEAD + place as f64 * LINE;
                svg.text([x + LEFT - 8.0, y + 15.0], Anchor::End, "", &row.peer);
                draw(&mut svg, row, rows, [x, y]);
            }
        }
        let rows = pair.iter().map(|(_, rows)| rows.len()).max().unwrap_or(0);
        top += HEAD + rows as f64 * LINE;
    }
    svg.finish(top + 16.0)
}

fn colour(peer: &str) -> &'static str {
    match peer {
        peers::PROTOCALL => "#d9480f",
        peers::RAW_TCP | peers::HAND_WRITTEN => "#adb5bd",
        _ => "#4c6ef5",
    }
}
