//! A server for a terminal of its own; `client` is for the other one.
//!
//! ```text
//! cargo run -p protocall-examples --bin server                        # in one terminal
//! cargo run -p protocall-examples --bin client                        # in another, or in several
//! ```
//! Both take an address: `-- tcp://127.0.0.1:7001`. Ctrl-C ends the server when what it has begun is done.

use protocall::{Router, Server};
use protocall_examples::greeter::TalkingGreeter;
use protocall_examples::proto::quickstart::v1::{Announcement, GreeterEventsClient, GreeterServer};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), protocall::Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "tcp://127.0.0.1:7000".into());

    let (tell, mut events) = mpsc::channel::<String>(16);
    let router = Router::new().add(GreeterServer::new(TalkingGreeter::new(tell)));
    let bound = Server::new(router).listen(address).bind().await?;
    println!("listening on {}; Ctrl-C ends it", bound.local_addrs()[0]);

    // Tells every client what happens. `try_send` does not wait: who is too slow to take the news misses some.
    let handle = bound.handle();
    tokio::spawn(async move {
        while let Some(text) = events.recv().await {
            println!("{text}");
            for session in handle.sessions() {
                let news = Announcement { text: text.clone() };
                let _ = GreeterEventsClient::new(session).announced(news).try_send();
            }
        }
    });

    // The signal ends the taking of new calls; calls that run are finished, for 30 s at most (`drain_timeout`).
    let report = bound.serve_until(protocall::shutdown_signal()).await;
    println!("the end: {report}");
    Ok(())
}
