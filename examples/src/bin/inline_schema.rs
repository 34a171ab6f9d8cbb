//! A schema file without a build.rs: `proto!` puts its messages and services where it stands.
//!
//! ```text
//! cargo run -p protocall-examples --bin inline_schema
//! ```
//! The schema is `schemas/echo/v1/echo.proto`. `proto!` wants protocall's feature `schema`.

use protocall::{Channel, Context, Router, Status};

// The path starts at the crate's folder. With `stubs`, methods that are not written answer UNIMPLEMENTED: of this
// schema's five methods, two are written below.
mod proto {
    protocall::proto!("../schemas/echo/v1/echo.proto", stubs);
}
use proto::echo::v1::{ECHO_SPEC, Echo, EchoClient, EchoReply, EchoRequest, EchoServer};
use tokio::sync::mpsc;

struct Parrot {
    heard: mpsc::Sender<String>,
}

impl Echo for Parrot {
    async fn echo(&self, ctx: &Context, req: EchoRequest) -> Result<EchoReply, Status> {
        // Metadata comes beside the message, and goes back beside the reply.
        if let Some(mood) = ctx.metadata().get_str("mood") {
            ctx.reply_metadata("parrot-mood", mood);
        }
        Ok(EchoReply { payload: req.payload })
    }

    async fn note(&self, ctx: &Context, req: EchoRequest) -> Result<(), Status> {
        let _ = self.heard.send(format!("{} by {}: {:?}", ctx.route(), ctx.peer_addr(), req.payload)).await;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Status> {
    // What the schema says of its methods can be read at run time.
    for method in ECHO_SPEC.methods {
        println!("{}: {:?}, {:?}", method.route, method.kind, method.idempotency);
    }

    // No socket: a client of a router in this process, which is how one tests a service.
    let (heard, mut notes) = mpsc::channel(1);
    let channel = Channel::in_memory(Router::new().add(EchoServer::new(Parrot { heard })));
    let echo = EchoClient::new(channel);
    let call = echo.echo(EchoRequest { payload: "hello".into() }).metadata("mood", "cheerful");
    let (reply, metadata) = call.with_metadata().await?;
    println!("{:?}, parrot-mood: {:?}", reply.payload, metadata.get_str("parrot-mood"));

    // A push: nobody answers, and its handler may still run when `await` is over.
    echo.note(EchoRequest { payload: "bye".into() }).await?;
    println!("{}", notes.recv().await.unwrap_or_default());
    Ok(())
}
