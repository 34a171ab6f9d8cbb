//! What must be true of streams, kept beside the machines by whoever holds their halves: items arrive in order and once, an end
//! that looks whole is whole, whoever waits is told.

use std::collections::HashMap;

use super::halves::{Sent, Woken, item_of};
use super::pair::{Dice, Pair};
use super::*;

/// What happened to a call, as its two ends did it.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Items that were taken from the senders, up and down.
    sent: [u32; 2],
    /// One more may have gone.
    maybe: [bool; 2],
    /// END was said, and nothing stood against it.
    finished: bool,
    /// By its handler: well, or not.
    pub(super) answered: Option<bool>,
}

/// The halves of one end of a call, as a session's handles have them.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) key: StreamKey,
    pub(super) tag: u64,
    pub(super) shape: Shape,
    pub(super) caller: bool,
    pub(super) reader: bool,
    pub(super) sender: bool,
    /// Taken, and not given back.
    pub(super) owes: u64,
    read: u32,
    offered: bool,
    /// The reader has seen the end.
    pub(super) ended: bool,
    /// The sender was told that it is over, or said so.
    pub(super) closed: bool,
    /// They were told to look, or never did.
    pub(super) wakes: (bool, bool),
}

/// Two ends, all halves that somebody holds, and what is known of all calls.
pub(super) struct World {
    pub(super) pair: Pair,
    pub(super) held: [Vec<Held>; 2],
    pub(super) facts: HashMap<u64, Facts>,
    pub(super) opened: u64,
    pub(super) items: u64,
    pub(super) whole: u64,
    pub(super) broken: u64,
    over: [bool; 2],
}

impl World {
    pub(super) fn new(pair: Pair) -> Self {
        let (held, facts) = ([Vec::new(), Vec::new()], HashMap::new());
        Self { pair, held, facts, opened: 0, items: 0, whole: 0, broken: 0, over: [false; 2] }
    }

    pub(super) fn end(&mut self, side: usize) -> &mut End {
        if side == 0 { &mut self.pair.a } else { &mut self.pair.b }
    }

    pub(super) fn open(&mut self, side: usize, shape: Shape, len: usize, limit: Option<Duration>) {
        let tag = self.opened + 1;
        let Some(key) = self.end(side).open_stream(shape, tag, len, limit) else { return };
        self.opened = tag;
        self.facts.insert(tag, Facts::default());
        let sender = !shape.has_request();
        self.hold(side, Held { sender, ..held(key, tag, shape) });
        self.look();
    }

    fn hold(&mut self, side: usize, held: Held) {
        self.held[side].push(held);
    }

    /// Handlers begin, and those who were woken know it.
    pub(super) fn look(&mut self) {
        for side in 0..2 {
            let end = if side == 0 { &mut self.pair.a } else { &mut self.pair.b };
            let known = &mut self.held[side];
            for call in &mut end.calls {
                let Some(key) = call.stream.take() else { continue };
                let tag = tag_of(&call.block);
                let sender = call.shape.answers_with_items();
                known.push(Held { caller: false, sender, ..held(key, tag, call.shape) });
            }
            let all = end.ended.is_some() && !std::mem::replace(&mut self.over[side], true);
            for held in known.iter_mut() {
                held.wakes.0 |= all || end.woken.contains(&Woken::Reader(held.key.id));
                held.wakes.1 |= all || end.woken.contains(&Woken::Sender(held.key.id));
            }
            end.woken.clear();
        }
    }

    /// The reader looks. True: it found something, and should look again.
    pub(super) fn read(&mut self, side: usize, at: usize) -> bool {
        let mut held = self.held[side].swap_remove(at);
        held.wakes.0 = false;
        let mut again = false;
        if held.reader && !held.ended {
            let mut items = VecDeque::new();
            match self.end(side).read(held.key, &mut items) {
                Read::Items(_) => {
                    self.check_items(&mut held, items);
                    again = true;
                }
                Read::End(answer) => {
                    held.ended = true;
                    self.check_end(&held, &answer);
                }
                Read::Wait => {}
            }
        }
        self.held[side].push(held);
        let last = self.held[side].len() - 1;
        self.held[side].swap(at, last);
        self.look();
        again
    }

    fn check_items(&mut self, held: &mut Held, items: VecDeque<Bytes>) {
        let up = !held.caller;
        let facts = &self.facts[&held.tag];
        for item in items {
            assert_eq!(item, item_of(held.tag, up, held.read, item.len()), "item {} of {held:?}", held.read);
            held.read += 1;
            held.owes += cost_of_item(&item);
            self.items += 1;
        }
        let sent = facts.sent[usize::from(!up)] + u32::from(facts.maybe[usize::from(!up)]);
        assert!(held.read <= sent, "{held:?}: {facts:?}");
    }

    fn check_end(&mut self, held: &Held, end: &Answer) {
        let facts = &self.facts[&held.tag];
        let Answer::Message { payload, .. } = end else {
            self.broken += 1;
            return;
        };
        self.whole += 1;
        if !held.caller {
            assert!(facts.finished, "an upload looks whole and is not: {held:?} {facts:?}");
            assert_eq!(held.read, facts.sent[0], "{held:?} {facts:?}");
            return;
        }
        assert_eq!(facts.answered, Some(true), "{held:?} {facts:?}");
        match held.shape {
            Shape::ClientStream => assert_eq!(tag_of(payload), held.tag),
            _ => assert!(
                held.read == facts.sent[1] || (facts.maybe[1] && held.read == facts.sent[1] + 1),
                "an answer looks whole and is not: {held:?} {facts:?}"
            ),
        }
    }

