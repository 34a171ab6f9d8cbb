mod proto {
    tonic::include_proto!("hello.v1");
}
use proto::{GreetRequest, greeter_client::GreeterClient};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(address) = std::env::args().nth(1) else { return Err("usage: client ADDRESS".into()) };
    let mut greeter = GreeterClient::connect(address).await?;
    println!("{}", greeter.greet(GreetRequest { name: "you".into() }).await?.into_inner().greeting);
    Ok(())
}
