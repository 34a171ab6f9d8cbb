//! `docs/guide/errors.md` and the code say the same: every text of the page is in the code, and what the code says here is
//! in the page.

use std::{fs, future::Future, path::Path, sync::Arc, time::Duration};

use protocall::{
    Caller, Channel, ChannelBuilder, Compatibility, Context, Error, Raw, Router, Server, Status,
};
use protocall_tests::proto::quickstart::v1::{
    Announcement, BlobReply, BlobRequest, GREETER_SPEC, GreetReply, GreetRequest, Greeter, GreeterClient,
    GreeterEventsClient, GreeterServer, NoteRequest, SlowReply, SlowRequest,
};

use crate::{normal, sources, span};

const ERRORS: &str = include_str!("../../../docs/guide/errors.md");

/// What stands for anything.
const ANY: char = '…';

#[test]
fn every_text_of_the_page_is_in_the_code() {
    let code = normal(&sources(Path::new("../runtime/src"), "rs"));
    for text in texts() {
        if ELSEWHERE.iter().any(|elsewhere| text.contains(elsewhere)) {
            continue;
        }
        // In the code a name or a number may stand in the place of what is between ticks, or follow a colon.
        for piece in text.split([ANY, '`']).flat_map(|piece| piece.split(": ")) {
            let piece = piece.trim();
            assert!(
                piece.len() < 4 || code.contains(piece),
                "errors.md: no `{piece}` in the code, of `{text}`"
            );
        }
    }
}

/// Texts that are prost's, or that the code puts together of words: each is caused below.
const ELSEWHERE: [&str; 3] = [
    "failed to decode Protobuf message",
    "there lacks a method, or has another kind of one, of the one that is called here",
    "there differs from the one that is called here",
];

#[test]
fn every_kind_of_error_is_on_the_page() {
    let source = fs::read_to_string("../runtime/src/error.rs").unwrap();
    let variants = source.split("pub enum Error {").nth(1).unwrap().split("\n}\n").next().unwrap();
    for line in variants.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     ")) {
        let name: String = line.trim().chars().take_while(|c| c.is_alphanumeric()).collect();
        if !name.is_empty() {
            assert!(ERRORS.contains(&format!("`Error::{name}`")), "errors.md does not name `Error::{name}`");
        }
    }
}

