//! A chat: rooms, what is said there goes to all who are in, what was said before, who is typing, who comes and goes.
//!
//! ```text
//! cargo run -p protocall-examples --bin chat -- --demo                # a server and guests in one run
//! cargo run -p protocall-examples --bin chat -- serve                 # or: the server in one terminal
//! cargo run -p protocall-examples --bin chat -- join Ada kitchen      # and guests in others
//! ```
//! The schema is `schemas/lounge/v1/lounge.proto`. `serve` and `join` take an address at their end: `tcp://127.0.0.1:7001`.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocall::{Channel, Context, Group, Registry, Router, SendStream, Server, Session, Status};
use protocall_examples::proto::lounge::v1::{
    EnterReply, EnterRequest, Guest, HistoryRequest, Line, Lounge, LoungeClient, LoungeEvents,
    LoungeEventsClient, LoungeEventsServer, LoungeServer, SayReply, SayRequest, Typing,
};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::{mpsc, oneshot};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

const ADDRESS: &str = "tcp://127.0.0.1:7000";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [] | ["--demo"] => demo().await,
        ["serve"] => serve(ADDRESS).await,
        ["serve", address] => serve(address).await,
        ["join", name, room] => join(ADDRESS, name, room).await,
        ["join", name, room, address] => join(address, name, room).await,
        _ => Err("usage: chat [--demo | serve [ADDRESS] | join NAME ROOM [ADDRESS]]".into()),
    };
    if let Err(error) = outcome {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

// ---- The server ----------------------------------------------------------------------------------------------------

/// How many lines of a room are remembered.
const REMEMBERED: usize = 100;
/// How many rooms there can be.
const ROOMS: usize = 1_000;

/// Rooms are groups, names are ids: the registry has both, and forgets those whose connection has ended.
struct House {
    registry: Registry,
    pasts: Mutex<HashMap<String, Past>>,
}

/// What was said in a room.
#[derive(Default)]
struct Past {
    lines: VecDeque<Line>,
    /// How many there were, with those that are forgotten.
    said: u64,
}

impl Past {
    fn add(&mut self, line: Line) {
        self.lines.push_back(line);
        self.said += 1;
        if self.lines.len() > REMEMBERED {
            self.lines.pop_front();
        }
    }

    fn before(&self, line: u64) -> Vec<Line> {
        let later = self.said.saturating_sub(line) as usize;
        self.lines.iter().take(self.lines.len().saturating_sub(later)).cloned().collect()
    }
}

impl House {
    fn server() -> Server {
        let registry = Registry::new();
        let house = Self { registry: registry.clone(), pasts: Mutex::default() };
        Server::new(Router::new().add(LoungeServer::new(house))).registry(&registry)
    }

    /// Held while something is said or somebody enters, so that each line is either told to who enters or was said before.
    fn pasts(&self) -> MutexGuard<'_, HashMap<String, Past>> {
        self.pasts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for one more room, where nobody is any more.
    fn open(&self, pasts: &mut HashMap<String, Past>, room: &str) -> Result<u64, Status> {
        if pasts.len() >= ROOMS && !pasts.contains_key(room) {
            pasts.retain(|room, _| !self.registry.group(room.as_str()).is_empty());
            if pasts.len() >= ROOMS {
                return Err(Status::resource_exhausted("all rooms are taken"));
            }
        }
        Ok(pasts.entry(room.into()).or_default().said)
    }

    /// The room, and the name of the caller, who must be in it.
    fn room(&self, ctx: &Context, room: &str) -> Result<(Group, String), Status> {
        let session = ctx.session();
        let name = self.registry.id(&session).filter(|_| self.registry.group(room).contains(&session));
        let name = name.ok_or_else(|| Status::failed_precondition("enter first"))?;
        Ok((self.registry.group(room), name.to_string()))
    }
}

impl Lounge for House {
    async fn enter(&self, ctx: &Context, req: EnterRequest) -> Result<EnterReply, Status> {
        let EnterRequest { name, room } = req;
        if name.is_empty() || room.is_empty() {
            return Err(Status::invalid_argument("who comes, and where to?"));
        }
        let session = ctx.session();
        self.registry.claim(&session, name.as_str())?;
        let group = self.registry.group(room.as_str());
        let said = {
            let mut pasts = self.pasts();
            let said = self.open(&mut pasts, &room)?;
            if !group.contains(&session) {
                // Those who are there already are told; nobody waits for them, however slow they are.
                LoungeEventsClient::new(&group).came(Guest { name: name.clone() }).queue();
                group.join(&session);
                tokio::spawn(tell_of_the_end(session, group.clone(), name));
            }
            said
        };
        let ids = group.sessions().into_iter().filter_map(|guest| self.registry.id(&guest));
        let mut present: Vec<String> = ids.map(|id| id.to_string()).collect();
        present.sort();
        Ok(EnterReply { present, said })
    }

    async fn history(
        &self,
        ctx: &Context,
        req: HistoryRequest,
        mut out: SendStream<Line>,
    ) -> Result<(), Status> {
        self.room(ctx, &req.room)?;
        let lines = self.pasts().get(&req.room).map(|past| past.before(req.before)).unwrap_or_default();
        for line in lines {
            out.send(line).await?;
        }
        Ok(())
    }

    async fn say(&self, ctx: &Context, req: SayRequest) -> Result<SayReply, Status> {
        let (room, author) = self.room(ctx, &req.room)?;
        let line = Line { author, text: req.text };
        let mut pasts = self.pasts();
        pasts.entry(req.room).or_default().add(line.clone());
        let told = LoungeEventsClient::new(&room).said(line).queue();
        Ok(SayReply { told: told.reached() as u32 })
    }

    async fn is_typing(&self, ctx: &Context, note: Typing) -> Result<(), Status> {
        let (room, name) = self.room(ctx, &note.room)?;
        // All but the one who types.
        let others: Vec<Session> = room.into_iter().filter(|guest| *guest != ctx.session()).collect();
        LoungeEventsClient::new(others).typed(Guest { name }).queue();
        Ok(())
    }
}

/// However a guest goes, the connection ends; it has left the room by then.
async fn tell_of_the_end(guest: Session, room: Group, name: String) {
    guest.closed().await;
    LoungeEventsClient::new(&room).left(Guest { name }).queue();
}

async fn serve(address: &str) -> Result<()> {
    let bound = House::server().listen(address).bind().await?;
    println!("listening on {}; Ctrl-C ends it", bound.local_addrs()[0]);
    println!("{}", bound.serve_until(protocall::shutdown_signal()).await);
    Ok(())
}

// ---- A guest -------------------------------------------------------------------------------------------------------

/// What a guest hears, as lines of text.
struct Ears(mpsc::Sender<String>);

impl Ears {
    async fn hear(&self, line: String) -> Result<(), Status> {
        self.0.send(line).await.map_err(|_| Status::cancelled("nobody listens"))
    }
}

impl LoungeEvents for Ears {
    async fn said(&self, _: &Context, line: Line) -> Result<(), Status> {
        self.hear(format!("{}: {}", line.author, line.text)).await
    }

    async fn typed(&self, _: &Context, guest: Guest) -> Result<(), Status> {
        self.hear(format!("{} is typing …", guest.name)).await
    }

    async fn came(&self, _: &Context, guest: Guest) -> Result<(), Status> {
        self.hear(format!("{} has come", guest.name)).await
    }

    async fn left(&self, _: &Context, guest: Guest) -> Result<(), Status> {
        self.hear(format!("{} has left", guest.name)).await
    }
}

/// A connected guest.
struct Connected {
    name: String,
    room: String,
    channel: Channel,
    lounge: LoungeClient,
    heard: mpsc::Receiver<String>,
}

impl Connected {
    async fn new(address: &str, name: &str, room: &str) -> Result<Self> {
        let (ears, heard) = mpsc::channel(16);
        let router = Router::new().add(LoungeEventsServer::new(Ears(ears)));
        let channel = Channel::builder(address).serve(router).connect().await?;
        let lounge = LoungeClient::new(&channel);
        Ok(Self { name: name.into(), room: room.into(), channel, lounge, heard })
    }

    async fn enter(&self) -> Result<EnterReply, Status> {
        self.lounge.enter(EnterRequest { name: self.name.clone(), room: self.room.clone() }).await
    }

    /// What was said before: with what is heard from then on it has no gap, and nothing comes twice.
    async fn history(&self, entered: &EnterReply) -> Result<Vec<Line>, Status> {
        let request = HistoryRequest { room: self.room.clone(), before: entered.said };
        let (mut stream, mut lines) = (self.lounge.history(request).await?, Vec::new());
        while let Some(line) = stream.next().await? {
            lines.push(line);
        }
        Ok(lines)
    }

    async fn say(&self, text: &str) -> Result<u32, Status> {
        let request = SayRequest { room: self.room.clone(), text: text.into() };
        Ok(self.lounge.say(request).await?.told)
    }

    /// Nobody waits for such a note, and it may get lost.
    fn types(&self) {
        self.lounge.is_typing(Typing { room: self.room.clone() }).queue();
    }
}

async fn join(address: &str, name: &str, room: &str) -> Result<()> {
    let mut guest = Connected::new(address, name, room).await?;
    let entered = guest.enter().await?;
    println!("in the {room}: {}", entered.present.join(", "));
    for Line { author, text } in guest.history(&entered).await? {
        println!("{author}: {text}");
    }
    println!("say something; an empty line tells that you are typing, Ctrl-D or Ctrl-C ends it");
    let session = guest.channel.session().await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut stop = pin!(protocall::shutdown_signal());
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            reason = session.closed() => return Err(reason.to_string().into()),
            Some(heard) = guest.heard.recv() => println!("{heard}"),
            line = lines.next_line() => match line? {
                Some(line) if line.is_empty() => guest.types(),
                Some(line) => drop(guest.say(&line).await?),
                None => break,
            },
        }
    }
    // What was begun is finished; then the others are told.
    session.drain();
    println!("left: {}", session.closed().await);
    // The thread that reads the terminal would otherwise be waited for.
    std::process::exit(0);
}

