//! The shortest way from a schema to an answer: a server, a client, one call.
//!
//! ```text
//! cargo run -p protocall-examples --bin hello
//! ```
//! The schema is `schemas/hello/v1/hello.proto`; `examples/build.rs` compiles it. The README shows this program.

mod proto {
    protocall::include_schema!(); // what build.rs made of the schema
}
use proto::hello::v1::{GreetReply, GreetRequest, Hello, HelloClient, HelloServer};
use protocall::{Channel, Context, Router, Server, Status};

struct English;

impl Hello for English {
    async fn greet(&self, _: &Context, req: GreetRequest) -> Result<GreetReply, Status> {
        Ok(GreetReply { text: format!("Hello, {}!", req.name) })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let router = Router::new().add(HelloServer::new(English));
    let server = Server::new(router).listen("tcp://127.0.0.1:0").bind().await?;
    let address = server.local_addrs()[0].to_string();
    tokio::spawn(server.serve());

    let hello = HelloClient::new(Channel::connect(address).await?);
    let reply = hello.greet(GreetRequest { name: "Ada".into() }).await?;
    println!("{}", reply.text);
    Ok(())
}
