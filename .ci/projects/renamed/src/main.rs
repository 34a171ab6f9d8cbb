//! Serves, calls over TCP, and checks the answers.
#![deny(warnings, clippy::pedantic)]

use goods::proto::goods::v1::Item;
use renamed::{
    Sum, Till, TillClient, TillServer,
    proto::shop::v1::{Shop, ShopClient, ShopServer, StockReply},
};
use rpc::{Channel, Context, Router, Server, Status};

struct Corner;

impl Shop for Corner {
    async fn buy(&self, _ctx: &Context, req: Item) -> Result<Item, Status> {
        Ok(Item { cents: req.cents + 1, ..req })
    }

    async fn stock(&self, _ctx: &Context, (): ()) -> Result<StockReply, Status> {
        Ok(StockReply { items: vec![Item::default()] })
    }
}

impl Till for Corner {
    async fn price(&self, _ctx: &Context, req: Item) -> Result<Sum, Status> {
        Ok(Sum { cents: req.cents })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let router = Router::new().add(ShopServer::new(Corner)).add(TillServer::new(Corner));
    let bound = Server::new(router).listen("tcp://127.0.0.1:0").bind().await?;
    let address = bound.local_addrs()[0].to_string();
    tokio::spawn(bound.serve_until(std::future::pending::<()>()));

    let channel = Channel::connect(&address).await?;
    let shop = ShopClient::new(channel.clone());
    let item = shop.buy(Item { name: "tea".into(), cents: 199, since: None }).await?;
    assert_eq!((item.name.as_str(), item.cents), ("tea", 200));
    assert_eq!(shop.stock(()).await?.items.len(), 1);
    assert_eq!(TillClient::new(channel).price(item).await?.cents, 200);
    println!("ok");
    Ok(())
}
