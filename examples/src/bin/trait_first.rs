//! No schema file: a Rust trait is the schema, and its messages are structs.
//!
//! ```text
//! cargo run -p protocall-examples --bin trait_first
//! ```
//! What goes over the wire is protobuf all the same: a `.proto` with the same names and numbers is a client of this.

use std::sync::Mutex;
use std::time::Duration;

use protocall::{Channel, Context, Router, Server, Status};

/// So much of something.
#[protocall::message]
pub struct Amount {
    /// Apples, for example.
    #[prost(string, tag = "1")]
    pub what: String,
    /// How many.
    #[prost(uint32, tag = "2")]
    pub count: u32,
}

/// What is in store.
// Emits the trait, `StoreClient`, `StoreServer` and `STORE_SPEC`. What a `.proto` would say as options are attributes.
#[protocall::service(package = "shop.v1")]
pub trait Store {
    /// Puts something in; tells how much of it there is then.
    async fn put(&self, ctx: &Context, req: Amount) -> Result<Amount, Status>;

    /// Takes something out.
    #[method(timeout = "2s")]
    async fn take(&self, ctx: &Context, req: Amount) -> Result<Amount, Status>;

    /// How many things there are. `()` is the empty message.
    #[method(no_side_effects)]
    async fn all(&self, ctx: &Context, req: ()) -> Result<Amount, Status>;
}

/// A store of one shelf.
#[derive(Default)]
struct Shelf(Mutex<Vec<Amount>>);

impl Shelf {
    /// Changes how much there is of something. No lock is held across an `await`.
    fn change(&self, what: &str, by: impl FnOnce(u32) -> Option<u32>) -> Result<Amount, Status> {
        let mut shelf = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let at = shelf.iter().position(|amount| amount.what == what);
        let count = at.map_or(0, |at| shelf[at].count);
        let Some(count) = by(count) else {
            return Err(Status::failed_precondition(format!("there is only {count} of {what}")));
        };
        let amount = Amount { what: what.into(), count };
        match at {
            Some(at) => shelf[at] = amount.clone(),
            None => shelf.push(amount.clone()),
        }
        Ok(amount)
    }
}

impl Store for Shelf {
    async fn put(&self, _: &Context, req: Amount) -> Result<Amount, Status> {
        self.change(&req.what, |count| count.checked_add(req.count))
    }

    async fn take(&self, _: &Context, req: Amount) -> Result<Amount, Status> {
        self.change(&req.what, |count| count.checked_sub(req.count))
    }

    async fn all(&self, _: &Context, (): ()) -> Result<Amount, Status> {
        let shelf = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(Amount { what: "things".into(), count: shelf.iter().map(|amount| amount.count).sum() })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Over a socket, as ever.
    let router = Router::new().add(StoreServer::new(Shelf::default()));
    println!("routes: {:?}", router.routes());
    let bound = Server::new(router).listen("tcp://127.0.0.1:0").bind().await?;
    let address = bound.local_addrs()[0].to_string();
    tokio::spawn(bound.serve());
    let store = StoreClient::new(Channel::connect(address).await?);

    let apples = |count| Amount { what: "apples".into(), count };
    println!("put 3: {:?}", store.put(apples(3)).await?);
    println!("take 1: {:?}", store.take(apples(1)).timeout(Duration::from_secs(1)).await?);
    if let Err(status) = store.take(apples(5)).await {
        println!("take 5: {status}");
    }

    // A client is a `Store` too, so what takes any `Store` takes one that is elsewhere.
    println!("a far store has {}", count(&store).await?);
    println!("a near store has {}", count(&Shelf::default()).await?);

    // For tests: the same client, to a router in this process.
    let near = StoreClient::new(Router::new().add(StoreServer::new(Shelf::default())));
    println!("put 7 in memory: {:?}", near.put(apples(7)).await?);
    Ok(())
}

async fn count(store: &impl Store) -> Result<String, Status> {
    let all = store.all(&Context::client(), ()).await?;
    Ok(format!("{} {}", all.count, all.what))
}
