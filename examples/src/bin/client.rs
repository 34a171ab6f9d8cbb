//! A client for a terminal of its own; it wants a `server` in another one.
//!
//! ```text
//! cargo run -p protocall-examples --bin server                        # in one terminal
//! cargo run -p protocall-examples --bin client                        # in another, or in several
//! ```
//! Both take an address: `-- tcp://127.0.0.1:7001`.

use std::process::ExitCode;
use std::time::Duration;

use protocall::{Channel, Code, Context, Error, Router, Status};
use protocall_examples::proto::quickstart::v1::{
    Announcement, GreetRequest, GreeterClient, GreeterEvents, GreeterEventsServer, Identity, NoteRequest,
    SlowRequest,
};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_else(|| "tcp://127.0.0.1:7000".into());

    // The server pushes news, so this client serves: over the connection that it opens, nothing listens here.
    let (tell, news) = mpsc::channel(16);
    let router = Router::new().add(GreeterEventsServer::new(News { tell }));
    let channel = match Channel::builder(&address).serve(router).connect().await {
        Ok(channel) => channel,
        Err(error @ (Error::Connect { .. } | Error::ConnectTimeout { .. })) => {
            eprintln!("{error}");
            eprintln!("Is there a server? Start one in another terminal:");
            eprintln!("    cargo run -p protocall-examples --bin server -- {address}");
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match talk(&channel, news).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(status) => {
            eprintln!("{status}");
            ExitCode::FAILURE
        }
    }
}

async fn talk(channel: &Channel, mut news: mpsc::Receiver<String>) -> Result<(), Status> {
    let greeter = GreeterClient::new(channel);

    // A call. The channel's clones all share one connection.
    let reply = greeter.greet(GreetRequest { name: "Ada".into() }).await?;
    println!("{}", reply.greeting);

    // A push; the server tells everybody, us too.
    greeter.note(NoteRequest { text: "hello, all".into() }).await?;
    if let Some(text) = news.recv().await {
        println!("news: {text}");
    }

    // A call that takes too long for us, and is given up at both ends.
    let slow = greeter.slow(SlowRequest { millis: 60_000 }).timeout(Duration::from_millis(200));
    match slow.await {
        Err(status) if status == Code::DEADLINE_EXCEEDED => println!("not waiting any longer"),
        other => println!("the server was faster than it says: {other:?}"),
    }
    for _ in 0..2 {
        if let Some(text) = news.recv().await {
            println!("news: {text}");
        }
    }
    Ok(())
}

/// What the server can do at this client.
struct News {
    tell: mpsc::Sender<String>,
}

impl GreeterEvents for News {
    async fn announced(&self, _: &Context, news: Announcement) -> Result<(), Status> {
        let _ = self.tell.send(news.text).await;
        Ok(())
    }

    async fn who_are_you(&self, _: &Context, (): ()) -> Result<Identity, Status> {
        Ok(Identity { name: "Ada".into() })
    }
}
