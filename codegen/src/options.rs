//! The options of a method: which there are, what they take, and the grammar of durations and sizes. Called
//! by [`check`](crate::check) for every option that a front end wrote down, and by
//! [`compare`](crate::compare).

use std::time::Duration;

use crate::{
    draft::{OptionDraft, OptionValue},
    model::{Idempotency, Method, MethodKind, MethodOptions, Timeout},
    report::{Place, Report},
    rule::Rule,
};

/// The options of a method, for the message about an unknown one.
pub const METHOD_KEYS: &str = "`push`, `timeout`, `max_message`, `idempotent`, `no_side_effects`";

/// The options as they are read: what becomes a part of the model, and what only `check` needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) options: MethodOptions,
    pub(crate) push: Option<bool>,
}

/// Reads what was written, each option on its own, so that one mistake does not hide another.
pub(crate) fn read(options: &[OptionDraft], report: &mut Report) -> Read {
    let mut read = Read::default();
    for (index, option) in options.iter().enumerate() {
        let key = &option.key.value;
        if options[..index].iter().any(|earlier| earlier.key.value == *key) {
            report.add(option.key.place.clone(), Rule::DuplicateKey { key: key.clone() });
        } else if let Err(rule) = read_one(option, &mut read) {
            let place =
                if matches!(rule, Rule::UnknownKey { .. }) { &option.key.place } else { &option.value.place };
            report.add(place.clone(), rule);
        }
    }
    read
}

/// A method's options as somebody would write them, at `place`: the inverse of `read`.
pub(crate) fn write(method: &Method, place: &Place) -> Vec<OptionDraft> {
    let options = &method.options;
    let mut written = Vec::new();
    let mut add = |key: &str, value| written.push(OptionDraft::new(key, value, place.clone()));
    if method.kind == MethodKind::Push {
        add("push", OptionValue::Flag(true));
    }
    match options.timeout {
        Timeout::Default => {}
        Timeout::None => add("timeout", OptionValue::Text("none".to_owned())),
        Timeout::After(limit) => add("timeout", OptionValue::Text(format!("{}ms", limit.as_millis()))),
    }
    if let Some(bytes) = options.max_message {
        add("max_message", OptionValue::Number(bytes));
    }
    match options.idempotency {
        Idempotency::Unknown => {}
        Idempotency::Idempotent => add("idempotent", OptionValue::Flag(true)),
        Idempotency::NoSideEffects => add("no_side_effects", OptionValue::Flag(true)),
    }
    written
}

/// Whether options say the same, however they are written; not if they cannot be read.
pub(crate) fn same(ours: &[OptionDraft], theirs: &[OptionDraft]) -> bool {
    is_readable(ours) && read(ours, &mut Report::new()) == read(theirs, &mut Report::new())
}

/// Whether options break no rule.
pub(crate) fn is_readable(options: &[OptionDraft]) -> bool {
    let mut report = Report::new();
    read(options, &mut report);
    report.is_empty()
}

fn read_one(option: &OptionDraft, read: &mut Read) -> Result<(), Rule> {
    let value = &option.value.value;
    let key = option.key.value.as_str();
    let wrong = |expected: &str| Rule::WrongValue { key: key.to_owned(), expected: expected.to_owned() };
    match (key, value) {
        ("push", OptionValue::Flag(push)) => read.push = Some(*push),
        ("idempotent", OptionValue::Flag(true)) => {
            return set_idempotency(Idempotency::Idempotent, key, read);
        }
        ("no_side_effects", OptionValue::Flag(true)) => {
            return set_idempotency(Idempotency::NoSideEffects, key, read);
        }
        ("push" | "idempotent" | "no_side_effects", _) => return Err(wrong(key)),
        ("timeout", OptionValue::Text(text)) => {
            read.options.timeout = timeout(text).ok_or_else(|| Rule::BadDuration { value: text.clone() })?;
        }
        ("timeout", _) => return Err(wrong("timeout = \"200ms\"")),
        ("max_message", OptionValue::Number(bytes)) => read.options.max_message = Some(*bytes),
        ("max_message", OptionValue::Text(text)) => {
            read.options.max_message = Some(size(text).ok_or_else(|| Rule::BadSize { value: text.clone() })?);
        }
        ("max_message", _) => return Err(wrong("max_message = \"16MiB\"")),
        _ => return Err(Rule::UnknownKey { key: key.to_owned(), known: METHOD_KEYS.to_owned() }),
    }
    Ok(())
}

fn set_idempotency(level: Idempotency, key: &str, read: &mut Read) -> Result<(), Rule> {
    if read.options.idempotency != Idempotency::Unknown {
        let other = if key == "idempotent" { "no_side_effects" } else { "idempotent" };
        return Err(Rule::Conflict { key: key.to_owned(), other: other.to_owned() });
    }
    read.options.idempotency = level;
    Ok(())
}

/// `200ms`, `30s`, `5m`, `1h` or `none`: a whole number, then its unit. Zero is no time limit that a call
/// could keep.
fn timeout(text: &str) -> Option<Timeout> {
    if text == "none" {
        return Some(Timeout::None);
    }
    let (number, unit) = number_and_unit(text)?;
    let milliseconds = number.checked_mul(match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    })?;
    (milliseconds > 0).then(|| Timeout::After(Duration::from_millis(milliseconds)))
}

/// `4096`, `512KiB`, `16MiB`, `1GiB`: at most 4 GiB less one, which is what a length header holds.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let bytes = number.checked_mul(match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    })?;
    (1..=u64::from(u32::MAX)).contains(&bytes).then_some(bytes)
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit_or_none() {
        let after = |ms| Some(Timeout::After(Duration::from_millis(ms)));
        assert_eq!(timeout("200ms"), after(200));
        assert_eq!(timeout("30s"), after(30_000));
        assert_eq!(timeout("5m"), after(300_000));
        assert_eq!(timeout("1h"), after(3_600_000));
        assert_eq!(timeout("none"), Some(Timeout::None));
        for bad in ["", "s", "30", "0s", "-1s", "1.5s", "1 s", "1d", "18446744073709551615h", "None"] {
            assert_eq!(timeout(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_are_a_number_with_or_without_a_unit() {
        assert_eq!(size("4096"), Some(4096));
        assert_eq!(size("512KiB"), Some(512 << 10));
        assert_eq!(size("16MiB"), Some(16 << 20));
        assert_eq!(size("1GiB"), Some(1 << 30));
        for bad in ["", "0", "MiB", "4GiB", "16MB", "16 MiB", "-1", "99999999999999999999"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }

    fn problems(options: &[(&str, OptionValue)]) -> Vec<String> {
        let drafts: Vec<_> = options
            .iter()
            .map(|(key, value)| OptionDraft::new(key, value.clone(), Span::call_site()))
            .collect();
        let mut report = Report::new();
        read(&drafts, &mut report);
        report.problems().iter().map(|problem| problem.rule.name().to_owned()).collect()
    }

    #[test]
    fn each_option_is_read_on_its_own() {
        let found = problems(&[
            ("timeout", OptionValue::Text("soon".into())),
            ("colour", OptionValue::Flag(true)),
            ("push", OptionValue::Number(1)),
            ("push", OptionValue::Flag(true)),
            ("max_message", OptionValue::Other),
            ("idempotent", OptionValue::Flag(true)),
            ("no_side_effects", OptionValue::Flag(true)),
        ]);
        assert_eq!(
            found,
            ["BadDuration", "UnknownKey", "WrongValue", "DuplicateKey", "WrongValue", "Conflict"]
        );
    }
}
