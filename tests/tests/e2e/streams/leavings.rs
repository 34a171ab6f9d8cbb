//! Processes that are killed in the middle of each kind of stream, at either end and in either role: every half ends, once,
//! with the right status; half an upload is never taken for whole; nothing is left.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocall::{Channel, Code, Router, Server, Session, Status};
use tokio::sync::mpsc;

use super::{drain, reply, times};
use crate::process::Process;
use crate::support::*;

/// Which end of the connection the process is that is killed, and what it does there.
const SERVES: [&str; 2] = ["a server that serves", "a client that serves"];
const CALLS: [&str; 2] = ["a server that calls", "a client that calls"];

/// What became of the streams that a host served, a word each.
type Journal = Arc<Mutex<Vec<String>>>;

fn end_of(what: &str, end: Result<(), Status>) -> String {
    match end {
        Ok(()) => format!("{what} whole"),
        Err(status) => format!("{what} {:?}", status.code()),
    }
}

/// Notes when it goes, and what was noted before.
struct Noted(Journal, String);

impl Noted {
    fn say(&mut self, text: String) {
        self.1 = text;
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(std::mem::take(&mut self.1));
    }
}

/// A host that says once for each stream how it ended.
fn noting(journal: &Journal, entered: &mpsc::Sender<()>) -> Host {
    let note = {
        let journal = Arc::clone(journal);
        move |text: &str| Noted(Arc::clone(&journal), text.to_owned())
    };
    let (up, both) = (note.clone(), note.clone());
    let (one, two, three) = (entered.clone(), entered.clone(), entered.clone());
    host()
        .on_repeat(move |_, _, mut out| {
            let mut noted = note("repeat dropped");
            let entered = one.clone();
            async move {
                out.send(reply("x")).await?;
                entered.send(()).await.unwrap();
                loop {
                    if let Err(status) = out.send(reply([7; 5_000])).await {
                        noted.say(end_of("repeat", Err(status)));
                        return Ok(());
                    }
                }
            }
        })
        .on_gather(move |_, mut input| {
            let mut noted = up("gather dropped");
            let entered = two.clone();
            async move {
                input.next().await?;
                entered.send(()).await.unwrap();
                let (_, end) = drain(&mut input).await;
                noted.say(end_of("gather", end));
                Ok(reply("done"))
            }
        })
        .on_converse(move |_, mut input, mut out| {
            let mut noted = both("converse dropped");
            let entered = three.clone();
            async move {
                input.next().await?;
                out.send(reply("x")).await?;
                entered.send(()).await.unwrap();
                let (_, end) = drain(&mut input).await;
                noted.say(end_of("converse", end));
                Ok(())
            }
        })
}

/// Opens one of each shape and keeps it busy; gives how each half ended.
async fn call_all(session: &Session) -> Vec<(&'static str, Status)> {
    let client = echo(session);
    let mut stream = client.repeat(times(1)).await.unwrap();
    let (mut up, answer) = client.gather().await.unwrap();
    let (mut out, mut input) = client.converse().await.unwrap();
    let read = async { ("repeat", drain(&mut stream).await.1.unwrap_err()) };
    let uploads = async {
        let why = loop {
            if let Err(why) = up.send(message([7; 5_000])).await {
                break why;
            }
        };
        assert!(up.finish().await.is_err(), "half an upload does not end well");
        ("upload", why)
    };
    let answered = async { ("answer", answer.await.unwrap_err()) };
    let sends = async {
        let why = loop {
            if let Err(why) = out.send(message([7; 5_000])).await {
                break why;
            }
        };
        ("sends", why)
    };
    let reads = async { ("reads", drain(&mut input).await.1.unwrap_err()) };
    let (a, b, c, d, e) = tokio::join!(read, uploads, answered, sends, reads);
    vec![a, b, c, d, e]
}

