//! Charts of lines, both scales logarithmic.

use std::ops::{Range, RangeInclusive};

use crate::peers;
use crate::svg::{Anchor, Svg};

const WIDTH: f64 = 1_040.0;
const TOP: f64 = 84.0;
const HEIGHT: f64 = 250.0;
/// Left and right of what a panel draws.
const MARGINS: [f64; 2] = [66.0, 24.0];
/// For peers that have no colour of their own.
const OTHERS: [&str; 4] = ["#2f9e44", "#ae3ec9", "#0c8599", "#e8590c"];

pub struct Panel<'a> {
    pub title: &'a str,
    pub lines: Vec<Line>,
}

pub struct Line {
    pub name: String,
    pub points: Vec<[f64; 2]>,
}

/// Panels side by side; `tick` is the text of a value on the lower scale.
pub fn chart(title: &str, panels: &[Panel<'_>], tick: &dyn Fn(f64) -> String) -> String {
    let mut svg = Svg::new(WIDTH);
    svg.text([16.0, 26.0], Anchor::Start, "head", title);
    let width = WIDTH / panels.len() as f64;
    for (place, panel) in panels.iter().enumerate() {
        let left = place as f64 * width;
        legend(&mut svg, left + 16.0, panel);
        panel.draw(&mut svg, left + MARGINS[0]..left + width - MARGINS[1], tick);
    }
    svg.finish(TOP + HEIGHT + 40.0)
}

fn legend(svg: &mut Svg, mut x: f64, panel: &Panel<'_>) {
    svg.text([x, 58.0], Anchor::Start, "head", panel.title);
    x += 24.0 + 8.0 * panel.title.chars().count() as f64;
    for (place, line) in panel.lines.iter().enumerate() {
        svg.dot([x, 54.0], 4.0, colour(&line.name, place));
        svg.text([x + 9.0, 58.0], Anchor::Start, "", &line.name);
        x += 24.0 + 7.0 * line.name.len() as f64;
    }
}

impl Panel<'_> {
    fn draw(&self, svg: &mut Svg, across: Range<f64>, tick: &dyn Fn(f64) -> String) {
        let values = |axis: usize| self.lines.iter().flat_map(move |l| l.points.iter().map(move |p| p[axis]));
        let (Some(x), Some(y)) = (Scale::of(values(0)), Scale::of(values(1)).map(Scale::rounded)) else {
            return;
        };
        let x_at = |value| across.start + (across.end - across.start) * x.part(value);
        let y_at = |value| TOP + HEIGHT * (1.0 - y.part(value));
        for value in y.round_values() {
            svg.line([across.start, y_at(value)], [across.end, y_at(value)], "axis");
            svg.text([across.start - 8.0, y_at(value) + 4.0], Anchor::End, "faint", &round(value));
        }
        let mut marks: Vec<f64> = values(0).collect();
        marks.sort_by(f64::total_cmp);
        marks.dedup();
        // From the last to the first, as far as there is room for texts.
        let mut free = f64::MAX;
        for value in marks.into_iter().rev() {
            let x = x_at(value);
            svg.line([x, TOP + HEIGHT], [x, TOP + HEIGHT + 4.0], "axis");
            if x <= free {
                svg.text([x, TOP + HEIGHT + 20.0], Anchor::Middle, "faint", &tick(value));
                free = x - 40.0;
            }
        }
        for (place, line) in self.lines.iter().enumerate().rev() {
            let points: Vec<_> = line.points.iter().map(|[x, y]| [x_at(*x), y_at(*y)]).collect();
            svg.path(&points, colour(&line.name, place));
            for point in points {
                svg.dot(point, 3.0, colour(&line.name, place));
            }
        }
    }
}

/// A logarithmic scale.
struct Scale {
    least: f64,
    most: f64,
}

impl Scale {
    /// That of these values; `None` without any.
    fn of(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let least = values.clone().reduce(f64::min)?;
        let most = values.reduce(f64::max)?;
        (least > 0.0).then_some(Self { least, most: most.max(least * 1.01) })
    }

    fn part(&self, value: f64) -> f64 {
        (value / self.least).ln() / (self.most / self.least).ln()
    }

    /// From the round value below to the one above.
    fn rounded(self) -> Self {
        let values = round_values(self.least.log10().floor() as i32..=self.most.log10().ceil() as i32);
        let below = values.clone().filter(|value| *value <= self.least).last();
        let above = values.clone().find(|value| *value >= self.most);
        Self { least: below.unwrap_or(self.least), most: above.unwrap_or(self.most) }
    }

    /// Those that are on it; powers of ten alone where it is long.
    fn round_values(&self) -> Vec<f64> {
        let long = self.most / self.least > 300.0;
        let values = round_values(self.least.log10().floor() as i32..=self.most.log10().ceil() as i32);
        let power = |value: &f64| value.log10().fract().abs() < 1e-9;
        values.filter(|value| (0.0..=1.0).contains(&self.part(*value)) && (!long || power(value))).collect()
    }
}

/// 1, 2, 5, 10 and so on, of these powers of ten.
fn round_values(powers: RangeInclusive<i32>) -> impl Iterator<Item = f64> + Clone {
    powers.flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(power)))
}

/// `0.5`, `20`, `5 k`, `1 M`.
fn round(value: f64) -> String {
    match value {
        1e6.. => format!("{} M", value / 1e6),
        1e3.. => format!("{} k", value / 1e3),
        _ => format!("{value}"),
    }
}

fn colour(peer: &str, place: usize) -> &'static str {
    match peer {
        peers::PROTOCALL => "#d9480f",
        name if name == peers::ROUTES.name => "#d9480f",
        peers::HAND_WRITTEN => "#4c6ef5",
        peers::RAW_TCP => "#868e96",
        _ => OTHERS[place % OTHERS.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::Scale;

    #[test]
    fn a_scale_has_its_ends_and_round_values() {
        let scale = Scale::of([3.0, 45.0, 7.0].into_iter()).unwrap().rounded();
        assert_eq!([2.0, 10.0, 50.0].map(|value| scale.part(value)), [0.0, 0.5, 1.0]);
        assert_eq!(scale.round_values(), [2.0, 5.0, 10.0, 20.0, 50.0]);
        let long = Scale::of([1.5, 3_000.0].into_iter()).unwrap().rounded();
        assert_eq!(long.round_values(), [1.0, 10.0, 100.0, 1_000.0]);
        assert!(Scale::of([].into_iter()).is_none());
    }
}
