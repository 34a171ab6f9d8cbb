//! Finds the services of schemas for `#[service(proto = "…")]`; needs the feature `schema`.

use protocall_codegen::{
    attribute::Found,
    report::{At, Report},
    rule::Rule,
};

/// The service `name` of the file `proto`, or its only one.
pub(crate) fn find_service(proto: &At<String>, _name: Option<&At<String>>) -> Result<Found, Report> {
    let mut report = Report::new();
    let rule = Rule::FeatureOff { key: "proto".to_owned(), feature: "schema".to_owned() };
    report.add(proto.place.clone(), rule);
    Err(report)
}