// ---- All of it in one run ------------------------------------------------------------------------------------------

async fn demo() -> Result<()> {
    let bound = House::server().listen("tcp://127.0.0.1:0").bind().await?;
    let address = bound.local_addrs()[0].to_string();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(bound.serve_until(stopped));

    let mut ada = Connected::new(&address, "Ada", "kitchen").await?;
    let mut bob = Connected::new(&address, "Bob", "kitchen").await?;
    let mut cleo = Connected::new(&address, "Cleo", "garden").await?;
    for guest in [&ada, &bob, &cleo] {
        println!(
            "{} enters the {}; there are: {}",
            guest.name,
            guest.room,
            guest.enter().await?.present.join(", ")
        );
    }
    hears(&mut ada).await;

    let other = Connected::new(&address, "Ada", "garden").await?;
    if let Err(status) = other.enter().await {
        println!("another Ada is refused: {status}");
    }
    other.channel.close();

    bob.types();
    hears(&mut ada).await;
    println!("Bob says something to {}", bob.say("who has seen the salt?").await?);
    hears(&mut ada).await;
    hears(&mut bob).await;
    println!("Cleo says something to {}", cleo.say("it is quiet out here").await?);
    hears(&mut cleo).await;

    println!("Bob goes without a word");
    bob.channel.close();
    hears(&mut ada).await;
    println!("Ada says something to {}", ada.say("it was here all the time").await?);
    hears(&mut ada).await;

    println!("Dora enters the kitchen, and reads what was said before she came");
    let dora = Connected::new(&address, "Dora", "kitchen").await?;
    let entered = dora.enter().await?;
    for Line { author, text } in dora.history(&entered).await? {
        println!("  Dora reads: {author}: {text}");
    }
    hears(&mut ada).await;

    println!("the server goes");
    let session = ada.channel.session().await?;
    drop(stop);
    println!("{}", serving.await?);
    println!("Ada's connection: {}", session.closed().await);
    Ok(())
}

async fn hears(guest: &mut Connected) {
    if let Some(heard) = guest.heard.recv().await {
        println!("  {} hears: {heard}", guest.name);
    }
}
