//! Large messages that a proxy passes on as they come: both of its neighbours are written by hand, and say half of a message.

mod pushes;

use protocall::{Caller, Channel, Context, Fallback, Proxy, Raw, RawCall, Router, Server, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::support::*;

const GO_AWAY: u8 = 0x07;
const CREDIT: u8 = 0x08;
const BLOCKED: u8 = 0x09;
const CALL: u8 = 0x10;
const REPLY: u8 = 0x11;
const ITEM: u8 = 0x12;
const FRAGMENT: u8 = 0x13;
const RESET: u8 = 0x16;
const PUSH: u8 = 0x20;
const CANCEL: u8 = 0x18;

const FINAL: u8 = 0x01;
const FRAGMENTED: u8 = 0x01;
const END: u8 = 0x08;
const LANE: u8 = 0x10;
const NAMED: u8 = 0x20;
const STREAM: u8 = 0x40;

const TOTAL: usize = 60_000;
const PIECE: usize = 10_000;

/// A neighbour written by hand.
struct Wire(TcpStream);

impl Wire {
    /// Of call 1, or in lane 1.
    async fn say(&mut self, kind: u8, flags: u8, body: &[u8]) {
        self.say_as(kind, flags, [0, 0, 0, 1], body).await;
    }

    async fn say_as(&mut self, kind: u8, flags: u8, id: [u8; 4], body: &[u8]) {
        within(self.0.write_all(&frame(kind, flags, id, body))).await.unwrap();
    }

    /// The next frame of one of these kinds: kind, flags, body.
    async fn hear(&mut self, kinds: &[u8]) -> (u8, u8, Vec<u8>) {
        let (kind, flags, _, body) = self.hear_as(kinds).await;
        (kind, flags, body)
    }

    async fn hear_as(&mut self, kinds: &[u8]) -> (u8, u8, [u8; 4], Vec<u8>) {
        within(async {
            loop {
                let mut frame = vec![0; self.0.read_u32().await.unwrap() as usize];
                self.0.read_exact(&mut frame).await.unwrap();
                let last = frame[..2] == [GO_AWAY, FINAL];
                assert!(!last, "{}", String::from_utf8_lossy(&frame));
                if kinds.contains(&frame[0]) {
                    let body = frame.split_off(6);
                    return (frame[0], frame[1], frame[2..].try_into().unwrap(), body);
                }
            }
        })
        .await
    }

    /// Says fragments of the message, from one byte up to another.
    async fn say_part(&mut self, part: std::ops::Range<usize>) {
        self.say_part_as(0, part).await;
    }

    async fn say_part_as(&mut self, flags: u8, part: std::ops::Range<usize>) {
        for piece in message_bytes()[part].chunks(PIECE) {
            self.say(FRAGMENT, flags, piece).await;
        }
    }

    /// Lends the room for one item or push that is asked for.
    async fn lend(&mut self) {
        let (_, flags, id, wanted) = self.hear_as(&[BLOCKED]).await;
        self.say_as(CREDIT, flags, id, &wanted).await;
    }

    /// Hears a first frame of this kind and as many fragments as bring so many bytes in all.
    async fn hear_part(&mut self, kind: u8, bytes: usize) -> Vec<u8> {
        let (_, flags, body) = self.hear(&[kind]).await;
        assert_eq!(flags & FRAGMENTED, FRAGMENTED);
        assert_eq!(body[body.len() - 4..], (TOTAL as u32).to_be_bytes(), "its total, and no byte of it");
        let mut came = Vec::new();
        self.hear_more(&mut came, bytes).await;
        came
    }

    async fn hear_more(&mut self, came: &mut Vec<u8>, bytes: usize) {
        while came.len() < bytes {
            came.extend(self.hear(&[FRAGMENT]).await.2);
        }
    }
}

fn frame(kind: u8, flags: u8, id: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut frame = ((6 + body.len()) as u32).to_be_bytes().to_vec();
    frame.extend([kind, flags]);
    frame.extend(id);
    frame.extend_from_slice(body);
    frame
}

fn message_bytes() -> Vec<u8> {
    (0..TOTAL).map(|at| (at / 7) as u8).collect()
}

fn total() -> [u8; 4] {
    (TOTAL as u32).to_be_bytes()
}

/// A CALL of the route `a.A/B`, as far as its message.
fn opening() -> Vec<u8> {
    b"\0\x05a.A/B".to_vec()
}

/// A client, the proxy, and its upstream.
async fn line(proxy: Router) -> (Wire, Running) {
    let server = Running::start(Server::new(proxy).listen("tcp://127.0.0.1:0")).await;
    let mut near = Wire(TcpStream::connect(server.uri.strip_prefix("tcp://").unwrap()).await.unwrap());
    near.0.write_all(&HELLO).await.unwrap();
    (near, server)
}

async fn proxied() -> (Wire, TcpListener, Running) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("tcp://{}", listener.local_addr().unwrap());
    let proxy = Proxy::new(move |back| Channel::builder(&uri).serve(back).connect_lazy());
    let (near, server) = line(Router::new().fallback(proxy.clone()).fallback_push(proxy)).await;
    (near, listener, server)
}

