//! A proxy that knows no schema: calls, streams and pushes pass, and what the server behind it calls back; and one address
//! before two servers, by the name of the service.
//!
//! ```text
//! cargo run -p protocall-examples --bin proxy -- --demo
//! ```
//! Before servers of your own, each client with a connection of its own to `UPSTREAM`; routes of the services named go to
//! theirs instead:
//!
//! ```text
//! proxy LISTEN UPSTREAM [SERVICE=UPSTREAM]...
//! proxy tcp://127.0.0.1:7100 tcp://127.0.0.1:7000 clock.v1.Clock=tcp://127.0.0.1:7001
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::process::ExitCode;

use protocall::{Bound, Caller, Channel, Context, Proxy, Raw, Router, SendStream, Server, Status};
use protocall_examples::greeter::TalkingGreeter;
use protocall_examples::proto::quickstart::v1::{
    Announcement, GreetRequest, GreeterClient, GreeterEvents, GreeterEventsClient, GreeterEventsServer,
    GreeterServer, Identity,
};
use tokio::sync::mpsc;

/// All of the proxy: which upstream a route goes to.
fn router(upstream: String, services: Vec<(String, String)>) -> Result<Router, protocall::Error> {
    let rest = Proxy::new(move |back| Channel::builder(&upstream).serve(back).connect_lazy());
    let mut by_name = HashMap::new();
    for (service, upstream) in services {
        by_name.insert(service, Caller::from(Channel::builder(upstream).connect_lazy()?));
    }
    Ok(Router::new().forward_by(move |ctx| {
        let service = ctx.route().split('/').next().unwrap_or_default();
        match by_name.get(service) {
            Some(upstream) => Ok(upstream.clone()),
            None => rest.upstream(ctx),
        }
    }))
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [] | ["--demo"] => demonstrate().await,
        [listen, upstream, ref services @ ..] => pass(listen, upstream, services).await,
        _ => Err("usage: proxy [--demo | LISTEN UPSTREAM [SERVICE=UPSTREAM]...]".into()),
    };
    if let Err(error) = outcome {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn pass(listen: &str, upstream: &str, services: &[&str]) -> Result<(), Box<dyn Error>> {
    let services = services.iter().map(|argument| {
        let pair = argument.split_once('=');
        let (service, upstream) = pair.ok_or_else(|| format!("`{argument}` is not SERVICE=UPSTREAM"))?;
        Ok((service.to_owned(), upstream.to_owned()))
    });
    let services = services.collect::<Result<_, String>>()?;
    let bound = Server::new(router(upstream.to_owned(), services)?).listen(listen).bind().await?;
    println!("listening on {}; Ctrl-C ends it", bound.local_addrs()[0]);
    println!("the end: {}", bound.serve_until(protocall::shutdown_signal()).await);
    Ok(())
}

/// A second server, whose schema is this trait.
#[protocall::service(package = "clock.v1")]
trait Clock {
    /// Counts down.
    async fn count(&self, ctx: &Context, from: Raw, out: SendStream<Raw>) -> Result<(), Status>;
}

struct Steady;

impl Clock for Steady {
    async fn count(&self, _: &Context, from: Raw, mut out: SendStream<Raw>) -> Result<(), Status> {
        for byte in (0..from.0.len()).rev() {
            out.send(Raw::from(byte.to_string())).await?;
        }
        Ok(())
    }
}

/// What the client serves: it is asked for its name, and told things.
struct Ada(mpsc::Sender<String>);

impl GreeterEvents for Ada {
    async fn announced(&self, _: &Context, news: Announcement) -> Result<(), Status> {
        let _ = self.0.send(news.text).await;
        Ok(())
    }

    async fn who_are_you(&self, _: &Context, (): ()) -> Result<Identity, Status> {
        Ok(Identity { name: "Ada".into() })
    }
}

async fn demonstrate() -> Result<(), Box<dyn Error>> {
    let (tell, _events) = mpsc::channel(16);
    let greeter = Server::new(Router::new().add(GreeterServer::new(TalkingGreeter::new(tell))));
    let (greeter, address) = start(greeter).await?;
    let (_clock, clock) = start(Server::new(Router::new().add(ClockServer::new(Steady)))).await?;

    let services = vec![("clock.v1.Clock".to_owned(), clock)];
    let (_proxy, proxy) = start(Server::new(router(address, services)?)).await?;

    let (told, mut news) = mpsc::channel(16);
    let serve = Router::new().add(GreeterEventsServer::new(Ada(told)));
    let channel = Channel::builder(&proxy).serve(serve).connect().await?;

    println!("1. A call passes to the first server");
    let greet = GreeterClient::new(&channel).greet(GreetRequest { name: "Ada".into() });
    println!("   {}", greet.await?.greeting);

    println!("2. A stream passes to the second");
    let mut counted = ClockClient::new(&channel).count("...".into()).await?;
    while let Some(number) = counted.next().await? {
        println!("   {}", String::from_utf8_lossy(&number.0));
    }

    println!("3. The first server calls back, and pushes, through the proxy");
    let client = greeter.sessions().pop().ok_or("the proxy has gone")?;
    let client = GreeterEventsClient::new(client);
    println!("   server: it is {}", client.who_are_you(()).await?.name);
    client.announced(Announcement { text: "all is well".into() }).await?;
    println!("   client: told that {}", news.recv().await.unwrap_or_default());

    println!("4. What nobody serves is told as if there were no proxy");
    if let Err(status) = Caller::from(&channel).call_raw("quickstart.v1.Greeter/Hum", "").await {
        println!("   {}, not run: {}", status.code(), !status.may_have_run());
    }
    Ok(())
}

/// Binds a server to a free port and lets it serve: its handle and its address.
async fn start(server: Server) -> Result<(protocall::ServerHandle, String), protocall::Error> {
    let bound: Bound = server.listen("tcp://127.0.0.1:0").bind().await?;
    let (handle, address) = (bound.handle(), bound.local_addrs()[0].to_string());
    tokio::spawn(bound.serve());
    Ok((handle, address))
}
