//! Schemas for the macros: `proto!`, and the services that `#[service(proto = "…")]` asks for. Needs the
//! feature `schema`; without it the attribute says so, and `proto!` is not there.

use protocall_codegen::{
    attribute::Found,
    report::{At, Report},
};

#[cfg(feature = "schema")]
mod arguments;
#[cfg(feature = "schema")]
mod read;

#[cfg(feature = "schema")]
pub(crate) use read::inline;

/// The service `name` of the file `proto`, or its only one.
#[cfg(feature = "schema")]
pub(crate) fn find_service(proto: &At<String>, name: Option<&At<String>>) -> Result<Found, Report> {
    read::find_service(proto, name)
}

/// The service `name` of the file `proto`, or its only one.
#[cfg(not(feature = "schema"))]
pub(crate) fn find_service(proto: &At<String>, _name: Option<&At<String>>) -> Result<Found, Report> {
    use protocall_codegen::rule::Rule;

    let mut report = Report::new();
    let rule = Rule::FeatureOff { key: "proto".to_owned(), feature: "schema".to_owned() };
    report.add(proto.place.clone(), rule);
    Err(report)
}

#[cfg(all(test, not(feature = "schema")))]
mod tests {
    use proc_macro2::Span;

    use super::*;

    #[test]
    fn without_the_feature_a_schema_is_refused_by_its_name() {
        let report = find_service(&At::new("chat.proto".to_owned(), Span::call_site()), None).unwrap_err();
        assert_eq!(
            report.to_string(),
            "`proto` needs the feature `schema`; write `features = [\"schema\"]` at protocall in Cargo.toml"
        );
    }
}
