//! Messages with large fields of bytes, which travel without being copied: byte by byte the same, whatever stands around the
//! field, whichever way they go, wherever they are cut.

use bytes::Bytes;
use protocall::{Channel, Code, Context, RecvStream, Router, SendStream, Server, Status};
use tokio::sync::mpsc;

use crate::support::{Running, within};

#[protocall::message]
#[derive(Eq)]
pub(crate) struct Parcel {
    #[prost(string, tag = "1")]
    before: String,
    #[prost(bytes = "bytes", tag = "2")]
    plain: Bytes,
    #[prost(bytes = "bytes", optional, tag = "3")]
    optional: Option<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "4")]
    many: Vec<Bytes>,
    #[prost(message, optional, boxed, tag = "5")]
    inner: Option<Box<Self>>,
    #[prost(bytes = "vec", tag = "6")]
    copied: Vec<u8>,
    #[prost(uint64, tag = "7")]
    after: u64,
}

#[protocall::service(package = "parcels.v1")]
pub(crate) trait Parcels {
    async fn echo(&self, ctx: &Context, req: Parcel) -> Result<Parcel, Status>;
    async fn twice(&self, ctx: &Context, req: Parcel, out: SendStream<Parcel>) -> Result<(), Status>;
    async fn last(&self, ctx: &Context, input: RecvStream<Parcel>) -> Result<Parcel, Status>;
    async fn converse(
        &self,
        ctx: &Context,
        input: RecvStream<Parcel>,
        out: SendStream<Parcel>,
    ) -> Result<(), Status>;
    #[method(push)]
    async fn told(&self, ctx: &Context, note: Parcel) -> Result<(), Status>;
}

struct Office(mpsc::Sender<Parcel>);

impl Parcels for Office {
    async fn echo(&self, _: &Context, req: Parcel) -> Result<Parcel, Status> {
        Ok(req)
    }

    async fn twice(&self, _: &Context, req: Parcel, mut out: SendStream<Parcel>) -> Result<(), Status> {
        out.send(req.clone()).await?;
        out.send(req).await
    }

    async fn last(&self, _: &Context, mut input: RecvStream<Parcel>) -> Result<Parcel, Status> {
        let mut last = Parcel::default();
        while let Some(parcel) = input.next().await? {
            last = parcel;
        }
        Ok(last)
    }

    async fn converse(
        &self,
        _: &Context,
        mut input: RecvStream<Parcel>,
        mut out: SendStream<Parcel>,
    ) -> Result<(), Status> {
        while let Some(parcel) = input.next().await? {
            out.send(parcel).await?;
        }
        Ok(())
    }

    async fn told(&self, _: &Context, note: Parcel) -> Result<(), Status> {
        self.0.try_send(note).map_err(|_| Status::cancelled("the test is over"))
    }
}

/// Its bytes tell where they stand.
fn bytes(len: usize) -> Bytes {
    (0..len).map(|at| (at % 253) as u8 ^ (at >> 12) as u8).collect()
}

/// A field of so many bytes, of each kind, alone and with others around.
fn parcels(len: usize) -> Vec<Parcel> {
    let (body, bare) = (bytes(len), Parcel::default());
    let around = Parcel { before: "before".into(), after: 7, ..bare.clone() };
    let plain = Parcel { plain: body.clone(), ..around.clone() };
    vec![
        Parcel { plain: body.clone(), ..bare.clone() },
        Parcel { optional: Some(body.clone()), ..bare },
        plain.clone(),
        Parcel { optional: Some(body.clone()), copied: bytes(20_000).to_vec(), ..plain.clone() },
        Parcel { many: vec![body.clone(), Bytes::new(), body.slice(len / 3..), bytes(3)], ..around.clone() },
        Parcel { inner: Some(Box::new(plain)), plain: body, ..around },
    ]
}

/// Around what is linked (16 KiB) and what a frame holds (`max_fragment`, 64 KiB), and of many frames.
const SIZES: [usize; 15] = [
    0, 1, 16_383, 16_384, 16_385, 65_000, 65_520, 65_531, 65_532, 65_533, 65_536, 65_537, 131_072, 300_000,
    1_000_000,
];

