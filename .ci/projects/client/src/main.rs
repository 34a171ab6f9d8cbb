mod proto {
    protocall::include_schema!();
}
use proto::hello::v1::{GreetRequest, GreeterClient};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(address) = std::env::args().nth(1) else { return Err("usage: client ADDRESS".into()) };
    let greeter = GreeterClient::new(protocall::Channel::connect(&address).await?);
    println!("{}", greeter.greet(GreetRequest { name: "you".into() }).await?.greeting);
    Ok(())
}