#[test]
fn every_error_says_what_the_page_says() {
    let refused = || Arc::new(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
    let (uri, limit) = (String::from("tcp://x:1"), Duration::from_secs(3));
    for error in [
        Error::Bind { uri: uri.clone(), source: refused() },
        Error::Connect { uri: uri.clone(), source: refused() },
        Error::ConnectTimeout { uri: uri.clone(), limit },
        Error::Config { knob: "connect_timeout", problem: "is zero".into() },
        Error::Deadline { limit },
        Error::Draining,
        Error::Encode { announced: 1, written: 2 },
        Error::ItemTimeout { limit },
        Error::MessageTooLarge { size: 2, limit: 1, knob: "`max_message` of this end" },
        Error::NoRoom("there is no connection yet"),
        Error::NoRuntime,
        Error::NotOne,
        Error::NotSent { limit, why: "there was no room" },
        Error::Uri { uri, problem: "the scheme can be `tcp` or `unix`" },
    ] {
        assert_told(&error.to_string());
    }
}

#[test]
fn settings_that_cannot_work_say_what_the_page_says() {
    let tell = |builder: ChannelBuilder| assert_told(&builder.connect_lazy().unwrap_err().to_string());
    let builder = || Channel::builder("tcp://127.0.0.1:1");
    tell(builder().receive_budget(1));
    tell(builder().connect_timeout(Duration::ZERO));
    let (_, ranges) = ERRORS.split_once("it can be … to …").unwrap();
    let (ranges, _) = ranges.split_once("\n- ").unwrap();
    for out_of_range in [
        builder().max_message(1),
        builder().max_fragment(1),
        builder().max_metadata(1),
        builder().max_in_flight(0),
        builder().max_lanes(1),
        builder().max_bindings(1),
        builder().send_buffer(1),
        builder().stream_credit(1),
        builder().lane_credit(1),
        builder().push_queue(0, 1 << 20),
        builder().push_queue(1, 1),
    ] {
        let error = out_of_range.connect_lazy().unwrap_err();
        assert_told(&error.to_string());
        let Error::Config { knob, .. } = error else { panic!("{error}") };
        assert!(ranges.contains(&format!("`{knob}`")), "the page does not name `{knob}` there");
    }
    for uri in ["127.0.0.1:7000", "tcp://x", "unix://", "http://x:1"] {
        tell(Channel::builder(uri));
    }
}

#[tokio::test]
async fn connecting_and_listening_say_what_the_page_says() {
    let (bound, address) = bound(Server::new(Router::new())).await;
    assert_told(&Server::new(Router::new()).listen(&address).bind().await.unwrap_err().to_string());
    drop(bound);
    assert_told(&Channel::connect(&address).await.unwrap_err().to_string());

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = Channel::builder(format!("tcp://{}", silent.local_addr().unwrap()));
    let late = silent.connect_timeout(Duration::from_millis(20)).connect().await;
    assert_told(&late.unwrap_err().to_string());

    let (near, far) = tokio::io::duplex(1 << 10);
    tokio::spawn(async move {
        let mut far = far;
        tokio::io::AsyncWriteExt::write_all(&mut far, b"HTTP/1.1 400 Bad Request\r\n\r\n").await
    });
    let other = Channel::builder("tcp://127.0.0.1:1").connect_over(near).await;
    let told = assert_told(&other.unwrap_err().to_string());
    assert!(told.contains("BAD_HELLO"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn calls_say_what_the_page_says() {
    let channel = Channel::in_memory(Router::new().add(GreeterServer::new(Host)));
    let (greeter, caller) = (GreeterClient::new(&channel), Caller::from(&channel));
    let hour = SlowRequest { millis: 3_600_000 };
    let short = Duration::from_millis(50);
    told(greeter.slow(hour).timeout(short)).await;
    told(greeter.slow(hour).timeout(Duration::ZERO)).await;
    told(greeter.blob(BlobRequest { data: vec![0; 5 << 20].into() })).await;
    told(greeter.greet(GreetRequest::default()).metadata("k", vec![0; 20 << 10])).await;
    told(greeter.greet(GreetRequest { name: "panic".into() })).await;
    told(caller.call_raw("no.Such/Route", &b""[..])).await;
    told(caller.call_raw("quickstart.v1.Greeter/Note", &b""[..])).await;
    told(caller.call_raw("quickstart.v1.Greeter/Greet", &b"\xff"[..])).await;
    told(caller.call_raw("", &b""[..])).await;
    told(caller.call_raw("quickstart.v1.Greeter/Greet", Wrong)).await;
}

fn reason_of(error: &Error) -> String {
    match error {
        Error::Closed(reason) => reason.to_string(),
        other => panic!("not closed: {other}"),
    }
}

/// What is no such message makes the reply unreadable too.
struct Wrong;

impl From<Wrong> for Raw {
    fn from(_: Wrong) -> Self {
        Self::from(&b"\x0a\x05ab"[..])
    }
}

#[tokio::test]
async fn pushes_that_find_no_room_say_what_the_page_says() {
    let router = Router::new().add(GreeterServer::new(Host));
    let (bound, address) = bound(Server::new(router).lane_credit(16 << 10)).await;
    tokio::spawn(bound.serve());
    let lazy = GreeterClient::new(Channel::builder(&address).connect_lazy().unwrap());
    assert_told(lazy.note(NoteRequest::default()).try_send().unwrap_err().message());

    assert_told(until_full(Channel::connect(&address).await.unwrap()).message());

    // The driver does not run between two pushes that do not wait: the buffer fills before it is written.
    let router = Router::new().add(GreeterServer::new(Host));
    let (roomy, address) = self::bound(Server::new(router)).await;
    tokio::spawn(roomy.serve());
    let slow = Channel::builder(&address).send_buffer(16 << 10).connect().await.unwrap();
    assert_told(until_full(slow).message());
}

/// Pushes without waiting until that fails.
fn until_full(channel: Channel) -> Status {
    let greeter = GreeterClient::new(channel);
    loop {
        let note = greeter.note(NoteRequest { text: "x".repeat(1_000) });
        if let Err(full) = note.try_send() {
            return full;
        }
    }
}

#[tokio::test]
async fn connections_that_end_say_what_the_page_says() {
    let router = Router::new().add(GreeterServer::new(Host));
    let (bound, address) = bound(Server::new(router).max_connections(2).drain_timeout(Duration::ZERO)).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(bound.serve_until(stopped));

    let wants = |policy| Channel::builder(&address).calls(&GREETER_SPEC).compatibility(policy);
    let strict = wants(Compatibility::Strict).connect().await.unwrap();
    let one = Channel::connect(&address).await.unwrap();
    let refused = match Channel::connect(&address).await {
        Ok(channel) => channel.session().await.unwrap().closed().await.to_string(),
        Err(error) => reason_of(&error),
    };
    assert!(assert_reason(&refused).contains("OVERLOADED"));
    drop(strict);

    let session = one.session().await.unwrap();
    let slow = GreeterClient::new(&session).slow(SlowRequest { millis: 3_600_000 });
    let slow = tokio::spawn(slow);
    while session.stats().calls_out == 0 {
        tokio::task::yield_now().await;
    }
    stop.send(()).unwrap();
    server.await.unwrap();
    assert_reason(&session.closed().await.to_string());
    assert_told(slow.await.unwrap().unwrap_err().message());
    let gone = GreeterClient::new(&session).greet(GreetRequest::default()).await;
    assert_told(gone.unwrap_err().message());
    told(async {
        GreeterEventsClient::new(Context::test().session()).announced(Announcement::default()).await
    })
    .await;
}

#[tokio::test]
async fn services_that_differ_say_what_the_page_says() {
    let router = Router::new().add(OtherServer::new(Host));
    let (bound, address) = bound(Server::new(router)).await;
    tokio::spawn(bound.serve());
    for policy in [Compatibility::Additive, Compatibility::Strict] {
        for spec in [&GREETER_SPEC, &wanted::OTHER_SPEC] {
            let channel = Channel::builder(&address).calls(spec).compatibility(policy).connect().await;
            let reason = match channel {
                Ok(channel) => channel.session().await.unwrap().closed().await.to_string(),
                Err(error) => reason_of(&error),
            };
            assert!(assert_reason(&reason).contains("INCOMPATIBLE"), "{reason}");
        }
    }
}

/// A host who takes his time.
struct Host;

impl Greeter for Host {
    async fn greet(&self, _: &Context, req: GreetRequest) -> Result<GreetReply, Status> {
        assert_ne!(req.name, "panic", "as it was told to");
        Ok(GreetReply { greeting: req.name })
    }

    async fn slow(&self, _: &Context, req: SlowRequest) -> Result<SlowReply, Status> {
        tokio::time::sleep(Duration::from_millis(req.millis)).await;
        Ok(SlowReply { slept_millis: req.millis })
    }

    async fn blob(&self, _: &Context, req: BlobRequest) -> Result<BlobReply, Status> {
        Ok(BlobReply { data: req.data })
    }

    async fn note(&self, _: &Context, _: NoteRequest) -> Result<(), Status> {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        Ok(())
    }
}

/// Served here.
#[protocall::service(package = "guide")]
trait Other {
    async fn one(&self, ctx: &Context, req: ()) -> Result<(), Status>;
}

impl Other for Host {
    async fn one(&self, _: &Context, (): ()) -> Result<(), Status> {
        Ok(())
    }
}

/// What is wanted of it elsewhere.
mod wanted {
    use protocall::{Context, Status};

    #[protocall::service(package = "guide", client_only)]
    pub(super) trait Other {
        async fn one(&self, ctx: &Context, req: ()) -> Result<(), Status>;
        async fn two(&self, ctx: &Context, req: ()) -> Result<(), Status>;
    }
}

async fn bound(server: Server) -> (protocall::Bound, String) {
    let bound = server.listen("tcp://127.0.0.1:0").bind().await.unwrap();
    let address = bound.local_addrs()[0].to_string();
    (bound, address)
}

async fn told<R: std::fmt::Debug>(call: impl Future<Output = Result<R, Status>>) {
    assert_told(call.await.unwrap_err().message());
}

/// The page has an entry for `text`, and one for what that leaves open: a reason, a limit, a lack of room.
#[track_caller]
pub(crate) fn assert_told(text: &str) -> String {
    assert!(texts().iter().any(|entry| is_entry(entry, text)), "errors.md has no entry for `{text}`");
    if let Some(reason) = text.strip_prefix("the connection is closed: ") {
        assert_reason(reason);
    }
    for before in ["no room now (`try_send`): ", " allowed ("] {
        if let Some((_, rest)) = text.split_once(before) {
            assert_told(if before.ends_with('(') { rest.trim_end_matches(')') } else { rest });
        }
    }
    text.to_owned()
}

/// The page has an entry for why a connection ended.
#[track_caller]
fn assert_reason(reason: &str) -> String {
    let mut text = reason;
    for by in ["this end ", "the other end ", "the transport "] {
        text = text.strip_prefix(by).unwrap_or(text);
    }
    let (_, text) = text.split_once(": ").unwrap();
    assert!(texts().iter().any(|entry| is_entry(entry, text)), "errors.md has no entry for `{text}`");
    reason.to_owned()
}

/// Whether `text` is the whole of `entry`, with something in the place of each `…`.
fn is_entry(entry: &str, text: &str) -> bool {
    let mut pieces = entry.split(ANY);
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut open = false;
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        (rest, open) = (&rest[at + piece.len()..], piece.is_empty());
    }
    open || rest.is_empty()
}

/// The entries of the page: what stands in code at the beginning of each point that describes something.
fn texts() -> Vec<&'static str> {
    let mut lines = ERRORS.split("## Settings that cannot work").nth(1).unwrap().lines();
    let texts: Vec<_> = std::iter::from_fn(|| lines.find(|line| line.starts_with("- `")))
        .filter_map(|line| span(&line[2..]))
        .collect();
    assert!(texts.len() > 50);
    texts
}
