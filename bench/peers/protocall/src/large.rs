//! Messages of many megabytes: what goes on beside calls.

use std::sync::OnceLock;

use bench_harness::{Checked, Job, Payload, Result, digest};
use bytes::Bytes;
use protocall::{Context, Status};

use crate::proto::bench::v1::{Digest, Large, LargeClient, Packet, Size};

/// The largest message, and what may wait at an end: both have to be raised for such.
pub const LIMITS: [usize; 2] = [64 << 20, 256 << 20];

/// Messages up to here need no other limit than `max_message` is by itself.
const USUAL: usize = 4 << 20;

/// Whether a job needs those.
pub fn needs_limits(job: &Job) -> bool {
    job.size > USUAL || job.beside.is_some_and(|beside| beside.size > USUAL)
}

/// Gives one body again and again: as large as it is asked for first.
#[derive(Default)]
pub struct Bodies(OnceLock<Bytes>);

impl Large for Bodies {
    async fn put(&self, _: &Context, packet: Packet) -> Result<Digest, Status> {
        Ok(Digest { seq: packet.seq, digest: digest(&packet.body) })
    }

    async fn get(&self, _: &Context, size: Size) -> Result<Packet, Status> {
        let body = self.0.get_or_init(|| Payload::new(size.size as usize).body);
        Ok(Packet { seq: size.seq, body: body.clone(), burn_us: 0 })
    }
}

pub async fn put(client: &LargeClient, payload: &Payload) -> Result<Checked> {
    let reply = client.put(crate::packet(payload.clone())).await?;
    payload.check_digest(reply.seq, reply.digest)
}

pub async fn get(client: &LargeClient, payload: &Payload) -> Result<Checked> {
    let reply = client.get(Size { seq: payload.seq, size: payload.size as u32 }).await?;
    payload.check_digest(reply.seq, digest(&reply.body))
}
