//! Serves, calls over TCP, and checks the answers.
#![deny(warnings, clippy::pedantic)]

use protocall::{Channel, Context, Router, Server, Status};
use schema_first::proto::echo::v1::{
    echo_reply::Answer, Echo, EchoClient, EchoReply, EchoRequest, EchoServer, Mood, NotesReply,
};
use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Default)]
struct Service {
    notes: AtomicU32,
}

impl Echo for Service {
    async fn echo(&self, _ctx: &Context, req: EchoRequest) -> Result<EchoReply, Status> {
        let answer = Some(Answer::Mood(req.mood));
        Ok(EchoReply { payload: req.payload, at: req.at, answer })
    }

    async fn note(&self, _ctx: &Context, _note: EchoRequest) -> Result<(), Status> {
        self.notes.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn notes(&self, _ctx: &Context, (): ()) -> Result<NotesReply, Status> {
        Ok(NotesReply { count: self.notes.load(Ordering::SeqCst) })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let router = Router::new().add(EchoServer::new(Service::default()));
    let bound = Server::new(router).listen("tcp://127.0.0.1:0").bind().await?;
    let address = bound.local_addrs()[0].to_string();
    tokio::spawn(bound.serve_until(std::future::pending::<()>()));

    let echo = EchoClient::new(Channel::connect(&address).await?);
    let request = EchoRequest { payload: b"hello"[..].into(), at: None, mood: Mood::Good.into() };
    let reply = echo.echo(request.clone()).await?;
    assert_eq!(&reply.payload[..], b"hello");
    assert_eq!(reply.answer, Some(Answer::Mood(Mood::Good.into())));
    echo.note(request).await?;
    while echo.notes(()).await?.count != 1 {}
    println!("ok");
    Ok(())
}
