//! Streams that nobody reads hold up nobody: calls, pushes, replies, large messages and other streams go on.

use protocall::Code;
use tokio::sync::mpsc;

use super::{drain, reply, times};
use crate::support::*;

#[tokio::test]
async fn beside_streams_that_nobody_reads_everything_else_goes_on_at_full_count() {
    let (took, mut takes) = mpsc::channel::<()>(2_000);
    let host = host()
        .on_note(move |_, _| {
            took.try_send(()).unwrap();
            async { Ok(()) }
        })
        .on_gather(|_, mut input| async move {
            let first = input.next().await?.unwrap();
            if first.payload == "ignore" {
                // It has its reader and does not look.
                std::future::pending::<()>().await;
            }
            let mut count = 1;
            while input.next().await?.is_some() {
                count += 1;
            }
            Ok(reply(format!("{count}")))
        });
    {
        let ends = Ends::new(Over::Tcp, &host).await;
        for session in ends.both() {
            let client = echo(&session);
            let mut unread = Vec::new();
            for _ in 0..32 {
                // Towards us, nobody reads these; towards the other end, these.
                let coming = client.repeat(times(u32::MAX)).await.unwrap();
                let (mut going, answer) = client.gather().await.unwrap();
                going.send(message("ignore")).await.unwrap();
                unread.push((coming, going, answer));
            }
            let mut stuck = Vec::new();
            for (coming, mut going, answer) in unread {
                stuck.push(tokio::spawn(async move {
                    let status = loop {
                        if let Err(status) = going.send(message([7; 3_000])).await {
                            break status;
                        }
                    };
                    drop((coming, answer));
                    status
                }));
            }
            // All of them have come to their credit.
            let full = 32 * ((256 << 10) - 4_000);
            let holds = |session: &protocall::Session| session.stats().stream_bytes > full;
            until(|| holds(&ends.near) && holds(&ends.far)).await;

            for n in 0..1_000 {
                within(client.echo(message(format!("{n}")))).await.unwrap();
            }
            for size in [100_000, 4_000_000] {
                assert_eq!(within(client.echo(message(vec![7; size]))).await.unwrap().payload.len(), size);
            }
            for _ in 0..1_000 {
                within(client.note(message("x"))).await.unwrap();
            }
            within(session.flushed()).await.unwrap();
            for _ in 0..1_000 {
                within(takes.recv()).await.unwrap();
            }
            let (mut out, answer) = client.gather().await.unwrap();
            let mut more = client.repeat(times(5_000)).await.unwrap();
            let sends = async {
                for n in 0..5_000 {
                    let size = if n % 500 == 0 { 300_000 } else { 100 };
                    out.send(message(vec![7; size])).await.unwrap();
                }
                out.finish().await.unwrap();
                answer.await.unwrap().payload
            };
            let (counted, (count, end)) = within(async { tokio::join!(sends, drain(&mut more)) }).await;
            end.unwrap();
            assert_eq!((&counted[..], count), (&b"5000"[..], 5_000));

            stuck.iter().for_each(tokio::task::JoinHandle::abort);
            for task in stuck {
                match within(task).await {
                    Ok(status) => assert_eq!(status.code(), Code::CANCELLED),
                    Err(aborted) => assert!(aborted.is_cancelled()),
                }
            }
            ends.idle().await;
        }
    }
}

#[tokio::test]
async fn a_large_item_for_who_does_not_read_holds_up_no_other_large_item() {
    let host = host().on_gather(|_, mut input| async move {
        if input.next().await?.unwrap().payload == "ignore" {
            std::future::pending::<()>().await;
        }
        let mut len = 0;
        while let Some(item) = input.next().await? {
            len += item.payload.len();
        }
        Ok(reply(format!("{len}")))
    });
    let ends = Ends::new(Over::Tcp, &host).await;
    for session in ends.both() {
        let client = echo(&session);
        let mut ignored = Vec::new();
        for _ in 0..10 {
            let (mut out, answer) = client.gather().await.unwrap();
            out.send(message("ignore")).await.unwrap();
            // Taken over by the machine; it waits for credit that does not come.
            out.try_send(message(vec![7; 1_000_000])).unwrap();
            ignored.push((out, answer));
        }
        let mut reading = tokio::task::JoinSet::new();
        for _ in 0..5 {
            let client = client.clone();
            reading.spawn(async move {
                let (mut out, answer) = client.gather().await.unwrap();
                out.send(message("read")).await.unwrap();
                for _ in 0..3 {
                    out.send(message(vec![7; 1_000_000])).await.unwrap();
                }
                out.finish().await.unwrap();
                answer.await.unwrap().payload
            });
        }
        while let Some(done) = within(reading.join_next()).await {
            assert_eq!(done.unwrap(), "3000000");
        }
        drop(ignored);
        ends.idle().await;
    }
}
