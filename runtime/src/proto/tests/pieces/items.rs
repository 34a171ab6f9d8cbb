//! Items, of either end.

use super::super::pair::Pair;
use super::super::*;
use super::*;
use crate::Code;
use crate::frame::FragmentOf;
use crate::message::Payload;

/// A stream whose items go up by the first of two pairs, and on by the second.
struct Items {
    near: Pair,
    far: Pair,
    /// Its halves: the client's, the proxy's two, the upstream's.
    keys: [StreamKey; 4],
}

impl Items {
    fn new() -> Self {
        let pairs = [Pair::new(&config()), Pair::new(&config())].map(|mut pair| {
            pair.b.handler = Handler::Wait;
            let key = pair.a.open_stream(Shape::Bidi, 1, 0, None).expect("there is room");
            pair.drive();
            let theirs = pair.b.calls[0].stream.expect("it has streams");
            (pair, key, theirs)
        });
        let keys = [pairs[0].1, pairs[0].2, pairs[1].1, pairs[1].2];
        let [(mut near, ..), (far, ..)] = pairs;
        near.b.reads_straight(false);
        Self { near, far, keys }
    }

    /// The client's item is under way, half of it at the proxy, and goes on.
    fn half_an_item(&mut self) {
        self.near.a.conn.offer_item(self.keys[0], Payload::coming(LEN, 0));
        self.near.a.settle();
        self.send(0..LEN / 2);
        let mut items = VecDeque::new();
        assert!(matches!(self.near.b.read(self.keys[1], &mut items), Read::Wait));
        assert_eq!(self.near.b.conn.item_begun(self.keys[1]), Some(LEN));
        assert!(matches!(self.far.a.conn.item_room(self.keys[2], LEN), ItemRoom::Outside));
        self.far.a.conn.offer_item(self.keys[2], Payload::coming(LEN, 0));
        assert_eq!(self.far.a.accepted(self.keys[2]).map(|taken| taken.is_ok()), Some(true));
        assert!(self.pass_piece());
        self.far.drive();
    }

    /// This part of the client's item arrives.
    fn send(&mut self, part: std::ops::Range<usize>) {
        assert!(self.near.a.conn.item_came(self.keys[0], body(1, LEN).slice(part)));
        carry(&mut self.near.a, &mut self.near.b, usize::MAX);
    }

    /// What has come goes on. True: something had.
    fn pass_piece(&mut self) -> bool {
        let Some(bytes) = self.near.b.conn.item_piece(self.keys[1]) else { return false };
        assert!(self.far.a.conn.item_came(self.keys[2], bytes));
        true
    }

    fn arrived(&mut self) -> Option<usize> {
        let of = FragmentOf::Call(self.keys[3].id);
        self.far.b.conn.under_way(of).map(|assembly| LEN - assembly.missing())
    }
}

#[test]
fn an_item_goes_on_before_it_is_whole_and_its_reader_is_told_of_each_piece() {
    let mut line = Items::new();
    line.half_an_item();
    let arrived = line.arrived().expect("it is under way");
    assert!((350..650).contains(&arrived), "{arrived} of {LEN} bytes, half of them sent");

    let mut items = VecDeque::new();
    assert!(matches!(line.near.b.read(line.keys[1], &mut items), Read::Wait));
    line.near.b.woken.clear();
    line.send(LEN / 2..700);
    assert_eq!(line.near.b.woken, [Woken::Reader(line.keys[1].id)]);
    assert!(line.pass_piece() && !line.pass_piece());
    line.send(700..LEN);
    assert!(matches!(line.near.b.read(line.keys[1], &mut items), Read::Items(_)));
    let last = items.pop_front().expect("the last piece");
    assert!(line.far.a.conn.item_came(line.keys[2], last));
    assert!(matches!(line.far.b.read(line.keys[3], &mut items), Read::Wait));
    line.far.drive();
    assert!(matches!(line.far.b.read(line.keys[3], &mut items), Read::Items(_)));
    assert_eq!(items, [body(1, LEN)]);
}

#[test]
fn an_item_that_breaks_off_is_broken_off_where_it_went_either_way() {
    let mut line = Items::new();
    line.half_an_item();
    line.near.a.reset(line.keys[0]);
    line.near.drive();
    let mut items = VecDeque::new();
    assert!(matches!(line.near.b.read(line.keys[1], &mut items), Read::End(Answer::Failed { .. })));
    line.far.a.reset(line.keys[2]);
    line.far.drive();
    assert!(matches!(line.far.b.read(line.keys[3], &mut items), Read::End(Answer::Failed { .. })));
    assert!(items.is_empty());

    // And of a callee's, whose terminal frame would wait for the rest of it.
    let (far, key, theirs) = (&mut line.far, line.keys[2], line.keys[3]);
    assert!(matches!(far.b.conn.item_room(theirs, LEN), ItemRoom::Outside));
    far.b.conn.offer_item(theirs, Payload::coming(LEN, 0));
    far.b.settle();
    assert!(far.b.conn.item_came(theirs, body(2, LEN).slice(..500)));
    far.drive();
    far.b.reply_status(theirs.id.number(), &Status::data_loss("upstream"));
    far.drive();
    let end = far.a.read(key, &mut items);
    let Read::End(Answer::Failed { status, .. }) = end else { panic!("{end:?}") };
    assert_eq!(Code::from_wire(status.code), Code::DATA_LOSS);
    assert!(items.is_empty(), "half an item is none");
}

#[test]
fn an_item_that_is_on_its_way_is_accepted_though_its_reader_stops_at_once() {
    let mut line = Items::new();
    let (far, key, theirs) = (&mut line.far, line.keys[2], line.keys[3]);
    assert!(matches!(far.b.conn.item_room(theirs, LEN), ItemRoom::Outside));
    far.b.conn.offer_item(theirs, Payload::coming(LEN, 0));
    far.a.stop_reading(key, 0);
    far.drive();
    assert!(matches!(far.b.accepted(theirs), Some(Ok(()))));
    assert!(far.b.conn.item_came(theirs, body(2, LEN)));
    far.b.reply(theirs.id.number(), Bytes::new());
    far.drive();
    let end = far.a.read(key, &mut VecDeque::new());
    assert!(!matches!(end, Read::End(Answer::Failed { .. })), "{end:?}");
}
