//! Streams as people write them by hand: frames of the connection, which has one stream at a time.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bench_harness::{Result, Source, Supply, Tally, Wanted};
use tokio::sync::Notify;

use crate::wire::{Outbox, Packet, lock};
use crate::{Connection, ITEM, LAST, pack, packet, unpack};

/// Nothing more is read while so many items wait.
const FULL: usize = 4_096;

/// Items that came and wait for their reader.
#[derive(Default)]
pub struct Items {
    waiting: Mutex<VecDeque<(u64, Packet)>>,
    filled: Notify,
    emptied: Notify,
}

impl Items {
    /// Adds what a read brought, and waits for the reader if that is a lot.
    pub async fn add(&self, came: &mut Vec<(u64, Packet)>) {
        if came.is_empty() {
            return;
        }
        lock(&self.waiting).extend(came.drain(..));
        self.filled.notify_one();
        while lock(&self.waiting).len() > FULL {
            self.emptied.notified().await;
        }
    }
}

/// Reads items; those that were taken out together need no lock.
struct Reader {
    items: Arc<Items>,
    taken: VecDeque<(u64, Packet)>,
}

impl Reader {
    fn new(connection: &Connection) -> Self {
        Self { items: Arc::clone(&connection.items), taken: VecDeque::new() }
    }

    async fn next(&mut self) -> (u64, Packet) {
        loop {
            if let Some(item) = self.taken.pop_front() {
                return item;
            }
            mem::swap(&mut *lock(&self.items.waiting), &mut self.taken);
            self.items.emptied.notify_one();
            if self.taken.is_empty() {
                self.items.filled.notified().await;
            }
        }
    }

    /// Until the last, which is no item.
    async fn tally(mut self) -> (Tally, Packet) {
        let mut tally = Tally::default();
        loop {
            let (id, packet) = self.next().await;
            if id & LAST != 0 {
                return (tally, packet);
            }
            tally.add(packet.seq, &packet.body);
        }
    }
}

/// The server's stream, told at its end what it was.
pub async fn send_down(outbox: Arc<Outbox>, asked: Packet) {
    let (size, time) = (asked.burn_us as usize, Duration::from_millis(asked.seq));
    let supply = Supply::default();
    for payload in supply.source(Wanted { size, time }) {
        outbox.room().await;
        outbox.send(ITEM, &packet(payload));
    }
    outbox.send(ITEM | LAST, &pack(supply.sent()));
}

pub async fn down(connection: &Connection, id: u64, wanted: Wanted) -> Result<[Tally; 2]> {
    let (seq, burn_us) = (wanted.time.as_millis() as u64, wanted.size as u32);
    connection.outbox.send(id, &Packet { seq, burn_us, ..Packet::default() });
    let (arrived, last) = Reader::new(connection).tally().await;
    Ok([unpack(last)?, arrived])
}

pub async fn both(connection: &Connection, id: u64, source: Source) -> Result<Tally> {
    let outbox = Arc::clone(&connection.outbox);
    let sender = tokio::spawn(async move {
        for payload in source {
            outbox.room().await;
            outbox.send(id, &packet(payload));
        }
        outbox.send(id | LAST, &Packet::default());
    });
    let (arrived, _) = Reader::new(connection).tally().await;
    sender.await?;
    Ok(arrived)
}