    pub(super) fn give_back(&mut self, side: usize, at: usize) {
        let held = &mut self.held[side][at];
        let (key, cost) = (held.key, std::mem::take(&mut held.owes));
        self.end(side).give_back(key, cost);
        self.look();
    }

    /// Sends an item, or sees what became of the one before. True: it may go on.
    pub(super) fn send(&mut self, side: usize, at: usize, len: usize) -> bool {
        if !self.settle_offer(side, at) {
            return false;
        }
        let (key, tag, up) = {
            let held = &self.held[side][at];
            (held.key, held.tag, held.caller)
        };
        let way = usize::from(!up);
        let seq = self.facts[&tag].sent[way];
        let sent = self.end(side).send(key, &item_of(tag, up, seq, len));
        let facts = self.facts.get_mut(&tag).expect("it was opened");
        let held = &mut self.held[side][at];
        let goes_on = match sent {
            Sent::Gone => {
                facts.sent[way] += 1;
                true
            }
            Sent::Offered => {
                facts.maybe[way] = true;
                held.offered = true;
                true
            }
            Sent::NotNow => false,
            Sent::Never => {
                held.closed = true;
                false
            }
        };
        self.look();
        goes_on
    }

    /// What became of the item that was offered. True: the sender can go on.
    pub(super) fn settle_offer(&mut self, side: usize, at: usize) -> bool {
        let held = &mut self.held[side][at];
        held.wakes.1 = false;
        if !held.sender || held.closed {
            return false;
        }
        if held.offered {
            let (key, tag, way) = (held.key, held.tag, usize::from(!held.caller));
            let accepted = self.end(side).accepted(key);
            self.look();
            let held = &mut self.held[side][at];
            match accepted {
                None => return false,
                Some(Ok(())) => {
                    let facts = self.facts.get_mut(&tag).expect("it was opened");
                    facts.sent[way] += 1;
                    facts.maybe[way] = false;
                    held.offered = false;
                }
                Some(Err(_)) => {
                    held.closed = true;
                    return false;
                }
            }
        }
        true
    }

    pub(super) fn finish(&mut self, side: usize, at: usize, within: Option<Duration>) {
        if !self.settle_offer(side, at) {
            return;
        }
        let held = &mut self.held[side][at];
        held.closed = true;
        let (key, tag, caller) = (held.key, held.tag, held.caller);
        // It is said to be complete from here on, whatever is still to go.
        let finished = self.end(side).finish(key, within);
        self.facts.get_mut(&tag).expect("it was opened").finished |= caller && finished.is_ok();
        self.look();
    }

    pub(super) fn reset(&mut self, side: usize, at: usize) {
        let held = &mut self.held[side][at];
        if held.sender && held.caller && !held.closed {
            held.closed = true;
            let key = held.key;
            self.end(side).reset(key);
            self.look();
        }
    }

    pub(super) fn stop_reading(&mut self, side: usize, at: usize, code: u32) {
        let held = &mut self.held[side][at];
        if held.reader {
            let key = held.key;
            self.give_back(side, at);
            self.end(side).stop_reading(key, code);
            self.drop_half(side, at, Half::Reader);
        }
    }

    pub(super) fn drop_half(&mut self, side: usize, at: usize, half: Half) {
        self.give_back(side, at);
        let held = &mut self.held[side][at];
        let has = match half {
            Half::Reader => &mut held.reader,
            Half::Sender => &mut held.sender,
        };
        if std::mem::take(has) {
            let key = held.key;
            self.end(side).let_go(key, half);
            self.look();
        }
    }

    /// The handler answers; it may keep what it has.
    pub(super) fn answer(&mut self, side: usize, at: usize, well: bool) {
        let held = &self.held[side][at];
        let (number, tag, shape) = (held.key.id.number(), held.tag, held.shape);
        // Others may have its number by now.
        let facts = &self.facts[&tag];
        let runs = self.pair_end(side).calls.iter().any(|call| tag_of(&call.block) == tag);
        if held.caller || !runs || facts.answered.is_some() {
            return;
        }
        self.facts.get_mut(&tag).expect("it was opened").answered = Some(well);
        let end = self.end(side);
        match (well, shape) {
            (true, Shape::ClientStream) => end.reply(number, body(tag, 40)),
            (true, _) => end.reply(number, Bytes::new()),
            (false, _) => end.reply_status(number, &Status::aborted("no")),
        }
        self.look();
    }

    fn pair_end(&self, side: usize) -> &End {
        if side == 0 { &self.pair.a } else { &self.pair.b }
    }

    /// Whoever holds nothing more is forgotten, unless it is a handler that runs.
    pub(super) fn forget_dropped(&mut self) {
        for side in 0..2 {
            let end = if side == 0 { &self.pair.a } else { &self.pair.b };
            let runs = |tag| end.calls.iter().any(|call| tag_of(&call.block) == tag);
            self.held[side].retain(|held| held.reader || held.sender || (!held.caller && runs(held.tag)));
        }
    }

    pub(super) fn some(&self, side: usize, dice: &mut Dice) -> Option<usize> {
        let count = self.held[side].len();
        (count > 0).then(|| dice.below(count))
    }
}

fn held(key: StreamKey, tag: u64, shape: Shape) -> Held {
    Held {
        key,
        tag,
        shape,
        caller: true,
        reader: true,
        sender: false,
        owes: 0,
        read: 0,
        offered: false,
        ended: false,
        closed: false,
        wakes: (true, true),
    }
}
