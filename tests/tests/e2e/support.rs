//! What the tests share: a service whose handlers are closures, two ends that both serve it, and waiting with a bound.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use protocall::{
    Channel, ChannelBuilder, Context, Proxy, RecvStream, Report, Router, SendStream, Server, ServerHandle,
    Session, Status,
};
use protocall_tests::proto::echo::v1::{Echo, EchoClient, EchoReply, EchoRequest, EchoServer, RepeatRequest};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type OnCall = Arc<dyn Fn(Context, Bytes) -> BoxFuture<Result<Bytes, Status>> + Send + Sync>;
type OnNote = Arc<dyn Fn(Context, Bytes) -> BoxFuture<Result<(), Status>> + Send + Sync>;

type OnRepeat =
    Arc<dyn Fn(Context, RepeatRequest, SendStream<EchoReply>) -> BoxFuture<Result<(), Status>> + Send + Sync>;
type OnGather =
    Arc<dyn Fn(Context, RecvStream<EchoRequest>) -> BoxFuture<Result<EchoReply, Status>> + Send + Sync>;
type OnConverse = Arc<
    dyn Fn(Context, RecvStream<EchoRequest>, SendStream<EchoReply>) -> BoxFuture<Result<(), Status>>
        + Send
        + Sync,
>;

/// The service `Echo` with closures for handlers. By itself it gives back what it gets and forgets notes.
#[derive(Clone)]
pub(crate) struct Host {
    call: OnCall,
    note: OnNote,
    repeat: OnRepeat,
    gather: OnGather,
    converse: OnConverse,
}

/// A host that echoes.
pub(crate) fn host() -> Host {
    Host {
        call: Arc::new(|_, payload| Box::pin(async move { Ok(payload) })),
        note: Arc::new(|_, _| Box::pin(async { Ok(()) })),
        repeat: Arc::new(|_, req, out| Box::pin(repeat(req, out))),
        gather: Arc::new(|_, input| Box::pin(gather(input))),
        converse: Arc::new(|_, input, out| Box::pin(converse(input, out))),
    }
}

/// Gives it back so many times, each with its number.
async fn repeat(req: RepeatRequest, mut out: SendStream<EchoReply>) -> Result<(), Status> {
    for n in 0..req.times {
        let text = format!("{n}:{}", String::from_utf8_lossy(&req.payload));
        out.send(EchoReply { payload: text.into() }).await?;
    }
    Ok(())
}

async fn gather(mut input: RecvStream<EchoRequest>) -> Result<EchoReply, Status> {
    let mut all = Vec::new();
    while let Some(item) = input.next().await? {
        all.extend_from_slice(&item.payload);
    }
    Ok(EchoReply { payload: all.into() })
}

async fn converse(mut input: RecvStream<EchoRequest>, mut out: SendStream<EchoReply>) -> Result<(), Status> {
    while let Some(item) = input.next().await? {
        out.send(EchoReply { payload: item.payload }).await?;
    }
    Ok(())
}

impl Host {
    pub(crate) fn on_call<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Context, Bytes) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Bytes, Status>> + Send + 'static,
    {
        self.call = Arc::new(move |ctx, payload| Box::pin(handler(ctx, payload)));
        self
    }

    pub(crate) fn on_note<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Context, Bytes) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Status>> + Send + 'static,
    {
        self.note = Arc::new(move |ctx, payload| Box::pin(handler(ctx, payload)));
        self
    }

    pub(crate) fn on_repeat<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Context, RepeatRequest, SendStream<EchoReply>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Status>> + Send + 'static,
    {
        self.repeat = Arc::new(move |ctx, req, out| Box::pin(handler(ctx, req, out)));
        self
    }

    pub(crate) fn on_gather<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Context, RecvStream<EchoRequest>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<EchoReply, Status>> + Send + 'static,
    {
        self.gather = Arc::new(move |ctx, input| Box::pin(handler(ctx, input)));
        self
    }

    pub(crate) fn on_converse<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Context, RecvStream<EchoRequest>, SendStream<EchoReply>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Status>> + Send + 'static,
    {
        self.converse = Arc::new(move |ctx, input, out| Box::pin(handler(ctx, input, out)));
        self
    }

    pub(crate) fn router(&self) -> Router {
        Router::new().add(EchoServer::new(self.clone()))
    }
}