async fn accept(listener: &TcpListener) -> Wire {
    let mut far = Wire(within(listener.accept()).await.unwrap().0);
    far.0.write_all(&HELLO).await.unwrap();
    far
}

/// Half of a request is at the upstream, before the rest was said.
async fn half_a_request() -> (Wire, Wire, Vec<u8>, Running) {
    let (mut near, listener, server) = proxied().await;
    near.say(CALL, FRAGMENTED | END | NAMED, &[opening(), total().to_vec()].concat()).await;
    near.say_part(0..TOTAL / 2).await;
    let mut far = accept(&listener).await;
    let came = far.hear_part(CALL, TOTAL / 2).await;
    (near, far, came, server)
}

/// The first half of an answer is heard before the second was said.
async fn an_answer_passes_by_halves(far: &mut Wire, near: &mut Wire) {
    far.say(REPLY, FRAGMENTED, &total()).await;
    far.say_part(0..TOTAL / 2).await;
    let mut came = near.hear_part(REPLY, TOTAL / 2).await;
    far.say_part(TOTAL / 2..TOTAL).await;
    near.hear_more(&mut came, TOTAL).await;
    assert_eq!(came, message_bytes());
}

#[tokio::test]
async fn a_request_and_its_answer_pass_before_they_are_whole() {
    let (mut near, mut far, mut came, _server) = half_a_request().await;
    near.say_part(TOTAL / 2..TOTAL).await;
    far.hear_more(&mut came, TOTAL).await;
    assert_eq!(came, message_bytes());

    an_answer_passes_by_halves(&mut far, &mut near).await;
}

#[tokio::test]
async fn a_large_answer_to_a_small_request_passes_before_it_is_whole_over_any_upstream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Channel::builder(format!("tcp://{}", listener.local_addr().unwrap())).connect_lazy();
    let (mut near, _server) = line(Router::new().forward_to(upstream.unwrap())).await;
    // The first goes by a future, since there is no connection yet; the second is passed on by the runner.
    let mut far = None;
    for _ in 0..2 {
        near.say(CALL, END | NAMED, &[opening(), b"small".to_vec()].concat()).await;
        let far = match &mut far {
            Some(far) => far,
            none => none.insert(accept(&listener).await),
        };
        assert!(far.hear(&[CALL]).await.2.ends_with(b"small"));
        an_answer_passes_by_halves(far, &mut near).await;
    }
}

#[tokio::test]
async fn a_request_is_held_whole_where_others_call_over_the_same_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Channel::builder(format!("tcp://{}", listener.local_addr().unwrap())).connect_lazy();
    let (mut near, server) = line(Router::new().forward_to(upstream.unwrap())).await;
    near.say(CALL, FRAGMENTED | END | NAMED, &[opening(), total().to_vec()].concat()).await;
    near.say_part(0..TOTAL / 2).await;
    // It takes nothing from who comes behind it.
    let mut other = Wire(TcpStream::connect(server.uri.strip_prefix("tcp://").unwrap()).await.unwrap());
    other.0.write_all(&HELLO).await.unwrap();
    other.say(CALL, END | NAMED, &[opening(), b"small".to_vec()].concat()).await;
    let mut far = accept(&listener).await;
    assert!(far.hear(&[CALL]).await.2.ends_with(b"small"), "the other's call is the first");
    near.say_part(TOTAL / 2..TOTAL).await;
    assert_eq!(far.hear_part(CALL, TOTAL).await, message_bytes());
}

