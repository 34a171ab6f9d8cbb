//! A pipeline leaves in one write, whoever asks and on whatever runtime: counted on a socket that notes each write.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as Cx, Poll};

use bytes::Bytes;
use protocall::{Channel, Server, Session, pipeline};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use crate::support::{Ends, Over, Running, echo, host, idle, message, within};

/// A stream that notes how much each write was given.
struct Noted(TcpStream, Arc<Mutex<Vec<usize>>>);

impl AsyncRead for Noted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Cx<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Noted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Cx<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Cx<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self(io, notes) = self.get_mut();
        notes.lock().unwrap().push(slices.iter().map(|slice| slice.len()).sum());
        Pin::new(io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}

/// Asks so many calls of 100 bytes on a connection that has made one before; gives the bytes of the first write after.
async fn first_write<Fut: Future<Output = Vec<usize>>>(ask: impl FnOnce(Session) -> Fut, calls: usize) {
    let server = Running::start(Server::new(host().router()).listen("tcp://127.0.0.1:0")).await;
    let stream = TcpStream::connect(server.uri.trim_start_matches("tcp://")).await.unwrap();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let near = Noted(stream, Arc::clone(&notes));
    let channel = Channel::builder("tcp://noted:1").connect_over(near).await.unwrap();
    let session = channel.session().await.unwrap();
    echo(&session).echo(message("first")).await.unwrap();
    idle(&session).await;
    notes.lock().unwrap().clear();
    let answers = within(ask(session)).await;
    assert_eq!(answers, vec![100; calls]);
    let writes = notes.lock().unwrap().clone();
    assert!(writes[0] >= calls * 100, "the first write had {} bytes: {writes:?}", writes[0]);
}

async fn ask_many(session: Session, calls: usize) -> Vec<usize> {
    let client = echo(&session);
    let answers = pipeline((0..calls).map(|_| client.echo(message([1; 100])))).await;
    answers.into_iter().map(|answer| answer.unwrap().payload.len()).collect()
}

async fn ask_three(session: Session) -> Vec<usize> {
    let client = echo(&session);
    let call = || client.echo(message([1; 100]));
    let (a, b, c) = pipeline::mixed((call(), call(), call())).await;
    [a, b, c].map(|answer| answer.unwrap().payload.len()).into()
}

fn runtimes() -> [Runtime; 3] {
    let of = |workers| Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap();
    [Builder::new_current_thread().enable_all().build().unwrap(), of(1), of(2)]
}

#[test]
fn a_pipeline_leaves_in_one_write() {
    for runtime in runtimes() {
        // From outside of the runtime's workers, where the driver runs beside it, and from a task.
        runtime.block_on(first_write(|session| ask_many(session, 250), 250));
        runtime.block_on(first_write(ask_three, 3));
        let from_task = |session| async { tokio::spawn(ask_many(session, 250)).await.unwrap() };
        runtime.block_on(first_write(from_task, 250));
    }
    // Where nothing runs beside it, all of the largest that is asked at once.
    let [alone, ..] = runtimes();
    alone.block_on(first_write(|session| ask_many(session, 1_024), 1_024));
}

#[test]
fn a_pipeline_in_a_handler_leaves_in_one_write() {
    for runtime in runtimes() {
        let ask = |session: Session| async move {
            let host = host().on_call(move |_, _| {
                let session = session.clone();
                async move {
                    let sizes = ask_many(session, 200).await;
                    Ok(Bytes::from(vec![1; sizes.len()]))
                }
            });
            let front = Ends::new(Over::Memory, &host).await;
            let asked = echo(&front.near).echo(message("")).await.unwrap();
            vec![100; asked.payload.len()]
        };
        runtime.block_on(first_write(ask, 200));
    }
}
