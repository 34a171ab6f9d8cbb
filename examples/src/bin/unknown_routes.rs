//! A proxy that knows no schema: calls and pushes of whatever route go on to the server behind it, undecoded.
//!
//! ```text
//! cargo run -p protocall-examples --bin unknown_routes
//! ```
//! client -> proxy -> server, each over a TCP socket. The last part shows what a caller is told when a call fails on the
//! way: whether it may have run is passed on as far as it is certain, and no further.

use std::error::Error;
use std::time::Duration;

use protocall::{
    Caller, Channel, Context, Fallback, FallbackPush, Raw, RawCall, Report, Router, Server, Status,
};
use protocall_examples::greeter::TalkingGreeter;
use protocall_examples::proto::quickstart::v1::{
    GreetRequest, GreeterClient, GreeterServer, NoteRequest, SlowRequest,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// All of the proxy: what it does with routes that its router does not have, which are all of them.
#[derive(Clone)]
struct Proxy {
    upstream: Caller,
}

impl Fallback for Proxy {
    async fn call(&self, ctx: &Context, call: RawCall) -> Result<Raw, Status> {
        println!("   proxy: {} with {} bytes", call.route(), call.payload().len());
        if ctx.metadata().get("deny").is_some() {
            // An answer of the proxy's own.
            return Err(Status::permission_denied("not through this proxy"));
        }
        // Metadata, deadline and trace go along; the reply's metadata or its status come back.
        call.forward(&self.upstream).await
    }
}

impl FallbackPush for Proxy {
    async fn push(&self, _: &Context, push: RawCall) -> Result<(), Status> {
        println!("   proxy: {} pushed", push.route());
        push.forward_push(&self.upstream).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The server behind the proxy is the one of the quickstart.
    let (tell, mut events) = mpsc::channel(16);
    let router = Router::new().add(GreeterServer::new(TalkingGreeter::new(tell)));
    let server = start(Server::new(router).drain_timeout(Duration::from_millis(1))).await?;

    // The proxy connects when the first call is to be forwarded, and anew after a loss.
    let upstream = Caller::from(Channel::builder(&server.address).connect_lazy()?);
    let proxy = Proxy { upstream };
    let router = Router::new().fallback(proxy.clone()).fallback_push(proxy);
    let proxy = start(Server::new(router)).await?;

    // To the client all this is a greeter like any other.
    let channel = Channel::connect(&proxy.address).await?;
    let greeter = GreeterClient::new(&channel);

    println!("1. Calls and pushes pass");
    println!("   {}", greeter.greet(GreetRequest { name: "Ada".into() }).await?.greeting);
    greeter.note(NoteRequest { text: "by way of the proxy".into() }).await?;
    println!("   server: {}", events.recv().await.unwrap_or_default());

    println!("2. What fails tells whether it may have run");
    // The handler has seen the call: it may have run, whatever it answers.
    tell_outcome("refused by the handler", greeter.greet(GreetRequest::default()).await);
    let denied = greeter.greet(GreetRequest { name: "Ada".into() }).metadata("deny", "yes");
    tell_outcome("refused by the proxy", denied.await);

    // No handler has seen this one, the server says so for certain, and the proxy passes that on.
    let hum = Caller::from(&channel).call_raw("quickstart.v1.Greeter/Hum", "").await;
    tell_outcome("nobody serves it", hum);

    // The server goes away while a call runs in it, and nobody can know how far it has come.
    let call = tokio::spawn(greeter.slow(SlowRequest { millis: 60_000 }));
    println!("   server: {}", events.recv().await.unwrap_or_default());
    let _ = server.stop.send(());
    println!("   server: {}", server.ended.await?);
    tell_outcome("the server was cut off", call.await?);

    // There is no server any more. The call has not left the proxy: it has not run.
    tell_outcome("no server", greeter.greet(GreetRequest { name: "Ada".into() }).await);

    let _ = proxy.stop.send(());
    println!("   proxy: {}", proxy.ended.await?);
    Ok(())
}

/// Only the code is printed: some of the texts have addresses in them.
fn tell_outcome<R>(what: &str, outcome: Result<R, Status>) {
    let (code, may_have_run) = match outcome {
        Ok(_) => (None, true),
        Err(status) => (Some(status.code()), status.may_have_run()),
    };
    let code = code.map_or_else(|| "OK".into(), |code| code.to_string());
    println!("   {what}: {code}; may have run: {may_have_run}");
}

/// A server that runs.
struct Serving {
    address: String,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Report>,
}

async fn start(server: Server) -> Result<Serving, protocall::Error> {
    let bound = server.listen("tcp://127.0.0.1:0").bind().await?;
    let address = bound.local_addrs()[0].to_string();
    let (stop, stopped) = oneshot::channel::<()>();
    Ok(Serving { address, stop, ended: tokio::spawn(bound.serve_until(stopped)) })
}
