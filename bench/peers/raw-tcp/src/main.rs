//! The yardstick below all others: bytes there and back over plain TCP, one connection a task, nothing decoded.

use std::process::ExitCode;
use std::sync::Arc;

use bench_harness::{Checked, Client, Job, Kind, Payload, Peer, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

struct RawTcp;

impl Peer for RawTcp {
    const CAN: &'static [Kind] = &[Kind::Echo, Kind::Idle];
    const CONNECTION_PER_TASK: bool = true;

    type Client = Connection;

    async fn serve(job: Job) -> Result<()> {
        let listener = TcpListener::bind(job.addr).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(give_back(stream, job.size));
        }
    }

    async fn connect(job: &Job) -> Result<Connection> {
        let stream = TcpStream::connect(job.addr).await?;
        stream.set_nodelay(true)?;
        Ok(Connection(Arc::new(Mutex::new(Buffers { stream, out: Vec::new(), back: Vec::new() }))))
    }
}

/// Each message whole, then back.
async fn give_back(mut stream: TcpStream, size: usize) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; size];
    loop {
        stream.read_exact(&mut buffer).await?;
        stream.write_all(&buffer).await?;
    }
}

/// Never contended: one task has it.
#[derive(Clone)]
struct Connection(Arc<Mutex<Buffers>>);

struct Buffers {
    stream: TcpStream,
    out: Vec<u8>,
    back: Vec<u8>,
}

impl Client for Connection {
    async fn echo(&self, payload: Payload) -> Result<Checked> {
        let Buffers { stream, out, back } = &mut *self.0.lock().await;
        let body = payload.size - payload.body.len();
        if out.len() != payload.size {
            out.resize(payload.size, 0);
            back.resize(payload.size, 0);
            out[body..].copy_from_slice(&payload.body);
        }
        out[..8].copy_from_slice(&payload.seq.to_be_bytes());
        stream.write_all(out).await?;
        stream.read_exact(back).await?;
        let seq = back.first_chunk().copied().map_or(0, u64::from_be_bytes);
        payload.check(seq, &back[body..])
    }
}

fn main() -> ExitCode {
    bench_harness::run::<RawTcp>()
}
