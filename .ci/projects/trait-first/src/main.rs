//! Serves, calls over TCP, and checks the answers.
#![deny(warnings, clippy::pedantic)]

use std::sync::Mutex;

use protocall::{Channel, Context, Raw, Router, Server, Status};
use trait_first::{Chat, ChatClient, ChatServer, JoinReply, JoinRequest, Role};

#[derive(Default)]
struct Room {
    names: Mutex<Vec<String>>,
}

impl Chat for Room {
    async fn join(&self, _ctx: &Context, req: JoinRequest) -> Result<JoinReply, Status> {
        let mut names = self.names.lock().expect("not poisoned");
        names.push(req.name);
        Ok(JoinReply { names: names.clone() })
    }

    async fn raw(&self, _ctx: &Context, req: Raw) -> Result<Raw, Status> {
        Ok(req)
    }

    async fn leave(&self, _ctx: &Context, note: JoinRequest) -> Result<(), Status> {
        self.names.lock().expect("not poisoned").retain(|name| *name != note.name);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let router = Router::new().add(ChatServer::new(Room::default()));
    let bound = Server::new(router).listen("tcp://127.0.0.1:0").bind().await?;
    let address = bound.local_addrs()[0].to_string();
    tokio::spawn(bound.serve_until(std::future::pending::<()>()));

    let chat = ChatClient::new(Channel::connect(&address).await?);
    let ada = JoinRequest { name: "Ada".into(), role: Role::Host.into(), place: None };
    assert_eq!(chat.join(ada.clone()).await?.names, ["Ada"]);
    chat.leave(ada).await?;
    let bob = JoinRequest { name: "Bob".into(), ..JoinRequest::default() };
    let names = chat.join(bob).await?.names;
    assert!(names.ends_with(&["Bob".into()]), "{names:?}");
    assert_eq!(&chat.raw(Raw(b"bytes"[..].into())).await?.0[..], b"bytes");
    println!("ok");
    Ok(())
}
