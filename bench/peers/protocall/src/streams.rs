//! Streams, each way and both.

use std::time::Duration;

use bench_harness::{Checked, Held, Payload, Result, Source, Supply, Tally, Wanted};
use protocall::{Context, RecvStream, SendStream, Status};

use crate::packet;
use crate::proto::bench::v1::{Nothing, Packet, Streams, StreamsClient, Tally as Told, Wanted as Asked};

/// Longer than any run takes.
const EVER: u64 = 3_600_000;

#[derive(Default)]
pub struct Flows(Supply);

impl Streams for Flows {
    async fn down(&self, _: &Context, asked: Asked, mut out: SendStream<Packet>) -> Result<(), Status> {
        let wanted = Wanted { size: asked.size as usize, time: Duration::from_millis(asked.millis) };
        for payload in self.0.source(wanted) {
            out.send(packet(payload)).await?;
        }
        Ok(())
    }

    async fn sent(&self, _: &Context, _: Nothing) -> Result<Told, Status> {
        Ok(tell(self.0.sent()))
    }

    async fn up(&self, _: &Context, packets: RecvStream<Packet>) -> Result<Told, Status> {
        Ok(tell(tally(packets).await?))
    }

    async fn both(
        &self,
        _: &Context,
        mut packets: RecvStream<Packet>,
        mut out: SendStream<Packet>,
    ) -> Result<(), Status> {
        while let Some(packet) = packets.next().await? {
            out.send(packet).await?;
        }
        Ok(())
    }
}

/// What comes, until the stream ends.
async fn tally(mut packets: RecvStream<Packet>) -> Result<Tally, Status> {
    let mut tally = Tally::default();
    while let Some(packet) = packets.next().await? {
        tally.add(packet.seq, &packet.body);
    }
    Ok(tally)
}

fn tell(Tally { count, sum, in_order }: Tally) -> Told {
    Told { count, sum, in_order }
}

fn told(Told { count, sum, in_order }: Told) -> Tally {
    Tally { count, sum, in_order }
}

async fn send(mut out: SendStream<Packet>, source: Source) -> Result<(), Status> {
    for payload in source {
        out.send(packet(payload)).await?;
    }
    out.finish().await
}

pub async fn down(client: &StreamsClient, wanted: Wanted) -> Result<[Tally; 2]> {
    let asked = Asked { size: wanted.size as u32, millis: wanted.time.as_millis() as u64 };
    let arrived = tally(client.down(asked).await?).await?;
    Ok([told(client.sent(Nothing {}).await?), arrived])
}

pub async fn up(client: &StreamsClient, source: Source) -> Result<Tally> {
    let (out, reply) = client.up().await?;
    send(out, source).await?;
    Ok(told(reply.await?))
}

pub async fn both(client: &StreamsClient, source: Source) -> Result<Tally> {
    let (out, back) = client.both().await?;
    let sender = tokio::spawn(send(out, source));
    let arrived = tally(back).await?;
    sender.await??;
    Ok(arrived)
}

pub async fn round_trips(client: &StreamsClient, items: impl Iterator<Item = Payload> + Send) -> Result<()> {
    let (mut out, mut back) = client.both().await?;
    for payload in items {
        round_trip(&mut out, &mut back, &payload).await?;
    }
    Ok(out.finish().await?)
}

async fn round_trip(
    out: &mut SendStream<Packet>,
    back: &mut RecvStream<Packet>,
    payload: &Payload,
) -> Result<Checked> {
    out.send(packet(payload.clone())).await?;
    let reply = back.next().await?.ok_or("the stream ended")?;
    payload.check(reply.seq, &reply.body)
}

pub async fn unread(client: &StreamsClient, size: usize) -> Result<Held> {
    let stream = client.down(Asked { size: size as u32, millis: EVER }).await?;
    Ok(Box::new(stream))
}

pub async fn rest(client: &StreamsClient, payload: &Payload) -> Result<Held> {
    let (mut out, mut back) = client.both().await?;
    round_trip(&mut out, &mut back, payload).await?;
    Ok(Box::new((out, back)))
}
