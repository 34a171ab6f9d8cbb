//! Turns what protox-parse and prost-reflect complain of into our rules, with a place each. Both tell all that they
//! found in one file: the first as the error itself, the rest as related to it.

use miette::{Diagnostic, LabeledSpan};
use protocall_codegen::{
    report::{Place, Report},
    rule::Rule,
};

use super::{options, place::of_offset};

/// Errors of the parser.
pub(super) fn syntax(error: &dyn Diagnostic, shown: &str, text: &str, report: &mut Report) {
    each(error, &mut |error| {
        // Without a label the file ended too early.
        let offset = offset(error).unwrap_or_else(|| text.trim_end().len());
        report.add(of_offset(shown, text, offset), Rule::Syntax { error: sentence(error) });
    });
}

/// Errors of the linker.
pub(super) fn link(error: &dyn Diagnostic, shown: &str, text: Option<&str>, report: &mut Report) {
    each(error, &mut |error| {
        let offset = offset(error);
        let rest = offset.and_then(|offset| text?.get(offset..)).unwrap_or_default();
        let place = match (offset, text) {
            (Some(offset), Some(text)) => of_offset(shown, text, offset),
            _ => Place::File(shown.to_owned()),
        };
        report.add(place, rule(error, rest));
    });
}

fn each(error: &dyn Diagnostic, tell: &mut dyn FnMut(&dyn Diagnostic)) {
    tell(error);
    for related in error.related().into_iter().flatten() {
        each(related, tell);
    }
}

/// The rule that the linker's text stands for. The crate keeps its kinds to itself, so the text is all there is;
/// one that changed would become [`Rule::InvalidSchema`], and the fixtures would tell. `rest` is the file from
/// where the mistake is.
fn rule(error: &dyn Diagnostic, rest: &str) -> Rule {
    let text = error.to_string();
    let name = text.split('\'').nth(1).unwrap_or_default().to_owned();
    let undefined = text.ends_with("is not defined");
    if undefined && options::known(&name).is_some() {
        Rule::OptionsNotImported { option: name }
    } else if undefined && (text.starts_with("option ") || rest.starts_with("option")) {
        match name.rsplit_once('.').and_then(|(owner, key)| Some((key.to_owned(), options::known(owner)?))) {
            Some((key, known)) => Rule::UnknownKey { key, known },
            None => Rule::UnknownOption { name },
        }
    } else if undefined {
        Rule::UnknownType { name }
    } else {
        literal_key(error, &text).unwrap_or_else(|| Rule::InvalidSchema { error: sentence(error) })
    }
}

/// An unknown key in `option (protocall.method) = { timout: "5s" }`: the linker's own error wraps that of the text
/// format.
fn literal_key(error: &dyn Diagnostic, text: &str) -> Option<Rule> {
    let (_, option) = text.split_once("for option '")?;
    let known = options::known(option.trim_end_matches('\''))?;
    let inner = error.diagnostic_source()?.to_string();
    let key = inner.strip_prefix("field '")?.split('\'').next()?.to_owned();
    inner.contains("not found").then_some(Rule::UnknownKey { key, known })
}

/// What is wrong, and what the crate would do about it.
fn sentence(error: &dyn Diagnostic) -> String {
    let inner = error.diagnostic_source().map(|inner| format!(": {inner}")).unwrap_or_default();
    let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{error}{inner}{help}").replace('\'', "`")
}

/// Where it is, in bytes. Of two labels, one is where the name, the number or the range was taken first.
fn offset(error: &dyn Diagnostic) -> Option<usize> {
    let labels: Vec<LabeledSpan> = error.labels()?.collect();
    let earlier = |label: &LabeledSpan| {
        label.label().is_some_and(|text| text.contains("first") || text.contains("range"))
    };
    labels.iter().find(|label| !earlier(label)).or_else(|| labels.first()).map(LabeledSpan::offset)
}