impl Echo for Host {
    async fn echo(&self, ctx: &Context, req: EchoRequest) -> Result<EchoReply, Status> {
        (self.call)(ctx.clone(), req.payload).await.map(|payload| EchoReply { payload })
    }

    async fn note(&self, ctx: &Context, req: EchoRequest) -> Result<(), Status> {
        (self.note)(ctx.clone(), req.payload).await
    }

    async fn repeat(
        &self,
        ctx: &Context,
        req: RepeatRequest,
        out: SendStream<EchoReply>,
    ) -> Result<(), Status> {
        (self.repeat)(ctx.clone(), req, out).await
    }

    async fn gather(&self, ctx: &Context, input: RecvStream<EchoRequest>) -> Result<EchoReply, Status> {
        (self.gather)(ctx.clone(), input).await
    }

    async fn converse(
        &self,
        ctx: &Context,
        input: RecvStream<EchoRequest>,
        out: SendStream<EchoReply>,
    ) -> Result<(), Status> {
        (self.converse)(ctx.clone(), input, out).await
    }
}

pub(crate) fn message(payload: impl AsRef<[u8]>) -> EchoRequest {
    EchoRequest { payload: Bytes::copy_from_slice(payload.as_ref()) }
}

pub(crate) fn echo(session: &Session) -> EchoClient {
    EchoClient::new(session)
}

/// What the two ends are joined by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Tcp,
    Unix,
    Memory,
    /// TCP to a proxy, and from that to the other end.
    Proxied,
}

/// A server that runs.
pub(crate) struct Running {
    pub(crate) handle: ServerHandle,
    /// Where it listens, as an address to connect to; empty if nowhere.
    pub(crate) uri: String,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Report>,
}

impl Running {
    pub(crate) async fn start(server: Server) -> Self {
        let bound = server.bind().await.unwrap();
        let uri = bound.local_addrs().first().map(ToString::to_string).unwrap_or_default();
        let handle = bound.handle();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(bound.serve_until(async move {
            let _ = stopped.await;
        }));
        Self { handle, uri, stop: Some(stop), serving }
    }

    /// Lets the server begin to drain; the report comes from [`report`](Self::report).
    pub(crate) fn shut_down(&mut self) {
        self.stop.take();
    }

    pub(crate) async fn report(mut self) -> Report {
        self.shut_down();
        self.serving.await.unwrap()
    }

    /// As if its task was killed: the future that serves is dropped.
    pub(crate) async fn kill(self) {
        self.serving.abort();
        let _ = self.serving.await;
    }
}

/// Two ends of one connection.
pub(crate) struct Ends {
    /// The dialler's end.
    pub(crate) near: Session,
    /// The acceptor's.
    pub(crate) far: Session,
    pub(crate) channel: Channel,
    pub(crate) server: Running,
    /// What stands between them, if anything does.
    pub(crate) proxy: Option<Running>,
}

impl Ends {
    /// Both serve the same host, with the default settings.
    pub(crate) async fn new(over: Over, host: &Host) -> Self {
        Self::with(over, host.router(), host.router(), |s| s, |c| c).await
    }

