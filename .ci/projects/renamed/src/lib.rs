//! A shop, by its schema, and a till, by its trait.
#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unnameable_types,
    unused_qualifications,
    unused_results,
    elided_lifetimes_in_paths,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    rustdoc::all
)]

use goods::proto::goods::v1::Item;
use rpc::{Context, Status};

/// Every package that build.rs compiled.
pub mod proto {
    rpc::include_schema!();
}

/// A sum.
#[rpc::message(runtime_path = "::rpc")]
pub struct Sum {
    /// In cents.
    #[prost(uint64, tag = "1")]
    pub cents: u64,
}

/// A till.
#[rpc::service(package = "till.v1", runtime_path = "::rpc")]
pub trait Till {
    /// What the item costs.
    async fn price(&self, ctx: &Context, req: Item) -> Result<Sum, Status>;
}
