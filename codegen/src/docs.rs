//! Documentation as the model has it: lines that rustdoc takes without a warning and without a doctest.
//! Called by [`check`](crate::check) for every part of a draft.
//!
//! What was written in Rust is rustdoc already and stays as it is, but for the space that `///` leaves before
//! each line. A schema's comment was written for nobody in particular: `[1]` is no link there, `List<T>` no
//! HTML, and an indented example no Rust. So of its Markdown only what cannot go wrong stays (paragraphs,
//! lists, headings, emphasis, code); the rest is escaped and reads as it was written.

use crate::draft::Docs;

#[cfg(test)]
mod tests;

/// The lines to write after `/// `.
#[must_use]
pub fn lines(docs: Docs) -> Vec<String> {
    match docs {
        Docs::Rustdoc(lines) => lines
            .into_iter()
            .map(|line| line.strip_prefix(' ').map_or_else(|| line.clone(), str::to_owned))
            .collect(),
        Docs::Comment(text) => from_comment(&text),
    }
}

/// A schema's comment, made safe.
#[must_use]
pub fn from_comment(text: &str) -> Vec<String> {
    let text: Vec<String> = text.lines().map(plain).collect();
    let indent = text.iter().filter(|line| !line.is_empty()).map(|line| indent_of(line)).min().unwrap_or(0);
    let mut page = Page::default();
    for line in &text {
        page.line(line.get(indent..).unwrap_or(""));
    }
    page.close();
    let start = page.lines.iter().position(|line| !line.is_empty()).unwrap_or(page.lines.len());
    let end = page.lines.iter().rposition(|line| !line.is_empty()).map_or(start, |last| last + 1);
    page.lines[start..end].to_vec()
}

/// A line without tabs, control characters and those that turn the direction of writing, which rustc refuses.
fn plain(line: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let spaced = line.replace('\t', "    ");
    let kept: String =
        spaced.chars().filter(|c| !turns(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    kept.trim_end().to_owned()
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Where in a comment we are.
#[derive(Default)]
enum Block {
    /// Between paragraphs.
    #[default]
    Blank,
    /// In a paragraph.
    Text,
    /// In an item of a list whose content starts at this column.
    Item(usize),
    /// After a blank line that may be in a list.
    BlankInList(usize),
    /// In code between fences; the fence that ends it.
    Fenced(String),
    /// In code by indentation, which we have put between fences.
    Indented,
}

#[derive(Default)]
struct Page {
    lines: Vec<String>,
    block: Block,
}

impl Page {
    fn line(&mut self, line: &str) {
        let (indent, text) = (indent_of(line), line.trim_start_matches(' '));
        if let Block::Fenced(fence) = &self.block {
            let ends = text.len() >= fence.len()
                && text.starts_with(fence.as_str())
                && text.chars().all(|c| fence.starts_with(c));
            if ends {
                self.close();
            } else {
                self.lines.push(line.to_owned());
            }
        } else if matches!(self.block, Block::Indented) && (indent >= 4 || text.is_empty()) {
            self.lines.push(line.get(4..).unwrap_or("").to_owned());
        } else {
            if matches!(self.block, Block::Indented) {
                self.close();
            }
            self.outside_code(indent, text);
        }
    }

    fn outside_code(&mut self, indent: usize, text: &str) {
        if text.is_empty() {
            self.lines.push(String::new());
            self.block = match self.block {
                Block::Item(column) | Block::BlankInList(column) => Block::BlankInList(column),
                _ => Block::Blank,
            };
        } else if let Some(fence) = fence(text) {
            self.lines.push(format!("{fence}text"));
            self.block = Block::Fenced(fence);
        } else if matches!(self.block, Block::Blank) && indent >= 4 {
            self.lines.push("```text".to_owned());
            self.lines.push(format!("{}{text}", " ".repeat(indent - 4)));
            self.block = Block::Indented;
        } else if let Some((marker, rest)) = item(text) {
            // Never so far in that it would be code in the item above.
            let most = match self.block {
                Block::Item(column) | Block::BlankInList(column) => column,
                _ => 0,
            };
            let indent = indent.min(most);
            self.lines.push(format!("{}{marker} {}", " ".repeat(indent), inline(rest)));
            self.block = Block::Item(indent + marker.len() + 1);
        } else {
            self.lines.push(inline(text));
            self.block = match self.block {
                Block::Item(column) => Block::Item(column),
                _ => Block::Text,
            };
        }
    }

    /// Ends code.
    fn close(&mut self) {
        match std::mem::take(&mut self.block) {
            Block::Fenced(fence) => self.lines.push(fence),
            Block::Indented => {
                // The blank lines before the next paragraph were not code yet.
                let code = self.lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
                self.lines.insert(code, "```".to_owned());
            }
            _ => {}
        }
    }
}

/// The backticks or tildes that `text` opens code with.
fn fence(text: &str) -> Option<String> {
    let first = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let fence: String = text.chars().take_while(|c| *c == first).collect();
    let info = &text[fence.len()..];
    (fence.len() >= 3 && !(first == '`' && info.contains('`'))).then_some(fence)
}

/// The marker of an item, `-` or `12.`, and what follows it.
fn item(text: &str) -> Option<(&str, &str)> {
    let (marker, rest) = text.split_once(' ')?;
    let number = marker
        .strip_suffix(['.', ')'])
        .is_some_and(|n| !n.is_empty() && n.len() < 9 && n.bytes().all(|b| b.is_ascii_digit()));
    (matches!(marker, "-" | "*" | "+") || number).then(|| (marker, rest.trim_start_matches(' ')))
}

/// A line's text with everything escaped that could be a link, HTML or a quotation, outside of code.
fn inline(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = if c == '`' {
            code_span(rest, &mut out)
        } else if rest.starts_with("http://") || rest.starts_with("https://") {
            url(rest, &mut out)
        } else if c == '\\' && rest[1..].starts_with(|next: char| next.is_ascii_punctuation()) {
            out.push_str(&rest[..2]);
            2
        } else {
            if matches!(c, '[' | ']' | '<' | '>') {
                out.push('\\');
            }
            out.push(c);
            c.len_utf8()
        };
        rest = &rest[taken..];
    }
    out
}

/// A span of code as it is; backticks that nothing closes are escaped.
fn code_span(text: &str, out: &mut String) -> usize {
    let ticks = text.len() - text.trim_start_matches('`').len();
    let mut at = ticks;
    while let Some(next) = text[at..].find('`') {
        let run = text[at + next..].len() - text[at + next..].trim_start_matches('`').len();
        at += next + run;
        if run == ticks {
            out.push_str(&text[..at]);
            return at;
        }
    }
    out.push_str(&"\\`".repeat(ticks));
    ticks
}

/// An address as a link to itself, without the punctuation that ends its sentence.
fn url(text: &str, out: &mut String) -> usize {
    let end = text
        .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '\\'))
        .unwrap_or(text.len());
    let address = text[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '*', '_']);
    out.push('<');
    out.push_str(address);
    out.push('>');
    address.len()
}
