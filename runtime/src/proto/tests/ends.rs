//! How streams end when something goes wrong beside: a stop that comes early, an item that is too large, a last item that waits.

use super::halves::Sent;
use super::raw::*;
use super::*;
use crate::Code;
use crate::frame::Settings;

fn small() -> Config {
    Config { max_message: 65_536, max_metadata: 4_096, stream_credit: 16_384, ..Config::default() }
}

#[test]
fn an_oversize_item_is_stopped_once_and_not_after_the_answer() {
    let config = Config { stream_credit: 1 << 20, ..small() };
    let stops = |heard: &[Frame]| heard.iter().filter(|frame| matches!(frame, Frame::Stop(_))).count();
    let oversize = || [item(theirs(1), first(0, 70_000)), fragment(theirs(1), 70_000)];
    let mut raw = Raw::new(&config);
    raw.say(stream_call(1));
    raw.say_all(oversize().into_iter().chain(oversize()));
    assert_eq!(stops(&raw.heard()), 1, "7.11: once");
    raw.end.reply(1, Bytes::new());
    raw.say_all(oversize());
    assert_eq!(stops(&raw.heard()), 0);

    let mut raw = Raw::new(&config);
    raw.say(stream_call(1));
    raw.end.reply(1, Bytes::new());
    raw.heard();
    raw.say_all(oversize());
    assert_eq!(raw.heard(), [], "8.14");
    assert!(raw.end.ended.is_none());
}

/// Its deadline passes at the callee alone, while its last item waits behind others: the caller must not take it for whole.
#[test]
fn an_answer_never_looks_whole_without_its_last_item() {
    let settings = Settings { message_limit: 1 << 21, stream_credit: 1 << 21, ..Settings::initial() };
    for begun in [false, true] {
        for well in [true, false] {
            let mut raw = Raw::with_settings(
                &Config { max_timeout: Some(50 * MS), ..Config::default() },
                settings.clone(),
            );
            raw.end.handler = Handler::Stubborn;
            raw.say(Frame::Call(crate::frame::Call { stream: true, ..call_with(1, Some(whole(0))) }));
            let key = raw.end.conn.stream_key(theirs(1)).expect("it has streams");
            assert!(matches!(raw.end.send(key, &body(1, 1 << 20)), Sent::Offered));
            if begun {
                raw.end.poll_batch();
            }
            raw.step(100 * MS);
            assert_eq!(raw.end.stopped, [(1, Stop::Expired)]);
            match well {
                true => raw.end.reply(1, Bytes::new()),
                false => raw.end.reply_status(1, &stop_status(Stop::Expired)),
            }
            let heard = raw.heard();
            let late = Code::DEADLINE_EXCEEDED.number();
            match (begun, heard.last()) {
                (true, Some(Frame::Reset(reset))) => assert_eq!(reset.code, late),
                (false, Some(Frame::Reply(reply))) => {
                    assert_eq!(reply.status.as_ref().map(|status| status.code), Some(late), "{reply:?}");
                }
                (_, other) => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_handler_learns_of_a_stop_that_came_before_it_began() {
    let settings = Settings { replies_credit: u64::MAX, message_limit: 1 << 22, ..Settings::initial() };
    let mut raw = Raw::with_settings(&Config { send_buffer: 10_000, ..Config::default() }, settings);
    raw.say_all((1..=60).map(|number| call(number, whole(8))));
    (1..=60).for_each(|number| raw.end.reply(number, body(0, 10_000)));
    let bidi = crate::frame::Call { stream: true, ..call_with(61, None) };
    raw.say_all([Frame::Call(bidi), stop(theirs(61))]);
    assert!(raw.end.calls.is_empty(), "7.11: it is held");
    raw.heard();
    let key = raw.end.calls[0].stream.expect("it has streams");
    assert!(raw.end.conn.sender_closed(key).is_some(), "9.4");
}

#[test]
fn headers_over_our_limit_end_their_stream_at_both_ends() {
    let mut raw = Raw::new(&small());
    let key = raw.end.open_stream(Shape::ServerStream, 1, 8, None).expect("there is room");
    raw.heard();
    let block = Bytes::from(vec![0; 5_000]);
    raw.say(Frame::Headers(crate::frame::Headers { id: ours(1), block }));
    let found = raw.end.read(key, &mut VecDeque::new());
    assert!(matches!(found, Read::End(Answer::Local(_))), "{found:?}");
    assert_eq!(raw.heard(), [cancel_ours(1)]);
    assert!(raw.end.ended.is_none());
}

fn cancel_ours(number: u32) -> Frame {
    cancel(ours(number))
}

#[test]
fn whoever_waits_for_the_write_buffer_and_goes_leaves_the_line() {
    // Nothing is sent before the other end is ready, and what was opened can be withdrawn.
    let mut raw = Raw::silent(&small());
    for tag in 0..100 {
        let key = raw.end.open_stream(Shape::Bidi, tag, 0, None).expect("there is room");
        assert!(matches!(raw.end.send(key, &body(1, 9)), Sent::NotNow));
        assert_eq!(raw.end.conn.senders_in_line.len(), 1);
        [Half::Sender, Half::Reader].into_iter().for_each(|half| raw.end.let_go(key, half));
        assert!(raw.end.conn.senders_in_line.is_empty());
    }
}