#[tokio::test]
async fn a_request_that_breaks_off_is_cancelled_at_the_upstream_and_was_not_run() {
    for what in ["cancel", "reset", "gone"] {
        let (mut near, mut far, _, _server) = half_a_request().await;
        match what {
            "cancel" => near.say(CANCEL, 0, &[]).await,
            "reset" => near.say(RESET, 0, b"\0\0\0\x0fbroken").await,
            _ => near.0.shutdown().await.unwrap(),
        }
        let (kind, ..) = far.hear(&[CANCEL, FRAGMENT, REPLY]).await;
        assert_eq!(kind, CANCEL, "{what}");
        if what == "gone" {
            continue;
        }
        let (_, flags, body) = near.hear(&[REPLY]).await;
        assert_eq!(flags & 0x30, 0x30, "{what}: STATUS, and NOT_RUN");
        let code = if what == "reset" { 15 } else { 1 };
        assert_eq!(body[..4], [0, 0, 0, code], "{what}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_reset_and_one_that_nobody_wants_is_given_up() {
    for what in ["gone", "reset", "cancel"] {
        let (mut near, mut far, mut came, _server) = half_a_request().await;
        near.say_part(TOTAL / 2..TOTAL).await;
        far.hear_more(&mut came, TOTAL).await;
        far.say(REPLY, FRAGMENTED, &total()).await;
        far.say_part(0..TOTAL / 2).await;
        near.hear_part(REPLY, TOTAL / 2).await;
        match what {
            "gone" => drop(far),
            "reset" => far.say(RESET, 0, b"\0\0\0\x0fbroken").await,
            _ => {
                near.say(CANCEL, 0, &[]).await;
                near.hear(&[RESET]).await;
                // Though nothing more comes from there.
                far.hear(&[CANCEL]).await;
                continue;
            }
        }
        let (kind, _, body) = near.hear(&[RESET, FRAGMENT]).await;
        assert_eq!(kind, RESET, "{what}");
        let code = if what == "reset" { 15 } else { 14 };
        assert_eq!(body[..4], [0, 0, 0, code], "{what}");
    }
}

#[tokio::test]
async fn items_pass_before_they_are_whole_both_ways_and_break_off_where_they_went() {
    for ends in [true, false] {
        let (mut near, listener, _server) = proxied().await;
        near.say(CALL, NAMED | STREAM, &opening()).await;
        let mut far = accept(&listener).await;
        far.hear(&[CALL]).await;
        near.say(ITEM, FRAGMENTED, &total()).await;
        near.say_part(0..TOTAL / 2).await;
        far.lend().await;
        let mut up = far.hear_part(ITEM, TOTAL / 2).await;
        far.say(ITEM, FRAGMENTED, &total()).await;
        far.say_part(0..TOTAL / 2).await;
        near.lend().await;
        let mut down = near.hear_part(ITEM, TOTAL / 2).await;
        if ends {
            near.say_part(TOTAL / 2..TOTAL).await;
            far.hear_more(&mut up, TOTAL).await;
            far.say_part(TOTAL / 2..TOTAL).await;
            near.hear_more(&mut down, TOTAL).await;
            assert!(up == message_bytes() && down == message_bytes());
            continue;
        }
        near.say(RESET, 0, b"\0\0\0\x0fbroken").await;
        let (kind, _, body) = far.hear(&[RESET, FRAGMENT]).await;
        assert_eq!((kind, &body[..4]), (RESET, &[0, 0, 0, 15][..]));
        far.say(RESET, 0, b"\0\0\0\x0abroken").await;
        let (kind, _, body) = near.hear(&[RESET, FRAGMENT]).await;
        assert_eq!((kind, &body[..4]), (RESET, &[0, 0, 0, 10][..]));
    }
}

/// More of them than a task may read in one go, and half of a large one behind.
#[tokio::test]
async fn a_large_item_passes_behind_all_the_small_ones_that_came_before_it() {
    const MANY: u16 = 2_000;
    let (mut near, listener, _server) = proxied().await;
    near.say(CALL, NAMED | STREAM, &opening()).await;
    let mut far = accept(&listener).await;
    far.hear(&[CALL]).await;
    far.say(CREDIT, 0, &(1_u64 << 20).to_be_bytes()).await;
    let one = [0, 0, 0, 1];
    let mut said: Vec<u8> = (0..MANY).flat_map(|n| frame(ITEM, 0, one, &n.to_be_bytes())).collect();
    said.extend(frame(ITEM, FRAGMENTED, one, &total()));
    said.extend(message_bytes()[..TOTAL / 2].chunks(PIECE).flat_map(|piece| frame(FRAGMENT, 0, one, piece)));
    within(near.0.write_all(&said)).await.unwrap();
    for n in 0..MANY {
        assert_eq!(far.hear(&[ITEM, FRAGMENT]).await, (ITEM, 0, n.to_be_bytes().to_vec()));
    }
    let mut came = far.hear_part(ITEM, TOTAL / 2).await;
    near.say_part(TOTAL / 2..TOTAL).await;
    far.hear_more(&mut came, TOTAL).await;
    assert!(came == message_bytes());
}

#[tokio::test]
async fn the_request_of_a_server_stream_passes_before_it_is_whole_or_breaks_off_where_it_went() {
    for breaks in [false, true] {
        let (mut near, listener, _server) = proxied().await;
        let opening = [opening(), total().to_vec()].concat();
        near.say(CALL, FRAGMENTED | END | NAMED | STREAM, &opening).await;
        near.say_part(0..TOTAL / 2).await;
        let mut far = accept(&listener).await;
        let mut came = far.hear_part(CALL, TOTAL / 2).await;
        if breaks {
            near.say(RESET, 0, b"\0\0\0\x0fbroken").await;
            far.hear(&[CANCEL]).await;
            let (_, flags, body) = near.hear(&[REPLY]).await;
            assert_eq!((flags & 0x30, &body[..4]), (0x30, &[0, 0, 0, 15][..]), "STATUS, and NOT_RUN");
            continue;
        }
        near.say_part(TOTAL / 2..TOTAL).await;
        far.hear_more(&mut came, TOTAL).await;
        assert_eq!(came, message_bytes());
        far.say(ITEM, 0, b"one").await;
        far.say(REPLY, 0, &[]).await;
        assert_eq!(near.hear(&[ITEM, REPLY]).await, (ITEM, 0, b"one".to_vec()));
        assert_eq!(near.hear(&[REPLY]).await.0, REPLY);
    }
}

/// What a request was charged is given back where it came from when its bytes go: here under the very lock that this takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_goes_back_the_way_it_came_does_not_lock_its_session_up_when_that_ends() {
    let router = Router::new().fallback(|ctx: Context, call: RawCall| async move {
        let back = Caller::from(ctx.session());
        call.forward(&back).await
    });
    let server = Running::start(Server::new(router)).await;
    let (mut peer, ours) = tokio::io::duplex(1 << 10);
    let session = server.handle.serve_over(ours).unwrap();
    peer.write_all(&HELLO).await.unwrap();
    for number in [1, 2] {
        let mut said = Vec::from(((6 + opening().len() + TOTAL) as u32).to_be_bytes());
        said.extend([CALL, END | NAMED, 0, 0, 0, number]);
        said.extend(opening());
        said.extend(message_bytes());
        within(peer.write_all(&said)).await.unwrap();
        // Of the first a part is back, and the driver has the rest of it; so the second waits behind it.
        within(peer.read_exact(&mut [0; 2_000])).await.unwrap();
        until(|| session.stats().calls_out == usize::from(number)).await;
    }
    until(|| session.stats().unsent_bytes >= TOTAL).await;
    drop(peer);
    within(session.closed()).await;
    until(|| session.is_closed()).await;
}

/// Panics when it is asked where calls go.
struct Lost;

impl Fallback for Lost {
    async fn call(&self, _: &Context, call: RawCall) -> Result<Raw, Status> {
        Ok(Raw(call.payload().clone()))
    }

    fn forwards_to(&self, _: &Context) -> Option<Caller> {
        panic!("as the test wants")
    }
}

#[tokio::test]
async fn a_fallback_that_panics_when_it_is_asked_where_to_costs_the_call_alone() {
    let (mut near, _server) = line(Router::new().fallback(Lost)).await;
    near.say(CALL, FRAGMENTED | END | NAMED, &[opening(), total().to_vec()].concat()).await;
    near.say_part(0..TOTAL).await;
    let (_, flags, body) = near.hear(&[REPLY]).await;
    assert_eq!((flags & 0x10, &body[..4]), (0x10, &[0, 0, 0, 13][..]), "INTERNAL");
    near.say(CALL, END | NAMED, &[opening(), b"small".to_vec()].concat()).await;
    assert_eq!(near.hear(&[REPLY]).await.2[..4], [0, 0, 0, 13]);
}
