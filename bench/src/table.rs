//! Tables in Markdown, aligned so that a terminal shows them well too.

pub struct Table {
    lines: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: Vec<String>) -> Self {
        Self { lines: vec![head] }
    }

    pub fn has_lines(&self) -> bool {
        self.lines.len() > 1
    }

    pub fn line(&mut self, cells: impl Into<Vec<String>>) {
        self.lines.push(cells.into());
    }

    /// The first column to the left, the others to the right; a column without a value is left out.
    pub fn render(&self) -> String {
        let kept =
            |column: &usize| self.lines[1..].iter().any(|line| !matches!(line[*column].as_str(), "" | "-"));
        let columns: Vec<usize> = (0..self.lines[0].len()).filter(kept).collect();
        let width = |column: usize| {
            self.lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0).max(2)
        };
        let mut text = String::new();
        for (row, line) in self.lines.iter().enumerate() {
            for &column in &columns {
                let (cell, width) = (&line[column], width(column));
                text +=
                    &if column == 0 { format!("| {cell:<width$} ") } else { format!("| {cell:>width$} ") };
            }
            text += "|\n";
            if row == 0 {
                for &column in &columns {
                    let dashes = "-".repeat(width(column) + 1);
                    text += &if column == 0 { format!("|{dashes}-") } else { format!("|{dashes}:") };
                }
                text += "|\n";
            }
        }
        text
    }
}

/// Three digits: `1.23 M`, `82.2 k`.
pub fn short(value: f64) -> String {
    let (value, unit) = match value {
        1e6.. => (value / 1e6, " M"),
        1e3.. => (value / 1e3, " k"),
        _ => (value, ""),
    };
    number(Some(value)) + unit
}

/// Three digits or so, thousands apart; a dash for nothing.
pub fn number(value: Option<f64>) -> String {
    let Some(value) = value else { return "-".into() };
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Table, number, short};

    #[test]
    fn numbers_are_short() {
        let shown = [1.234, 12.34, 123.4, 1_234.5, 1_234_567.0].map(|value| number(Some(value)));
        assert_eq!(shown, ["1.23", "12.3", "123", "1,234", "1,234,567"]);
        assert_eq!([2_366_120.0, 85_478.0, 557.0].map(short), ["2.37 M", "85.5 k", "557"]);
    }

    #[test]
    fn a_column_without_values_is_left_out() {
        let mut table = Table::new(["peer", "a", "b"].map(str::to_owned).to_vec());
        table.line(["x", "-", "1"].map(str::to_owned));
        assert_eq!(table.render(), "| peer |  b |\n|------|---:|\n| x    |  1 |\n");
    }
}
