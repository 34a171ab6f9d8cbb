//! Turns what protox and prost-reflect complain of into our rules, with a place each. Both tell all that they
//! found in one file: the first as the error itself, the rest as related to it.

use miette::{Diagnostic, LabeledSpan};
use protocall_codegen::{
    report::{Place, Report},
    rule::Rule,
};

use super::place::of_offset;

/// Errors of the parser.
pub(super) fn syntax(error: &dyn Diagnostic, shown: &str, text: &str, report: &mut Report) {
    each(error, &mut |error| {
        // Without a label the file ended too early.
        let place =
            place(error, shown, Some(text)).unwrap_or_else(|| of_offset(shown, text, text.trim_end().len()));
        report.add(place, Rule::Syntax { error: sentence(error) });
    });
}

/// Errors of the linker.
pub(super) fn link(error: &dyn Diagnostic, shown: &str, text: Option<&str>, report: &mut Report) {
    each(error, &mut |error| {
        let place = place(error, shown, text).unwrap_or_else(|| Place::File(shown.to_owned()));
        report.add(place, rule(error));
    });
}

fn each(error: &dyn Diagnostic, tell: &mut dyn FnMut(&dyn Diagnostic)) {
    tell(error);
    for related in error.related().into_iter().flatten() {
        each(related, tell);
    }
}

/// The rule that the linker's text stands for. The crate keeps its kinds to itself, so the text is all there is;
/// a text that changed would fall back to [`Rule::InvalidSchema`], and the fixtures would tell.
fn rule(error: &dyn Diagnostic) -> Rule {
    let text = error.to_string();
    let quoted = text.split('\'').nth(1).unwrap_or_default().to_owned();
    if text.ends_with("is not defined") {
        let ours = quoted.trim_matches(['(', ')']);
        if text.starts_with("name ") && ["protocall.method", "protocall.service"].contains(&ours) {
            return Rule::OptionsNotImported { option: quoted };
        }
        if text.starts_with("name ") || text.contains("' resolves to '") {
            return Rule::UnknownType { name: quoted };
        }
        if let Some((owner, key)) = quoted.rsplit_once('.') {
            if let Some(known) = super::options::known(owner) {
                return Rule::UnknownKey { key: key.to_owned(), known };
            }
        }
    }
    Rule::InvalidSchema { error: sentence(error) }
}

/// What is wrong, and what the crate would do about it.
fn sentence(error: &dyn Diagnostic) -> String {
    let text = error.to_string().replace('\'', "`");
    match error.help() {
        Some(help) => format!("{text} ({})", help.to_string().replace('\'', "`")),
        None => text,
    }
}

fn place(error: &dyn Diagnostic, shown: &str, text: Option<&str>) -> Option<Place> {
    let labels: Vec<LabeledSpan> = error.labels()?.collect();
    // Of two, one is where the name, the number or the range was taken first.
    let first = |label: &&LabeledSpan| {
        !label.label().is_some_and(|text| text.contains("first") || text.contains("range"))
    };
    let label = labels.iter().find(first).or_else(|| labels.first())?;
    Some(of_offset(shown, text?, label.offset()))
}
