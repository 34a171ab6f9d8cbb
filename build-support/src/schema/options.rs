//! The options of a schema that concern us: our own extensions and what descriptor.proto has of the kind.
//! Called by [`super::lower`]; what an option's value means is for `protocall_codegen::check` to say.

use prost_reflect::{DynamicMessage, Value};
use protocall_codegen::{
    draft::{OptionDraft, OptionValue},
    report::{At, Place, Report},
    rule::Rule,
};

/// The extension of a method's options.
const METHOD: &str = "protocall.method";
/// The extension of a service's options.
const SERVICE: &str = "protocall.service";
/// The number of both.
const NUMBER: u32 = 51740;

/// What options of ours may follow `(protocall.method)`, for messages.
pub(super) fn known(owner: &str) -> Option<String> {
    match owner.trim_matches(['(', ')']) {
        METHOD => Some("`push`, `timeout`, `max_message`, `rust_name`".to_owned()),
        SERVICE => Some("`rust_name`".to_owned()),
        _ => None,
    }
}

/// The options of a method or a service.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// `rust_name`.
    pub(super) rust_name: Option<At<String>>,
    /// `deprecated`.
    pub(super) deprecated: bool,
    /// All that a method may have besides.
    pub(super) rest: Vec<OptionDraft>,
}

/// Reads `message`, the options of a method or a service. `place` tells where a field of the options is set,
/// given the numbers that lead to it.
pub(super) fn read(
    message: &DynamicMessage,
    place: &dyn Fn(&[i32]) -> Place,
    report: &mut Report,
) -> Options {
    let mut options = Options::default();
    if let Some(Value::Bool(true)) = message.get_field_by_name("deprecated").as_deref() {
        options.deprecated = true;
    }
    if let Some(level) =
        message.get_field_by_name("idempotency_level").and_then(|level| level.as_enum_number())
    {
        let key = [None, Some("no_side_effects"), Some("idempotent")].get(level as usize).copied().flatten();
        options.rest.extend(key.map(|key| OptionDraft::new(key, OptionValue::Flag(true), place(&[34]))));
    }
    for (extension, value) in message.extensions() {
        let Value::Message(ours) = value else { continue };
        if let Some(known) = known(extension.full_name()) {
            read_ours(ours, &known, place, &mut options, report);
        }
    }
    if message.unknown_fields().any(|field| field.number() == NUMBER) {
        report.add(place(&[NUMBER as i32]), Rule::OptionsNotImported { option: format!("number {NUMBER}") });
    }
    options
}

/// Each field that is set, whether this release knows it or a later one's `options.proto` brought it.
fn read_ours(
    ours: &DynamicMessage,
    known: &str,
    place: &dyn Fn(&[i32]) -> Place,
    options: &mut Options,
    report: &mut Report,
) {
    for (field, value) in ours.fields() {
        let place = place(&[NUMBER as i32, field.number() as i32]);
        let value = match value {
            Value::Bool(flag) => OptionValue::Flag(*flag),
            Value::String(text) => OptionValue::Text(text.clone()),
            _ => OptionValue::Other,
        };
        match (field.name(), value) {
            ("rust_name", OptionValue::Text(name)) => options.rust_name = Some(At::new(name, place)),
            (key @ ("push" | "timeout" | "max_message"), value) => {
                options.rest.push(OptionDraft::new(key, value, place));
            }
            (key, _) => report.add(place, Rule::UnknownKey { key: key.to_owned(), known: known.to_owned() }),
        }
    }
    for field in ours.unknown_fields() {
        let key = format!("number {}", field.number());
        report.add(place(&[NUMBER as i32]), Rule::UnknownKey { key, known: known.to_owned() });
    }
}