/// Not a test but the process that the next ones kill. What it is comes in the environment.
#[tokio::test]
#[ignore = "run by other tests, in a process of its own"]
async fn a_process_to_be_killed() {
    let what = std::env::var("PROTOCALL_TEST_ROLE").unwrap();
    let (entered, mut enters) = mpsc::channel(1_000);
    tokio::spawn(async move { while enters.recv().await.is_some() {} });
    let router = noting(&Journal::default(), &entered).router();
    let session = match std::env::var("PROTOCALL_TEST_SERVER") {
        Ok(uri) => {
            let channel = Channel::builder(uri).serve(router).connect().await.unwrap();
            let session = channel.session().await.unwrap();
            std::mem::forget(channel);
            session
        }
        Err(_) => {
            let server = Running::start(Server::new(router).listen("tcp://127.0.0.1:0")).await;
            println!("listening {}", server.uri);
            loop {
                if let Some(session) = server.handle.sessions().pop() {
                    std::mem::forget(server);
                    break session;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    if CALLS.contains(&what.as_str()) {
        call_all(&session).await;
    }
    std::future::pending::<()>().await;
}

fn start(what: &str, uri: Option<&str>) -> Process {
    let server = uri.map(|uri| ("PROTOCALL_TEST_SERVER", uri));
    let environment: Vec<_> = [("PROTOCALL_TEST_ROLE", what)].into_iter().chain(server).collect();
    Process::start("streams::leavings::a_process_to_be_killed", &environment)
}

/// Our end of a connection to a process that was started as that, and what our end needs to live.
async fn meet(what: &str, router: Router) -> (Process, Session, Box<dyn std::any::Any>) {
    if what.starts_with("a client") {
        let server = Running::start(Server::new(router).listen("tcp://127.0.0.1:0")).await;
        let process = start(what, Some(&server.uri));
        until(|| !server.handle.sessions().is_empty()).await;
        let session = server.handle.sessions().pop().unwrap();
        return (process, session, Box::new(server));
    }
    let mut process = start(what, None);
    let channel = Channel::builder(process.uri()).serve(router).connect().await.unwrap();
    let session = channel.session().await.unwrap();
    (process, session, Box::new(channel))
}

async fn nothing_left(session: &Session) {
    within(session.closed()).await;
    until(|| {
        let stats = session.stats();
        stats.calls_in + stats.calls_out + stats.streams == 0 && stats.stream_bytes + stats.held_bytes == 0
    })
    .await;
}

#[tokio::test]
async fn a_callee_that_is_killed_ends_every_half_of_its_callers() {
    for what in SERVES {
        let tasks = tokio::runtime::Handle::current().metrics();
        let before = tasks.num_alive_tasks();
        let (mut process, session, life) = meet(what, Router::new()).await;
        let called = session.clone();
        let calls = tokio::spawn(async move { call_all(&called).await });
        // All three run, and what nobody reads piles up.
        until(|| session.stats().streams == 3).await;
        let mut stream = echo(&session).repeat(times(1)).await.unwrap();
        within(stream.next()).await.unwrap().unwrap();
        until(|| session.stats().stream_bytes > 200_000).await;
        process.kill();
        for (half, status) in within(calls).await.unwrap() {
            assert_eq!(
                (status.code(), status.may_have_run()),
                (Code::UNAVAILABLE, true),
                "{half}: {status:?}"
            );
            assert!(status.local().is_some(), "{half}: {status:?}");
        }
        // What came before is still there to be read.
        let (count, end) = drain(&mut stream).await;
        assert!(count > 30, "{count}");
        assert_eq!(end.unwrap_err().code(), Code::UNAVAILABLE);
        drop(stream);
        nothing_left(&session).await;
        drop((session, life));
        until(|| tasks.num_alive_tasks() <= before).await;
    }
}

#[tokio::test]
async fn a_caller_that_is_killed_ends_every_handler_once_and_half_an_upload_is_not_whole() {
    for what in CALLS {
        let tasks = tokio::runtime::Handle::current().metrics();
        let before = tasks.num_alive_tasks();
        let journal = Journal::default();
        let (entered, mut enters) = mpsc::channel(8);
        let (mut process, session, life) = meet(what, noting(&journal, &entered).router()).await;
        for _ in 0..3 {
            within(enters.recv()).await.unwrap();
        }
        process.kill();
        nothing_left(&session).await;
        until(|| journal.lock().unwrap().len() >= 3).await;
        drop((session, life, entered));
        until(|| tasks.num_alive_tasks() <= before).await;
        let mut ends = journal.lock().unwrap().clone();
        ends.sort_unstable();
        assert_eq!(ends.len(), 3, "{what}: {ends:?}");
        for (end, shape) in ends.iter().zip(["converse", "gather", "repeat"]) {
            // Dropped at its await, or told first.
            let ended = [format!("{shape} dropped"), format!("{shape} {:?}", Code::UNAVAILABLE)];
            assert!(ended.contains(end), "{what}: {end}");
        }
    }
}
