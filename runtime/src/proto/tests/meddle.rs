//! Whoever holds halves of streams does anything at any time, in no order, also when it is over: for the tests that hold no
//! model beside it.

use super::halves::Sent;
use super::pair::Dice;
use super::*;
use crate::frame::CallId;

const SHAPES: [Shape; 3] = [Shape::ServerStream, Shape::ClientStream, Shape::Bidi];

/// A stream of one of the first calls, if it is there.
fn some_stream(end: &mut End, dice: &mut Dice) -> Option<StreamKey> {
    let role = if dice.one_in(2) { Role::Dialler } else { Role::Acceptor };
    end.conn.stream_key(CallId::new(role, 1 + dice.below(6) as u32))
}

/// Does one thing with a stream, or opens one.
pub(super) fn meddle(end: &mut End, tag: u64, dice: &mut Dice) {
    if dice.one_in(4) {
        let len = if dice.one_in(4) { dice.below(60_000) } else { dice.below(300) };
        let limit = dice.one_in(5).then(|| dice.below(40) as u32 * MS);
        end.open_stream(SHAPES[dice.below(3)], tag, len, limit);
        return;
    }
    let Some(key) = some_stream(end, dice) else { return };
    match dice.below(14) {
        0..=3 => {
            let mut items = VecDeque::new();
            end.read(key, &mut items);
            end.give_back(key, items.iter().map(cost_of_item).sum());
        }
        4..=8 => send(end, key, dice),
        9 => drop(end.finish(key, dice.one_in(2).then_some(20 * MS))),
        10 => end.reset(key),
        11 if dice.one_in(2) => end.stop_reading(key, dice.below(17) as u32),
        12 if dice.one_in(2) => end.let_go(key, if dice.one_in(2) { Half::Reader } else { Half::Sender }),
        13 => drop(end.send_headers(key)),
        _ => drop(end.conn.sender_closed(key)),
    }
}

fn send(end: &mut End, key: StreamKey, dice: &mut Dice) {
    // One sends only when what was offered before is gone.
    if end.accepted(key).is_none_or(|accepted| accepted.is_err()) {
        return;
    }
    let len = if dice.one_in(5) { dice.below(60_000) } else { dice.below(900) };
    let _: Sent = end.send(key, &body(1, len));
}

/// Nobody holds any half any more.
pub(super) fn let_go_of_all(end: &mut End) {
    for number in 1..=64 {
        for role in [Role::Dialler, Role::Acceptor] {
            if let Some(key) = end.conn.stream_key(CallId::new(role, number)) {
                end.let_go(key, Half::Sender);
                end.let_go(key, Half::Reader);
            }
        }
    }
}

/// What the streams hold: each its credit or, if that is more, the one item that it was lent for.
pub(super) fn held_by_streams(end: &mut End, most: u64) -> u64 {
    let conn = &mut end.conn;
    let inns = conn.calling.streams().chain(conn.serving.streams()).filter_map(|stream| stream.inn.as_ref());
    let held = inns.map(|inn| inn.grant.held());
    held.inspect(|held| assert!(*held <= most, "a stream holds {held}")).sum()
}