    pub(crate) async fn with(
        over: Over,
        near: Router,
        far: Router,
        server: impl FnOnce(Server) -> Server,
        channel: impl FnOnce(ChannelBuilder) -> ChannelBuilder,
    ) -> Self {
        // `PROTOCALL_PROXY=1` has every test that takes TCP run through a proxy.
        let over = match over {
            Over::Tcp if std::env::var_os("PROTOCALL_PROXY").is_some() => Over::Proxied,
            over => over,
        };
        let listening = server(Server::new(far));
        let server = Running::start(match over {
            Over::Tcp | Over::Proxied => listening.listen("tcp://127.0.0.1:0"),
            Over::Unix => listening.listen(socket_uri()),
            Over::Memory => listening,
        })
        .await;
        let mut proxy = None;
        let (channel, far) = match over {
            Over::Memory => {
                let (left, right) = tokio::io::duplex(64 << 10);
                let far = server.handle.serve_over(right).unwrap();
                let builder = channel(Channel::builder("tcp://memory:1").serve(near));
                (builder.connect_over(left).await.unwrap(), far)
            }
            Over::Proxied => {
                let upstream = server.uri.clone();
                let between = Proxy::new(move |back| Channel::builder(&upstream).serve(back).connect_lazy());
                let router = Router::new().fallback(between.clone()).fallback_push(between);
                proxy = Some(Running::start(Server::new(router).listen("tcp://127.0.0.1:0")).await);
                let uri = proxy.as_ref().map(|proxy| proxy.uri.clone()).unwrap_or_default();
                let channel = channel(Channel::builder(uri).serve(near)).connect().await.unwrap();
                // The first call connects the two.
                let _ = channel.call_raw("nobody.Serves/This", "").await;
                (channel, server.handle.sessions().pop().unwrap())
            }
            _ => {
                let builder = channel(Channel::builder(&server.uri).serve(near));
                let channel = builder.connect().await.unwrap();
                (channel, server.handle.sessions().pop().unwrap())
            }
        };
        let near = channel.session().await.unwrap();
        Self { near, far, channel, server, proxy }
    }

    /// Each end as the caller.
    pub(crate) fn both(&self) -> [Session; 2] {
        [self.near.clone(), self.far.clone()]
    }

    /// Both ends hold nothing any more.
    pub(crate) async fn idle(&self) {
        idle(&self.near).await;
        idle(&self.far).await;
    }
}

/// A socket's path that is nobody else's.
pub(crate) fn socket_uri() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir();
    format!("unix://{}/protocall-{}-{number}.sock", folder.display(), std::process::id())
}

/// Waits until nothing is in flight at a session and nothing waits to be written.
pub(crate) async fn idle(session: &Session) {
    within(async {
        loop {
            let stats = session.stats();
            let calls = stats.calls_in + stats.calls_out + stats.streams;
            if calls + stats.unsent_bytes == 0 && stats.held_bytes + stats.stream_bytes == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Waits until a condition holds that nothing tells of.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    within(async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Nothing may hang: what is not done in a minute fails.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it hangs")
}

/// Runs `body` with each end as the caller, then with both at once, over each transport. Both ends serve the host.
pub(crate) async fn each_way<Fut>(host: &Host, body: impl Fn(Session) -> Fut)
where
    Fut: Future<Output = ()>,
{
    for over in [Over::Tcp, Over::Unix, Over::Memory, Over::Proxied] {
        let ends = within(Ends::new(over, host)).await;
        within(body(ends.near.clone())).await;
        within(body(ends.far.clone())).await;
        within(async { tokio::join!(body(ends.near.clone()), body(ends.far.clone())) }).await;
        ends.idle().await;
    }
}

/// A HELLO without settings.
pub(crate) const HELLO: [u8; 16] = *b"\0\0\0\x0c\x01\0\0\0\0\0pCal\x01\0";

/// Says that it was dropped.
pub(crate) struct Guard(tokio::sync::mpsc::Sender<&'static str>, &'static str);

impl Guard {
    pub(crate) fn new(to: &tokio::sync::mpsc::Sender<&'static str>, word: &'static str) -> Self {
        Self(to.clone(), word)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.try_send(self.1);
    }
}

/// Pushes until there is no room though everything has arrived; a handler there does not return.
pub(crate) async fn fill(session: &Session, size: usize) {
    let push = || echo(session).note(message(vec![0; size])).try_send().is_ok();
    within(async {
        loop {
            while push() {
                session.flushed().await.unwrap();
            }
            // What was asked for has come once this is answered.
            echo(session).echo(message("")).await.unwrap();
            if !push() {
                return;
            }
        }
    })
    .await;
}
