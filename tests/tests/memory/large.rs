//! Large messages: their bytes are not copied on their way out.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use protocall::{Channel, Router, Server};
use protocall_tests::proto::echo::v1::{EchoClient, EchoRequest, EchoServer};

use super::{Host, LARGE};

/// A block for the request where the handler is, one for its answer at the caller: whoever sends needs none. Later calls have
/// both from those before.
pub(crate) async fn a_large_message_has_room_made_for_it_only_where_it_is_read() {
    let router = Router::new().add(EchoServer::new(Host { pends: false }));
    let bound = Server::new(router).listen("tcp://127.0.0.1:0").bind().await.unwrap();
    let address = bound.local_addrs()[0].to_string();
    let serving = tokio::spawn(bound.serve());
    let client = EchoClient::new(Channel::connect(address).await.unwrap());
    let payload = Bytes::from(vec![7; 1 << 20]);
    for blocks in [2, 0, 0, 0] {
        let before = LARGE.load(Ordering::Relaxed);
        let reply = client.echo(EchoRequest { payload: payload.clone() }).await.unwrap();
        let made = LARGE.load(Ordering::Relaxed) - before;
        println!("a call of a MiB: {made} blocks of half of that or more");
        assert!(made <= blocks, "{made} large blocks, where {blocks} do");
        assert_eq!(reply.payload, payload);
    }
    serving.abort();
}
