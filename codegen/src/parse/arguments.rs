//! The arguments of `#[service(…)]`: where the service's names come from, and what to emit.

use proc_macro2::{Span, TokenStream};

use super::entries::{Entry, entries};
use crate::{
    expand::{Bodies, Options, Sides},
    report::{At, Report},
    rule::Rule,
};

const KEYS: &str =
    "`package`, `name`, `proto`, `service`, `runtime_path`, `client_only`, `server_only`, `stubs`";

/// What `#[service(…)]` says.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) source: Source,
    pub(crate) options: Options,
}

/// What the trait's names are.
pub(crate) enum Source {
    /// Those of the trait and its attribute.
    Trait { package: Option<At<String>>, name: Option<At<String>> },
    /// Those of a schema, against which the trait is held.
    Schema { proto: At<String>, service: Option<At<String>> },
}

impl Source {
    /// Where mistakes are told that lie in no Rust code.
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Trait { .. } => Span::call_site(),
            Self::Schema { proto, .. } => proto.place.span(),
        }
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::Trait { package: None, name: None }
    }
}

/// The texts among the arguments, as they come.
#[derive(Default)]
struct Texts {
    package: Option<At<String>>,
    name: Option<At<String>>,
    proto: Option<At<String>>,
    service: Option<At<String>>,
}

impl Arguments {
    /// Reads what stands between the parentheses.
    pub(crate) fn parse(tokens: TokenStream, report: &mut Report) -> Self {
        let mut options = Options::default();
        let mut texts = Texts::default();
        let mut seen: Vec<String> = Vec::new();
        for entry in entries(tokens, report) {
            let key = entry.key();
            if seen.contains(&key) {
                report.add(entry.place(), Rule::DuplicateKey { key });
                continue;
            }
            read(&entry, &mut texts, &mut options, report);
            seen.push(key);
        }
        Self { source: texts.source(report), options }
    }
}

fn read(entry: &Entry, texts: &mut Texts, options: &mut Options, report: &mut Report) {
    match entry.key().as_str() {
        "package" => texts.package = entry.text("package = \"chat.v1\"", report),
        "name" => texts.name = entry.text("name = \"Chat\"", report),
        "proto" => texts.proto = entry.text("proto = \"schemas/chat.proto\"", report),
        "service" => texts.service = entry.text("service = \"chat.v1.Chat\"", report),
        "runtime_path" => {
            if let Some(path) = entry.runtime(report) {
                options.runtime_path = path;
            }
        }
        "client_only" if entry.flag(report) => options.sides = options.sides.also(Sides::Client),
        "server_only" if entry.flag(report) => options.sides = options.sides.also(Sides::Server),
        "stubs" if entry.flag(report) => options.bodies = Bodies::Unimplemented,
        key => report.add(entry.place(), Rule::UnknownKey { key: key.to_owned(), known: KEYS.to_owned() }),
    }
}

impl Texts {
    fn source(self, report: &mut Report) -> Source {
        if let Some(proto) = self.proto {
            for (key, text) in [("package", &self.package), ("name", &self.name)] {
                if let Some(text) = text {
                    let rule = Rule::Conflict { key: key.to_owned(), other: "proto".to_owned() };
                    report.add(text.place.clone(), rule);
                }
            }
            return Source::Schema { proto, service: self.service };
        }
        if let Some(service) = self.service {
            report.add(
                service.place,
                Rule::Needs { key: "service".to_owned(), other: "proto = \"…\"".to_owned() },
            );
        }
        if let Some(package) = self.package.as_ref().filter(|package| package.value.is_empty()) {
            report.add(package.place.clone(), Rule::EmptyPackage {});
        }
        Source::Trait { package: self.package, name: self.name }
    }
}
