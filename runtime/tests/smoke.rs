use protocall::__private::v1::{self, Handling, Incoming, Service};
use protocall::*;
use std::time::Duration;

struct Echo;
static SPEC: ServiceSpec = ServiceSpec::new(
    "t.Echo",
    const {
        &[
            MethodSpec::new("t.Echo/Echo", MethodKind::Unary),
            MethodSpec::new("t.Echo/Slow", MethodKind::Unary),
            MethodSpec::new("t.Echo/Panic", MethodKind::Unary),
            MethodSpec::new("t.Echo/Note", MethodKind::Push),
        ]
    },
);
impl Service for Echo {
    fn spec(&self) -> &'static ServiceSpec {
        &SPEC
    }
    fn dispatch(&self, m: usize, call: Incoming) -> Handling {
        match m {
            0 => call.unary(|_c: Context, r: Raw| async move { Ok::<Raw, Status>(r) }),
            1 => call.unary(|_c: Context, r: Raw| async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Ok::<Raw, Status>(r)
            }),
            2 => call.unary(|_c: Context, _r: Raw| async move {
                if true {
                    panic!("boom")
                }
                Ok::<Raw, Status>(Raw::default())
            }),
            3 => call.push(|c: Context, r: Raw| async move {
                v1::push::<Raw>(&c.session().into(), &SPEC.methods[3], r).await
            }),
            _ => call.unimplemented(),
        }
    }
}
#[tokio::test(flavor = "multi_thread")]
async fn smoke() {
    let bound = Server::new(Router::new().add(Echo)).listen("tcp://127.0.0.1:0").bind().await.unwrap();
    let uri = bound.local_addrs()[0].to_string();
    let (tx, rx) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(bound.serve_until(async {
        rx.await.ok();
    }));
    let channel = Channel::connect(&uri).await.unwrap();
    let caller = Caller::from(&channel);
    let call = |m: usize, b: &[u8]| v1::unary::<Raw, Raw>(&caller, &SPEC.methods[m], Raw(b.to_vec().into()));
    assert_eq!(&call(0, b"hi").await.unwrap().0[..], b"hi");
    assert_eq!(&call(0, b"").await.unwrap().0[..], b"");
    let big = vec![7u8; 4 << 20];
    assert_eq!(&call(0, &big).await.unwrap().0[..], &big[..]);
    println!("{:?}", call(0, &vec![7u8; (4 << 20) + 1]).await);
    println!("{:?}", call(2, b"x").await);
    println!("{:?}", call(1, b"x").timeout(Duration::from_millis(10)).await);
    println!("{:?}", call(1, b"x").await);
    println!("{:?}", caller.call_raw("no.Such/Thing", b"abc".to_vec()).await);
    v1::push::<Raw>(&caller, &SPEC.methods[3], Raw(b"note".to_vec().into())).await.unwrap();
    let session = channel.session().await.unwrap();
    session.flushed().await.unwrap();
    let t = std::time::Instant::now();
    for _ in 0..2000 {
        call(0, b"0123456789").await.unwrap();
    }
    println!("c1 {:?}", t.elapsed() / 2000);
    let t = std::time::Instant::now();
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let caller = caller.clone();
            tokio::spawn(async move {
                for _ in 0..2000 {
                    v1::unary::<Raw, Raw>(&caller, &SPEC.methods[0], Raw(vec![1u8; 100].into()))
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    for t in tasks {
        t.await.unwrap();
    }
    println!("c64 {:?}/s", 128000.0 / t.elapsed().as_secs_f64());
    println!("{:?}", session.stats());
    tx.send(()).unwrap();
    println!("{}", server.await.unwrap());
    println!("{:?}", session.closed().await);
}
