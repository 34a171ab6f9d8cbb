//! Handlers that block their thread on a runtime that has nothing else to do: when the worker blocks that waited for
//! sockets, tokio sends no other to wait for them by itself. The other end has a runtime of its own, so that nothing it
//! does wakes a worker of this one.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use protocall::{Channel, Server};
use tokio::runtime::{Builder, Runtime};

use crate::support::{Running, echo, host, message, within};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn a_push_whose_handler_blocks_its_thread_holds_up_no_call() {
    for swapped in [false, true] {
        let (quiet, other) = (runtime(), runtime());
        let (enters, entered) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let (release, released) = (Arc::new(Mutex::new(release)), Arc::new(Mutex::new(released)));
        let host = host()
            .on_note(move |_, _| {
                enters.send(()).unwrap();
                tell.send(released.lock().unwrap().recv_timeout(Duration::from_secs(20)).is_ok()).unwrap();
                async { Ok(()) }
            })
            .on_call(move |_, payload| {
                release.lock().unwrap().send(()).unwrap();
                async move { Ok(payload) }
            });
        let (acceptor, dialler) = if swapped { (&other, &quiet) } else { (&quiet, &other) };
        let listening = Server::new(host.router()).listen("tcp://127.0.0.1:0");
        let server = acceptor.block_on(Running::start(listening));
        let builder = Channel::builder(&server.uri).serve(host.router());
        let channel = dialler.block_on(builder.connect()).unwrap();
        let pusher = match swapped {
            true => server.handle.sessions().pop().unwrap(),
            false => dialler.block_on(channel.session()).unwrap(),
        };
        other.block_on(async {
            within(echo(&pusher).note(message("block"))).await.unwrap();
            entered.recv_timeout(Duration::from_secs(60)).unwrap();
            // It lets the handler go on.
            within(echo(&pusher).echo(message("go"))).await.unwrap();
        });
        assert!(told.recv().unwrap(), "the call waited for the push");
        other.shutdown_background();
        quiet.shutdown_background();
    }
}