async fn office() -> (Running, ParcelsClient, mpsc::Receiver<Parcel>) {
    let (notes, told) = mpsc::channel(8);
    let router = Router::new().add(ParcelsServer::new(Office(notes)));
    let server = Running::start(Server::new(router).listen("tcp://127.0.0.1:0")).await;
    let client = ParcelsClient::new(Channel::connect(&server.uri).await.unwrap());
    (server, client, told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_fields_arrive_as_they_were_whichever_way_they_go() {
    let (_server, client, mut told) = office().await;
    for (len, parcel) in SIZES.into_iter().flat_map(|len| parcels(len).into_iter().map(move |p| (len, p))) {
        let same = |came: &Parcel| assert!(*came == parcel, "a parcel of {len} bytes came as another");
        same(&within(client.echo(parcel.clone())).await.unwrap());
        within(client.told(parcel.clone())).await.unwrap();
        same(&within(told.recv()).await.unwrap());
        let mut twice = within(client.twice(parcel.clone())).await.unwrap();
        while let Some(item) = within(twice.next()).await.unwrap() {
            same(&item);
        }
        let (mut input, last) = within(client.last()).await.unwrap();
        within(input.send(parcel.clone())).await.unwrap();
        within(input.finish()).await.unwrap();
        same(&within(last).await.unwrap());
        let (mut input, mut output) = within(client.converse()).await.unwrap();
        within(input.send(parcel.clone())).await.unwrap();
        within(input.finish()).await.unwrap();
        same(&within(output.next()).await.unwrap().unwrap());
    }
}

#[tokio::test]
async fn fragments_of_any_size_cut_large_fields_anywhere() {
    for fragment in [16_384, 16_391, 20_000, 50_001, 1 << 20] {
        let router = Router::new().add(ParcelsServer::new(Office(mpsc::channel(8).0)));
        let server = Server::new(router).max_fragment(fragment).listen("tcp://127.0.0.1:0");
        let server = Running::start(server).await;
        let channel = Channel::builder(&server.uri).max_fragment(fragment).connect().await.unwrap();
        let client = ParcelsClient::new(channel);
        for parcel in [16_384, 40_000, 65_536, 200_001].into_iter().flat_map(parcels) {
            assert!(within(client.echo(parcel.clone())).await.unwrap() == parcel, "{fragment}");
        }
    }
}

#[tokio::test]
async fn a_push_to_many_has_its_large_fields_too() {
    let (notes, mut told) = mpsc::channel(8);
    let server = Running::start(Server::new(Router::new()).listen("tcp://127.0.0.1:0")).await;
    let mut channels = Vec::new();
    for _ in 0..3 {
        let serves = Router::new().add(ParcelsServer::new(Office(notes.clone())));
        channels.push(Channel::builder(&server.uri).serve(serves).connect().await.unwrap());
    }
    crate::support::until(|| server.handle.registry().len() == 3).await;
    let all = ParcelsClient::new(server.handle.registry());
    for parcel in [16_383, 16_384, 40_000, 70_000, 300_000].into_iter().flat_map(parcels) {
        assert_eq!(all.told(parcel.clone()).queue().reached(), 3);
        for _ in 0..3 {
            assert!(within(told.recv()).await.unwrap() == parcel);
        }
    }
}

#[tokio::test]
async fn what_is_as_large_as_may_be_goes_and_one_byte_more_is_refused_and_may_be_sent_smaller() {
    let (_server, client, _told) = office().await;
    // Key and length of the field take five bytes.
    let largest = (4 << 20) - 5;
    let parcel = |len| Parcel { plain: bytes(len), ..Parcel::default() };
    for _ in 0..2 {
        assert!(within(client.echo(parcel(largest))).await.unwrap() == parcel(largest));
        let refused = within(client.echo(parcel(largest + 1))).await.unwrap_err();
        assert_eq!(refused.code(), Code::RESOURCE_EXHAUSTED);
        assert!(refused.message().contains("max_message") && !refused.may_have_run(), "{refused}");
    }
}
