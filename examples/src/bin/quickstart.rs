//! Everything that works today, in one run: a server and a client at two ends of a real TCP socket.
//!
//! ```text
//! cargo run -p protocall-examples --bin quickstart
//! ```
//! The schema is `schemas/quickstart/v1/quickstart.proto`, the server's side of it is `examples/src/greeter.rs`. Each run
//! prints the same; `examples/expected/quickstart.txt` has it.

use std::error::Error;
use std::time::Duration;

use protocall::{Caller, Channel, Context, Raw, RawCall, Report, Router, Server, ServerHandle, Status};
use protocall_examples::greeter::TalkingGreeter;
use protocall_examples::proto::quickstart::v1::{
    Announcement, BlobRequest, GreetRequest, GreeterClient, GreeterEvents, GreeterEventsClient,
    GreeterEventsServer, GreeterServer, Identity, NoteRequest, SlowRequest,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<()> {
    let mut server = start_server().await?;
    let mut client = start_client(&server.address).await?;

    a_call(&client).await?;
    two_calls_answered_out_of_order(&mut server, &client).await?;
    a_push_from_the_server(&server, &mut client).await?;
    a_push_from_the_client(&mut server, &client).await?;
    a_call_from_the_server_to_the_client(&server).await?;
    unknown_calls(&server, &client).await?;
    a_deadline(&mut server, &client).await?;
    a_cancelled_call(&mut server, &client).await?;
    a_large_message_beside_small_ones(&client).await?;
    a_clean_drain(server, client).await
}

// ---- The server ----------------------------------------------------------------------------------------------------

/// A server that runs, as the rest of the program needs it.
struct Serving {
    address: String,
    /// Its live connections.
    handle: ServerHandle,
    /// What its handlers tell.
    events: mpsc::Receiver<String>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Report>,
}

async fn start_server() -> Result<Serving> {
    // A router holds services. What answers routes that none of them has is the fallback.
    let (tell, events) = mpsc::channel(16);
    let router = Router::new().add(GreeterServer::new(TalkingGreeter::new(tell))).fallback(unknown_call);

    // Every wait and size has a default and a setter. This one is raised for the sake of the large message below: 4 MiB
    // of data and a few bytes around them are more than the default of 4 MiB.
    let bound = Server::new(router).max_message(8 << 20).listen("tcp://127.0.0.1:0").bind().await?;
    let (address, handle) = (bound.local_addrs()[0].to_string(), bound.handle());

    // Serves until it is told to stop, then finishes what it has begun. In a program of its own that is
    // `bound.serve_until(protocall::shutdown_signal())`, see `server.rs`.
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = tokio::spawn(bound.serve_until(stopped));
    Ok(Serving { address, handle, events, stop, ended })
}

/// Nothing is decoded here: a fallback sees the route, the metadata and the bytes, and answers with bytes.
async fn unknown_call(_: Context, call: RawCall) -> Result<Raw, Status> {
    Ok(Raw::from(format!("nobody serves {}, but {} bytes came", call.route(), call.payload().len())))
}

// ---- The client ----------------------------------------------------------------------------------------------------

/// A connected client.
struct Connected {
    channel: Channel,
    greeter: GreeterClient,
    /// What the server pushed.
    events: mpsc::Receiver<String>,
}

async fn start_client(address: &str) -> Result<Connected> {
    // A client can serve too, over the connection that it opens.
    let (tell, events) = mpsc::channel(16);
    let router = Router::new().add(GreeterEventsServer::new(Ada { tell }));
    let channel = Channel::builder(address).serve(router).max_message(8 << 20).connect().await?;
    let greeter = GreeterClient::new(&channel);
    Ok(Connected { channel, greeter, events })
}

/// What the server can call and push at this client.
struct Ada {
    tell: mpsc::Sender<String>,
}

impl GreeterEvents for Ada {
    async fn announced(&self, _: &Context, news: Announcement) -> Result<(), Status> {
        let _ = self.tell.send(news.text).await;
        Ok(())
    }

    async fn who_are_you(&self, _: &Context, (): ()) -> Result<Identity, Status> {
        Ok(Identity { name: "Ada".into() })
    }
}

// ---- What they do --------------------------------------------------------------------------------------------------

async fn a_call(client: &Connected) -> Result<()> {
    println!("1. A call");
    // A method returns a `Call`, which is a future: nothing is sent before it is awaited.
    let reply = client.greeter.greet(GreetRequest { name: "Ada".into() }).await?;
    println!("   {}", reply.greeting);

    // A call that fails gives a `Status`: a code for programs, a message for people, metadata if there is any.
    let Err(status) = client.greeter.greet(GreetRequest::default()).await else { return Ok(()) };
    println!("   {status} (field: {:?})", status.all_metadata().get_str("field").unwrap_or_default());
    Ok(())
}

async fn two_calls_answered_out_of_order(server: &mut Serving, client: &Connected) -> Result<()> {
    println!("2. Two calls, answered out of order");
    // A `Call` owns what it needs, so it can be spawned, joined and selected.
    let mut calls = JoinSet::new();
    for millis in [500, 5] {
        println!("   asked for an answer after {millis} ms");
        calls.spawn(client.greeter.slow(SlowRequest { millis }));
    }
    for _ in 0..2 {
        println!("   the server says: {}", next(&mut server.events).await?);
    }
    while let Some(reply) = calls.join_next().await {
        println!("   the answer after {} ms is here", reply??.slept_millis);
    }
    Ok(())
}

async fn a_push_from_the_server(server: &Serving, client: &mut Connected) -> Result<()> {
    println!("3. A push from the server");
    // The server has a session for each connection, and a session is all that a client of a service needs.
    for session in server.handle.sessions() {
        let events = GreeterEventsClient::new(session);
        events.announced(Announcement { text: "lunch is ready".into() }).await?;
    }
    println!("   the client was told: {}", next(&mut client.events).await?);
    Ok(())
}

async fn a_push_from_the_client(server: &mut Serving, client: &Connected) -> Result<()> {
    println!("4. A push from the client");
    // That it was sent does not say that it has arrived. `flushed` waits until the other end has taken it.
    client.greeter.note(NoteRequest { text: "no onions, please".into() }).await?;
    client.channel.session().await?.flushed().await?;
    println!("   the server says: {}", next(&mut server.events).await?);
    Ok(())
}

async fn a_call_from_the_server_to_the_client(server: &Serving) -> Result<()> {
    println!("5. A call from the server to the client");
    for session in server.handle.sessions() {
        let identity = GreeterEventsClient::new(session).who_are_you(()).await?;
        println!("   the client is {}", identity.name);
    }
    Ok(())
}

async fn unknown_calls(server: &Serving, client: &Connected) -> Result<()> {
    println!("6. Calls of routes that nobody serves");
    // The server has a fallback.
    let to_server = Caller::from(&client.channel);
    let Raw(bytes) = to_server.call_raw("quickstart.v1.Greeter/Wave", "abc").await?;
    println!("   with a fallback: {}", String::from_utf8_lossy(&bytes));

    // The client has none. The call is refused before any handler could see it, and the caller is told so: to repeat it
    // elsewhere can do no harm.
    for session in server.handle.sessions() {
        let Err(status) = session.call_raw("quickstart.v1.Pager/Page", "abc").await else { continue };
        println!("   without: {status}; may have run: {}", status.may_have_run());
    }
    Ok(())
}

async fn a_deadline(server: &mut Serving, client: &Connected) -> Result<()> {
    println!("7. A deadline");
    // Every call has one (30 s unless somebody says something else), and both ends keep it.
    let limit = Duration::from_millis(200);
    let Err(status) = client.greeter.slow(SlowRequest { millis: 60_000 }).timeout(limit).await else {
        return Ok(());
    };
    println!("   the caller gets {}; may have run: {}", status.code(), status.may_have_run());
    println!("   the server says: {}", next(&mut server.events).await?);
    println!("   the server says: {}", next(&mut server.events).await?);
    Ok(())
}

async fn a_cancelled_call(server: &mut Serving, client: &Connected) -> Result<()> {
    println!("8. A call that is given up");
    // To drop a `Call` is to cancel it, at the other end too. Here `select!` drops the one that lost.
    tokio::select! {
        _ = client.greeter.slow(SlowRequest { millis: 60_000 }) => println!("   (never)"),
        event = next(&mut server.events) => println!("   the server says: {}", event?),
    }
    println!("   the server says: {}", next(&mut server.events).await?);
    Ok(())
}

async fn a_large_message_beside_small_ones(client: &Connected) -> Result<()> {
    println!("9. A large message beside small ones");
    // It travels in pieces, and small ones pass between them.
    let data = vec![7; 4 << 20];
    let large = client.greeter.blob(BlobRequest { data: data.clone().into() });
    let greet = |name: &str| client.greeter.greet(GreetRequest { name: name.into() });
    let (large, bea, cleo) = tokio::try_join!(large, greet("Bea"), greet("Cleo"))?;
    println!("   {} {}", bea.greeting, cleo.greeting);
    println!("   4 MiB there and back; the same: {}", large.data == data);
    Ok(())
}

async fn a_clean_drain(mut server: Serving, client: Connected) -> Result<()> {
    println!("10. A clean end");
    // A call is running when the server is told to stop.
    let session = client.channel.session().await?;
    let call = tokio::spawn(client.greeter.slow(SlowRequest { millis: 100 }));
    println!("   the server says: {}", next(&mut server.events).await?);
    let _ = server.stop.send(());

    // It is finished; new ones would be refused; then the connection closes, and both ends know why.
    println!("   the call that was running: done after {} ms", call.await??.slept_millis);
    println!("   the client's connection: {}", session.closed().await);
    println!("   the server: {}", server.ended.await?);
    Ok(())
}

/// The next event. Events come in the order in which they happened.
async fn next(events: &mut mpsc::Receiver<String>) -> Result<String> {
    let event = tokio::time::timeout(Duration::from_secs(10), events.recv()).await?;
    event.ok_or_else(|| "nobody tells anything any more".into())
}
