//! The rules that a user can break, all of them, whatever the front end: what is wrong and the mend, in one
//! sentence each. `parse`, `check`, `compare` and the schema's lowering add them to a
//! [`Report`](crate::report::Report); the fixture tests read [`Rule::ALL`] and fail for a rule that no
//! fixture breaks.

/// A way into codegen. A rule names those in which it can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontEnd {
    /// `#[service]` on a trait.
    Trait,
    /// `#[message]` on a struct or an enum.
    Message,
    /// `#[service(proto = "…")]`: a trait held against a schema.
    Checked,
    /// `proto!("…")` itself; what its file breaks is the schema's.
    Inline,
    /// A `.proto` file or a descriptor set, in build.rs or in `proto!`.
    Schema,
}

/// What is known of a rule without an instance of it; the texts still have their `{places}`.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RuleInfo {
    /// The variant's name, in snake_case the name of its fixture.
    pub name: &'static str,
    /// Where it can be broken.
    pub front_ends: &'static [FrontEnd],
    /// What is wrong.
    pub what: &'static str,
    /// What to do about it.
    pub mend: &'static str,
}

/// Makes `Rule` and its texts from one table, so that no rule lacks a text, a mend or a front end.
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident { $($field:ident),* } in [$($front:ident),+]: $what:literal, $mend:literal;)+) => {
        /// A rule that the user broke, with the words that its message needs.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "a field is a word of its variant's sentence")]
        pub enum Rule { $($(#[$doc])* $name { $($field: String),* },)+ }

        impl Rule {
            /// Every rule there is.
            pub const ALL: &[RuleInfo] = &[$(RuleInfo {
                name: stringify!($name),
                front_ends: &[$(FrontEnd::$front),+],
                what: $what,
                mend: $mend,
            }),+];

            /// The variant's name.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name { .. } => stringify!($name),)+ }
            }

            /// What is wrong, then what to do about it.
            #[must_use]
            pub fn message(&self) -> String {
                match self {
                    $(Self::$name { $($field),* } => format!(concat!($what, "; ", $mend), $($field = $field),*),)+
                }
            }
        }
    };
}

rules! {
    // The trait.
    /// `#[service]` on something that is no trait.
    NotATrait {} in [Trait]: "`#[service]` goes on a trait", "make this a trait whose methods are `async fn`";
    /// `trait Chat<T>`.
    GenericTrait { service } in [Trait]:
        "the service `{service}` is generic, but a route names one service", "remove the parameters and name the types";
    /// `trait Chat: Other`.
    Supertrait { service } in [Trait]:
        "the service `{service}` has a supertrait, which its client could not implement",
        "remove it; `Send + Sync + 'static` are there by themselves";
    /// `unsafe trait`, `auto trait`.
    QualifiedTrait { word } in [Trait]: "a service is a plain trait, not an `{word}` one", "remove `{word}`";
    /// A constant, a type or a macro in the trait.
    AssociatedItem { kind } in [Trait]: "a service has methods only, and this is {kind}", "move it out of the trait";
    /// `where` at the trait.
    TraitWhere { service } in [Trait]: "the service `{service}` has a `where` clause", "remove it: there is nothing it could bind";
    /// `#[cfg]` where only a part of what is generated would go.
    Conditional { attribute } in [Trait]:
        "`#[{attribute}]` below `#[service]` would remove a part of the service only",
        "put it above `#[service]` on the trait, or make two traits";

    // The methods of a trait.
    /// `fn` without `async`.
    NotAsync { method } in [Trait]: "`{method}` is not async, and every method of a service is", "write `async fn {method}`";
    /// `unsafe`, `const` or `extern` methods.
    QualifiedMethod { method, word } in [Trait]: "`{method}` is `{word}`, which a call from afar cannot be", "remove `{word}`";
    /// `fn f<T>()`.
    GenericMethod { method } in [Trait]:
        "`{method}` is generic, but what it takes must be known on the wire", "name one message type, or take `protocall::Raw`";
    /// `where` at a method.
    MethodWhere { method } in [Trait]: "`{method}` has a `where` clause", "remove it: there is nothing it could bind";
    /// A method with a body.
    DefaultBody { method } in [Trait]:
        "`{method}` has a body, which its client could not use", "end it with `;`, or ask for `#[service(stubs)]`";
    /// No `self`.
    MissingSelf { method } in [Trait]: "`{method}` does not take `&self`", "make `&self` its first argument";
    /// `self`, `self: Arc<Self>`, `&'a self`.
    ByValueSelf { method } in [Trait]:
        "`{method}` takes `self` in another way than `&self`, but a service answers many calls at once", "take `&self`";
    /// `&mut self`.
    MutSelf { method } in [Trait]:
        "`{method}` takes `&mut self`, but a service answers many calls at once", "take `&self`, and keep what changes in a lock";
    /// No context.
    MissingContext { method } in [Trait]: "`{method}` does not take a context", "add `ctx: &Context` after `&self`";
    /// The context is not `&Context`.
    WrongContext { method, found } in [Trait]: "the first argument of `{method}` is `{found}`, not a context", "make it `ctx: &Context`";
    /// Nothing after the context.
    MissingRequest { method } in [Trait]:
        "`{method}` takes no request", "add one after `ctx`, `req: ()` if there is nothing to say";
    /// More than a request and a stream.
    TooManyArguments { method } in [Trait]:
        "`{method}` takes more than one request", "put all that it needs into one message, or into the first item of its stream";
    /// `Point { x, y }: Point`, `mut req: Request`.
    PatternArgument { method } in [Trait]: "`{method}` takes its argument apart", "give it a plain name, and take it apart where you implement it";
    /// `out` before `input`.
    StreamOrder { method } in [Trait]:
        "the streams of `{method}` are in the wrong order", "write `input: RecvStream<…>` first and `out: SendStream<…>` last";
    /// Not `Result<Message, Status>`.
    WrongReturn { method, found } in [Trait]: "`{method}` returns {found}", "return `Result<TheAnswer, Status>`";
    /// A stream to answer in and an answer.
    ReplyBesideStream { method } in [Trait]:
        "`{method}` answers in its `SendStream` and returns an answer too", "return `Result<(), Status>`, and send the last item in the stream";
    /// A type that cannot be a message.
    NotAMessage { found } in [Trait]:
        "`{found}` cannot travel in a method: it is not a message",
        "put it into a struct with `#[protocall::message]`, or use `()` for nothing and `protocall::Raw` for bytes";

    // Attributes and options.
    /// A key that nobody knows.
    UnknownKey { key, known } in [Trait, Message, Inline, Schema]: "there is no option `{key}`", "use one of {known}";
    /// `#[method(push timeout)]`.
    AttributeSyntax { error } in [Trait, Message, Inline]:
        "this cannot be read ({error})", "write `key` or `key = \"value\"`, with commas between";
    /// A key that needs another one.
    Needs { key, other } in [Trait]: "`{key}` means nothing without `{other}`", "add it, or remove `{key}`";
    /// A key twice.
    DuplicateKey { key } in [Trait, Message, Inline]: "`{key}` is set twice", "keep one of them";
    /// A flag with a value, a text without.
    WrongValue { key, expected } in [Trait, Message, Inline]: "`{key}` has the wrong kind of value", "write `{expected}`";
    /// Keys that exclude each other.
    Conflict { key, other } in [Trait, Checked]: "`{key}` and `{other}` contradict each other", "keep one of them";
    /// A feature of the crate is off.
    FeatureOff { key, feature } in [Checked]:
        "`{key}` needs the feature `{feature}`", "write `features = [\"{feature}\"]` at protocall in Cargo.toml";
    /// A path that is none.
    BadPath { path } in [Trait, Message, Inline, Schema]: "`{path}` is not a path to the runtime", "write a path such as `::protocall`";
    /// `timeout = "soon"`.
    BadDuration { value } in [Trait, Schema]:
        "`{value}` is not a duration", "write a number and a unit, \"200ms\", \"30s\", \"5m\", \"1h\", or \"none\"";
    /// `max_message = "big"`.
    BadSize { value } in [Trait, Schema]: "`{value}` is not a size", "write a number of bytes, or one with a unit, \"512KiB\", \"16MiB\"";
    /// A push with an answer.
    PushReplies { method } in [Trait, Schema]:
        "`{method}` is a push and has an answer, but nobody waits for a push",
        "return `()` (in a schema `google.protobuf.Empty`), or remove `push`";
    /// A push with streams.
    PushStreams { method } in [Trait, Schema]: "`{method}` is a push and streams", "remove `push`, or push each item";
    /// An idempotent push.
    PushIdempotent { method } in [Trait, Schema]:
        "`{method}` is a push and says whether it may be repeated, but a push is delivered at most once", "remove `idempotent` or `push`";

    // Names.
    /// Two methods with one name on the wire.
    DuplicateMethod { service, method } in [Trait]: "`{service}` has two methods `{method}`", "rename one of them";
    /// Two methods with one name in Rust.
    SameRustName { method, other, rust } in [Trait, Schema]:
        "the methods `{method}` and `{other}` would both be `{rust}` in Rust", "rename one of them, in a schema perhaps by the option `rust_name`";
    /// A method called as one of the client's own.
    ReservedName { method } in [Trait, Schema]:
        "the client has a `{method}` of its own",
        "give the function another name: in a schema by the option `rust_name`, in a trait beside `#[method(name = \"…\")]`, which keeps the one on the wire";
    /// A name that cannot be a Rust identifier.
    NotAnIdentifier { name } in [Schema]:
        "`{name}` cannot be a name in Rust", "rename it, or set another name by the option `rust_name`";
    /// A name that cannot be one on the wire.
    NotAWireName { name } in [Trait]: "`{name}` cannot be a name on the wire", "use ASCII letters, digits and `_`, a letter first";
    /// `package = ""`.
    EmptyPackage {} in [Trait]: "the package is empty", "leave `package` out, or name it as in `package = \"chat.v1\"`";
    /// `package = "chat..v1"`.
    BadPackage { package } in [Trait]: "`{package}` is not a package", "write names with dots between them, such as `chat.v1`";
    /// What a service becomes is there already.
    NameTaken { service, made, by } in [Schema]:
        "the service `{service}` would become `{made}`, which {by} is already", "rename one, or set the service's `rust_name`";

    // A trait against its schema.
    /// The schema has no such service.
    UnknownService { service, known } in [Checked]: "the schema has no service `{service}`", "use one of {known}";
    /// Several services, or none, and none named.
    WhichService { known } in [Checked]:
        "it is not clear which service of the schema is meant", "name it, as in `service = \"chat.v1.Chat\"`, one of {known}";
    /// In the schema only.
    MissingMethod { method, signature } in [Checked]: "the schema's method `{method}` is missing", "add `{signature}`";
    /// In the trait only.
    ExtraMethod { method, service } in [Checked]:
        "the schema's `{service}` has no method for `{method}`", "remove it, or name its method by `#[method(name = \"…\")]`";
    /// Another request.
    WrongRequest { method, found, expected } in [Checked]: "`{method}` takes `{found}`, but `{expected}` in the schema", "take `{expected}`";
    /// Another answer.
    WrongAnswer { method, found, expected } in [Checked]:
        "`{method}` answers `{found}`, but `{expected}` in the schema", "answer `{expected}`";
    /// Streams here and not there.
    WrongShape { method, found, expected, signature } in [Checked]:
        "`{method}` has {found}, but {expected} in the schema", "write `{signature}`";
    /// An option that the schema has otherwise.
    OptionDiffers { method, option } in [Checked]:
        "`{option}` of `{method}` is not what the schema says", "remove it here: the schema's options hold";

    // Schemas.
    /// No such file.
    FileNotFound { file, tried } in [Schema, Checked, Inline]: "there is no file `{file}` (tried {tried})", "correct the path, or add its include folder";
    /// No such import.
    UnknownImport { file, tried } in [Schema]: "there is no file `{file}` to import (tried {tried})", "correct the import, or add its include folder";
    /// A file below no include folder.
    FileOutside { file, includes } in [Schema]:
        "the file `{file}` lies in none of the include folders ({includes})", "add a folder above it to them";
    /// Another file has the same name for imports.
    FileHidden { file, by, name } in [Schema]:
        "the file `{file}` is hidden by `{by}`, since an import calls both `{name}`", "put the include folder of the one that is meant first";
    /// A file that cannot be read.
    FileUnreadable { error } in [Schema, Checked]: "the file cannot be read: {error}", "make it a readable file, of UTF-8 if it is a `.proto`";
    /// `a` imports `b`, and `b` imports `a`.
    ImportCycle { cycle } in [Schema]:
        "files import each other in a circle: {cycle}", "move what they share into a file that imports none of them";
    /// One import, twice.
    ImportTwice { file } in [Schema]: "`{file}` is imported twice", "remove one of the imports";
    /// An option that no file defines.
    UnknownOption { name } in [Schema]: "there is no option `{name}`", "correct the name, or import the file that defines it";
    /// `(protocall.method)` without its import.
    OptionsNotImported { option } in [Schema]:
        "the option `{option}` is not known in this file", "write `import \"protocall/options.proto\";`, which is found by itself";
    /// Not a descriptor set, or one that lacks a file.
    BadDescriptorSet { error } in [Schema]:
        "this is not a whole descriptor set: {error}",
        "make it with `protoc --include_imports --include_source_info --descriptor_set_out=…` or `buf build -o …`";
    /// `extern_path("chat.v1", "chat")`.
    BadExternPath { proto, rust, error } in [Schema]:
        "`extern_path(\"{proto}\", \"{rust}\")` {error}", "write it such as `extern_path(\".chat.v1\", \"::chat::v1\")`";
    /// `type_attribute(".", "Debug")`.
    BadAttribute { attribute } in [Schema]: "`{attribute}` is not an attribute", "write it as in Rust: `#[derive(Eq)]`";
    /// Two messages with one name in Rust.
    SameTypeName { name, other, rust } in [Schema]:
        "`{name}` and `{other}` would both be `{rust}` in Rust", "rename one of them";
    /// No such type.
    UnknownType { name } in [Schema]: "there is no type `{name}`", "correct the name, or import the file that has it";
    /// Not protobuf.
    Syntax { error } in [Schema]: "this is not protobuf: {error}", "correct the file here";
    /// Whatever else the schema's compiler finds.
    InvalidSchema { error } in [Schema]: "{error}", "correct the schema here";
    /// `edition = "2023"`.
    Editions { edition } in [Schema]:
        "the file is of edition {edition}, which protocall does not read", "give it `syntax = \"proto3\"`, or compile it with protoc and use its descriptor set";
    /// Two compiles write one package.
    PackageTwice { package } in [Schema]:
        "the package `{package}` was compiled already by another call", "put all its files into one call of `compile`";

    // #[message].
    /// `struct Note<T>`.
    GenericMessage { name } in [Message]: "the message `{name}` is generic, but its fields must be known on the wire", "name the types";
    /// A union or something else.
    NotAMessageItem {} in [Message]: "`#[message]` goes on a struct or an enum", "use a struct, or an enum with `#[message(oneof)]` for alternatives";
    /// An enum with fields.
    EnumWithFields { name } in [Message]:
        "the enum `{name}` has fields, but an enumeration is numbers", "write `#[message(oneof)]` if a message holds one of them at a time";
    /// `oneof` on a struct.
    OneofStruct { name } in [Message]: "`{name}` is a struct, and `oneof` is for enums", "remove `oneof`, or write an enum";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_says_what_is_wrong_and_then_what_to_do() {
        for rule in Rule::ALL {
            for text in [rule.what, rule.mend] {
                assert!(text.len() >= 6 && !text.ends_with(['.', ';']), "{}: `{text}`", rule.name);
            }
            assert!(rule.mend.starts_with(char::is_lowercase), "{}: `{}`", rule.name, rule.mend);
            assert!(!rule.front_ends.is_empty());
        }
    }

    #[test]
    fn a_name_is_that_of_one_rule() {
        for (index, rule) in Rule::ALL.iter().enumerate() {
            assert!(Rule::ALL[..index].iter().all(|earlier| earlier.name != rule.name), "{}", rule.name);
        }
    }

    #[test]
    fn a_message_has_its_words() {
        let rule = Rule::DuplicateMethod { service: "Chat".to_owned(), method: "Join".to_owned() };
        assert_eq!(rule.message(), "`Chat` has two methods `Join`; rename one of them");
    }
}
