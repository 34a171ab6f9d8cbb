//! As much SVG as the charts need.

use std::fmt::Write;

pub struct Svg {
    width: f64,
    body: String,
}

/// Where a text stands at its point.
#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// On a ground of their own, light or dark as the reader's screen is.
const STYLE: &str = ".ground{fill:#fff}text{font:12px system-ui,sans-serif;fill:#333}\
    .head{font-weight:600;font-size:14px}.faint{fill:#888}.axis{stroke:#ddd}\
    .spread{stroke:#333;stroke-width:1.5}.path{fill:none;stroke-width:2;stroke-linejoin:round}\
    @media(prefers-color-scheme:dark){.ground{fill:#0d1117}text{fill:#d5dae0}.faint{fill:#9198a1}\
    .axis{stroke:#30363d}.spread{stroke:#d5dae0}}";

impl Svg {
    pub fn new(width: f64) -> Self {
        Self { width, body: String::new() }
    }

    pub fn rect(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], fill: &str) {
        let width = width.max(0.5);
        self.add(&format!(
            "<rect x='{x:.1}' y='{y:.1}' width='{width:.1}' height='{height:.1}' rx='2' fill='{fill}'/>"
        ));
    }

    pub fn line(&mut self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], class: &str) {
        self.add(&format!("<line x1='{x1:.1}' y1='{y1:.1}' x2='{x2:.1}' y2='{y2:.1}' class='{class}'/>"));
    }

    pub fn path(&mut self, points: &[[f64; 2]], stroke: &str) {
        let points: Vec<String> = points.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        let points = points.join(" ");
        self.add(&format!("<polyline points='{points}' class='path' stroke='{stroke}'/>"));
    }

    pub fn dot(&mut self, [x, y]: [f64; 2], radius: f64, fill: &str) {
        self.add(&format!("<circle cx='{x:.1}' cy='{y:.1}' r='{radius}' fill='{fill}'/>"));
    }

    pub fn text(&mut self, [x, y]: [f64; 2], anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        self.add(&format!(
            "<text x='{x:.1}' y='{y:.1}' text-anchor='{anchor}' class='{class}'>{text}</text>"
        ));
    }

    fn add(&mut self, element: &str) {
        let _ = writeln!(self.body, "{element}");
    }

    pub fn finish(self, height: f64) -> String {
        let (width, body) = (self.width, self.body);
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}'>\n\
             <style>{STYLE}</style>\n<rect width='100%' height='100%' class='ground'/>\n{body}</svg>\n"
        )
    }
}
