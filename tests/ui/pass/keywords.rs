//! Names that are keywords, of methods, services, packages and modules, and messages called as what generated
//! code uses.

use protocall::{Context, Raw, SendStream, Status};

pub mod r#type {
    #[protocall::message]
    pub struct T {}

    #[protocall::message]
    pub struct Result {}

    #[protocall::message]
    pub struct Option {}

    #[protocall::message]
    pub struct Send {}
}

pub mod shadowed {
    use super::r#type::{Option, Result, Send, T};

    #[protocall::service(package = "type.v1")]
    pub trait Type {
        async fn r#type(&self, ctx: &protocall::Context, req: T) -> std::result::Result<Result, protocall::Status>;
        async fn send(&self, ctx: &protocall::Context, req: Send) -> std::result::Result<Option, protocall::Status>;
    }
}

#[protocall::service(package = "type.async", name = "Type")]
pub trait Keywords {
    async fn r#type(&self, ctx: &Context, req: Raw) -> Result<Raw, Status>;
    async fn r#gen(&self, ctx: &Context, r#in: Raw, out: SendStream<Raw>) -> Result<(), Status>;
    async fn r#await(&self, ctx: &Context, _: Raw) -> Result<Raw, Status>;
    async fn self_(&self, ctx: &Context, method: Raw) -> Result<Raw, Status>;
    #[method(name = "self")]
    async fn this(&self, ctx: &Context, service: Raw) -> Result<Raw, Status>;
}

fn main() {
    let routes: Vec<_> = KEYWORDS_SPEC.methods.iter().map(|method| method.name()).collect();
    assert_eq!(routes, ["Type", "Gen", "Await", "Self", "self"]);
    assert_eq!(KEYWORDS_SPEC.methods[0].route, "type.async.Type/Type");
    assert_eq!(shadowed::TYPE_SPEC.methods[0].route, "type.v1.Type/Type");
    let _: fn(&KeywordsClient, Raw) -> protocall::Call<Raw, Raw> = KeywordsClient::r#type;
    let _: fn(&shadowed::TypeClient, r#type::T) -> protocall::Call<r#type::T, r#type::Result> = shadowed::TypeClient::r#type;
}
