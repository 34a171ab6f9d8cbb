//! The decoder's bounds, and what it shares.

use bytes::{Bytes, BytesMut};

use super::super::{
    Call, CallHead, CallId, Decoder, EndCode, Fragment, FragmentOf, Frame, FrameError, HEADER, Hello, Item,
    Outline, Piece, Ping, Push, Reply, ReplyStatus, Role, RouteOut, RouteRef, STATUS_TEXT_LIMIT,
    ServiceShape, Services, Settings, StatusHead, Text, VERSION, seal,
};
use super::{decode_all, encoded};

fn frame_of_length(kind: u8, length: u32) -> Vec<u8> {
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.push(kind);
    bytes.resize(4 + length as usize, 0);
    bytes
}

fn code(bytes: &[u8], limit: u32) -> Result<usize, EndCode> {
    let (frames, end) = decode_all(&mut Decoder::new(limit), bytes);
    end.map(|_| frames.len()).map_err(|error| error.code)
}

#[test]
fn lengths_at_their_bounds_are_judged() {
    const LIMIT: u32 = 100_000;
    assert_eq!(code(&[0, 0, 0, 0], LIMIT), Err(EndCode::Malformed));
    assert_eq!(code(&[0, 0, 0, 5], LIMIT), Err(EndCode::Malformed));
    assert_eq!(code(&frame_of_length(0x03, 6), LIMIT), Ok(1));
    assert_eq!(code(&frame_of_length(0x02, LIMIT), LIMIT), Ok(1));
    assert_eq!(code(&frame_of_length(0x80, LIMIT), LIMIT), Ok(1));
    assert_eq!(code(&[0, 1, 0x86, 0xa1, 0x02], LIMIT), Err(EndCode::FrameTooLarge));
    assert_eq!(code(&[0xff, 0xff, 0xff, 0xff, 0x02], LIMIT), Err(EndCode::FrameTooLarge));
    // One HELLO may be, whatever the limit, and no longer one.
    assert_eq!(code(&[0, 0, 0x40, 0, 0x01], 0), Ok(0));
    assert_eq!(code(&[0, 0, 0x40, 1, 0x01], LIMIT), Err(EndCode::BadHello));
}

#[test]
fn the_limit_is_at_least_what_every_receiver_accepts() {
    assert_eq!(code(&frame_of_length(0x02, 16_384), 0), Ok(1));
    assert_eq!(code(&frame_of_length(0x02, 16_385), 0), Err(EndCode::FrameTooLarge));
    let mut decoder = Decoder::new(0);
    decoder.set_frame_limit(16_385);
    assert_eq!(decode_all(&mut decoder, &frame_of_length(0x02, 16_385)).1, Ok(0));
}

#[test]
fn an_error_is_for_good_and_comes_after_what_was_whole() {
    let mut decoder = Decoder::new(0);
    let mut bytes = encoded([&Frame::Ping(Ping { number: 1 })]);
    bytes.extend_from_slice(&[0, 0, 0, 6, 0x7f]);
    let (frames, end) = decode_all(&mut decoder, &bytes);
    assert_eq!(frames, [Frame::Ping(Ping { number: 1 })]);
    assert_eq!(end, Err(FrameError::new(EndCode::UnknownKind, "2.2", "unknown kind 0x7f")));
    assert_eq!(decode_all(&mut decoder, &frame_of_length(0x03, 6)).1, end);
}

#[test]
fn an_error_says_how_and_which_rule() {
    let (_, end) = decode_all(&mut Decoder::new(0), &[0, 0, 0, 5]);
    assert_eq!(end.unwrap_err().to_string(), "a frame of length 5 (wire 2.1)");
}

#[test]
fn a_message_stays_where_it_was_received() {
    let mut buf = BytesMut::new();
    let head = CallHead {
        id: CallId::new(Role::Dialler, 1),
        route: RouteOut::Number(0),
        deadline: Some(30_000),
        stream: false,
        block: b"",
    };
    head.encode(Some(Outline::whole(500)), &mut buf);
    assert_eq!(buf.len(), HEADER + 6);
    buf.resize(buf.len() + 500, 7);
    let message_at = buf[HEADER + 6..].as_ptr();
    let Ok(Some(Frame::Call(Call { message: Some(piece), .. }))) = Decoder::new(0).decode(&mut buf) else {
        panic!("no call");
    };
    assert_eq!(piece.bytes, vec![7; 500]);
    assert_eq!(piece.bytes.as_ptr(), message_at);
}

/// A decoder that gives FRAGMENTs in parts whatever is to come of them.
fn in_parts() -> Decoder {
    let mut decoder = Decoder::new(0);
    decoder.set_parts_from(1);
    decoder
}

#[test]
fn a_fragment_is_handed_out_as_it_comes_and_what_is_read_past_the_buffer_is_counted() {
    let of = FragmentOf::Call(CallId::new(Role::Dialler, 1));
    let bytes: Vec<u8> = (0..100).collect();
    let fragment = Frame::Fragment(Fragment { of, bytes: bytes.clone().into(), rest: 0 });
    let ping = Frame::Ping(Ping { number: 1 });
    let wire = encoded([&fragment, &ping]);
    let part = |from: usize, to: usize| {
        let bytes = Bytes::copy_from_slice(&bytes[from..to]);
        Frame::Fragment(Fragment { of, bytes, rest: 100 - to as u32 })
    };
    for cut in 0..100 {
        let mut decoder = in_parts();
        let mut buf = BytesMut::from(&wire[..HEADER + cut]);
        assert_eq!(decoder.decode(&mut buf), Ok(Some(part(0, cut))));
        assert_eq!(decoder.decode(&mut buf), Ok(None));
        assert_eq!((decoder.body(), decoder.needed()), (Some((of, 100 - cut)), 100 - cut));
        let past = (100 - cut) / 2;
        decoder.body_read(past);
        buf.extend_from_slice(&wire[HEADER + cut + past..]);
        assert_eq!(decoder.decode(&mut buf), Ok(Some(part(cut + past, 100))));
        assert_eq!((decoder.body(), decoder.decode(&mut buf)), (None, Ok(Some(ping.clone()))));
        assert!(buf.is_empty());
    }
}

#[test]
fn a_fragment_is_handed_out_in_parts_only_if_much_of_it_is_to_come_and_it_has_no_checksum() {
    let of = FragmentOf::Lane(1);
    let fragment =
        |len: usize| encoded([&Frame::Fragment(Fragment { of, bytes: vec![7; len].into(), rest: 0 })]);
    for (here, whole, parts) in [(0, 16 << 10, true), (1, 16 << 10, false), (1, 17 << 10, true)] {
        let mut decoder = Decoder::new(64 << 10);
        let mut buf = BytesMut::from(&fragment(whole)[..HEADER + here]);
        assert_eq!(decoder.decode(&mut buf).unwrap().is_some(), parts, "{here} of {whole}");
        assert_eq!((decoder.needed(), decoder.body().is_some()), (whole - here, parts));
    }
    let mut sealed = fragment(20_000);
    seal(&mut sealed, 0);
    let mut decoder = Decoder::new(64 << 10);
    decoder.accept_checksum();
    let mut buf = BytesMut::from(&sealed[..100]);
    assert_eq!((decoder.decode(&mut buf), decoder.body()), (Ok(None), None));
    buf.extend_from_slice(&sealed[100..]);
    assert!(matches!(decoder.decode(&mut buf), Ok(Some(Frame::Fragment(_)))));
}

#[test]
fn what_is_wrong_with_a_fragment_is_seen_before_all_of_it_is_here() {
    for (wrong, code) in [
        (&[0, 0, 0, 99, 0x13, 0x01, 0, 0, 0, 1][..], EndCode::UnknownFlag),
        (&[0, 0, 0, 99, 0x13, 0, 0, 0, 0, 0][..], EndCode::Malformed),
    ] {
        let mut buf = BytesMut::from(wrong);
        assert_eq!(in_parts().decode(&mut buf).unwrap_err().code, code);
    }
}

#[test]
fn an_empty_part_keeps_no_buffer_alive() {
    let reply = Reply {
        id: CallId::new(Role::Dialler, 1),
        status: Some(ReplyStatus { code: 1, text: Text::default(), not_run: false }),
        block: Bytes::new(),
        message: None,
    };
    let mut buf = encoded([&Frame::Reply(reply)]);
    let frame = Decoder::new(0).decode(&mut buf).unwrap();
    // Nobody else holds the buffer: it can be taken back.
    assert!(buf.try_reclaim(HEADER), "{frame:?}");
}

#[test]
fn needed_is_the_rest_of_a_header_then_of_the_frame() {
    let mut decoder = Decoder::new(0);
    assert_eq!(decoder.needed(), HEADER);
    let mut buf = BytesMut::from(&[0, 0][..]);
    assert_eq!(decoder.decode(&mut buf), Ok(None));
    assert_eq!(decoder.needed(), HEADER - 2);
    buf.extend_from_slice(&[0x10, 0, 0x02]);
    assert_eq!(decoder.decode(&mut buf), Ok(None));
    assert_eq!(decoder.needed(), 4 + 0x1000 - 5);
}

#[test]
fn a_long_status_text_is_cut_between_characters() {
    let text = format!("a{}", "ä".repeat(600));
    let status = ReplyStatus { code: 13, text: text.into(), not_run: false };
    let mut out = BytesMut::new();
    StatusHead { id: CallId::new(Role::Acceptor, 7), status: &status, block: b"" }.encode(&mut out);
    let (frames, end) = decode_all(&mut Decoder::new(0), &out);
    assert_eq!(end, Ok(0));
    let [Frame::Reply(Reply { status: Some(read), .. })] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!(read.text.len(), STATUS_TEXT_LIMIT - 1);
    assert!(status.text.starts_with(read.text.as_str()));
}

// wire 4.7: a list that would not fit into the HELLO is left out.
#[test]
fn what_does_not_fit_into_a_hello_is_left_out() {
    let services = |count: u64| {
        let list =
            (0..count).map(|n| ServiceShape { name: format!("a.S{n}"), shape: n, methods: vec![n; 10] });
        Some(Services { fallback: false, list: list.collect() })
    };
    let agent = Some(Text::from("agent"));
    let settings = Settings { serves: services(200), calls: services(3), agent, ..Settings::initial() };
    let hello = |settings| Frame::Hello(Box::new(Hello { version: VERSION, wants_auth: true, settings }));
    let (frames, end) = decode_all(&mut Decoder::new(0), &encoded([&hello(settings.clone())]));
    assert_eq!(end, Ok(0));
    assert_eq!(frames, [hello(Settings { serves: None, ..settings })]);
}

#[test]
fn ids_say_who_opened_and_0_is_none() {
    let id = CallId::new(Role::Acceptor, 5);
    assert_eq!(id.to_wire(), 0x8000_0005);
    assert_eq!((id.opener(), id.number()), (Role::Acceptor, 5));
    assert_eq!(format!("{id:?} {}", CallId::new(Role::Dialler, 1)), "acceptor/5 dialler/1");
    assert_eq!(CallId::from_wire(0x8000_0000), None);
    assert_eq!(CallId::from_wire(0), None);
    assert_eq!(CallId::from_wire(id.to_wire()), Some(id));
    assert_eq!(Role::Dialler.other(), Role::Acceptor);
}

#[test]
fn codes_are_their_numbers_and_unknown_ones_internal() {
    for code in 0..16 {
        assert_eq!(EndCode::from_wire(code).to_wire(), code);
    }
    assert_eq!(EndCode::from_wire(18), EndCode::Internal);
    assert_eq!(EndCode::from_wire(u32::MAX), EndCode::Internal);
    assert_eq!(EndCode::Timeout.to_wire(), 12);
}

/// A PUSH of route 7 without anything beside its message.
fn plain(lane: u32, len: usize) -> Frame {
    let message =
        Piece { missing: 0, fragmented: false, compressed: false, bytes: vec![len as u8; len].into() };
    Frame::Push(Push { lane, route: RouteRef::Number(7), block: Bytes::new(), message })
}

/// How many frames were taken at a time.
fn runs(bytes: &[u8]) -> Vec<u32> {
    let (mut buf, mut frames) = (BytesMut::from(bytes), Vec::new());
    Decoder::new(20_000).decode_most(&mut buf, usize::MAX, &mut frames).unwrap();
    let count = |frame: &Frame| match frame {
        Frame::Pushes(run) => run.messages.count(),
        Frame::Items(run) => run.messages.count(),
        _ => 1,
    };
    frames.iter().map(count).collect()
}

/// An ITEM without flags.
fn plain_item(number: u32, len: usize) -> Frame {
    Frame::Item(Item {
        id: CallId::new(Role::Dialler, number),
        end: false,
        message: Piece::whole(vec![len as u8; len].into()),
    })
}

#[test]
fn items_of_one_stream_are_taken_as_one_but_for_the_last_and_those_in_fragments() {
    let of = |mut frame: Frame, change: fn(&mut Item)| {
        let Frame::Item(item) = &mut frame else { unreachable!() };
        change(item);
        frame
    };
    let frames = [
        plain_item(1, 0),
        plain_item(1, 100),
        plain_item(1, 0),
        plain_item(2, 1),
        plain_item(2, 16_000),
        of(plain_item(2, 1), |item| item.message.compressed = true),
        of(plain_item(2, 1), |item| (item.message.fragmented, item.message.missing) = (true, 9)),
        plain_item(2, 1),
        Frame::Ping(Ping { number: 1 }),
        plain_item(2, 1),
        plain_item(2, 2),
        of(plain_item(2, 1), |item| item.end = true),
    ];
    let bytes = encoded(&frames);
    assert_eq!(runs(&bytes), [3, 2, 1, 1, 1, 1, 2, 1]);
    let (decoded, end) = decode_all(&mut Decoder::new(20_000), &bytes);
    assert_eq!((decoded.as_slice(), end), (&frames[..], Ok(0)));
}

#[test]
fn pushes_of_one_lane_and_route_are_taken_as_one() {
    let of = |mut frame: Frame, change: fn(&mut Push)| {
        let Frame::Push(push) = &mut frame else { unreachable!() };
        change(push);
        frame
    };
    let frames = [
        plain(3, 0),
        plain(3, 100),
        plain(3, 16_000),
        plain(4, 1),
        plain(4, 1),
        of(plain(4, 1), |push| push.route = RouteRef::Number(8)),
        of(plain(4, 1), |push| push.block = Bytes::from_static(b"block")),
        of(plain(4, 1), |push| push.message.compressed = true),
        of(plain(4, 1), |push| push.route = RouteRef::Name("a/b".to_owned().into())),
        plain(4, 9),
        Frame::Ping(Ping { number: 1 }),
        plain(4, 9),
        plain(4, 10),
    ];
    let bytes = encoded(&frames);
    assert_eq!(runs(&bytes), [3, 2, 1, 1, 1, 1, 1, 1, 2]);
    let (read, end) = decode_all(&mut Decoder::new(20_000), &bytes);
    assert_eq!((&read[..], end), (&frames[..], Ok(0)));
    // However they come in, they are the same.
    for cut in 0..bytes.len() {
        let mut decoder = Decoder::new(20_000);
        let (mut read, end) = decode_all(&mut decoder, &bytes[..cut]);
        let mut rest = bytes[cut - end.unwrap()..cut].to_vec();
        rest.extend_from_slice(&bytes[cut..]);
        let (behind, end) = decode_all(&mut decoder, &rest);
        read.extend(behind);
        assert_eq!((&read[..], end), (&frames[..], Ok(0)), "cut at {cut}");
    }
}

#[test]
fn a_run_ends_before_a_push_that_is_wrong() {
    for (wrong, code) in [
        (&[0, 0, 0, 6, 0x20, 0, 0, 0, 0, 3][..], EndCode::Malformed),
        (&[0, 0, 0, 7, 0x20, 0, 0, 0, 0, 3, 0][..], EndCode::Malformed),
        (&[0, 0, 0, 0, 0x20, 0, 0, 0, 0, 3, 0, 7][..], EndCode::Malformed),
        (&[0, 0, 0x4e, 0x21, 0x20, 0, 0, 0, 0, 3, 0, 7][..], EndCode::FrameTooLarge),
        (&[0xff, 0xff, 0xff, 0xff, 0x20, 0, 0, 0, 0, 3, 0, 7][..], EndCode::FrameTooLarge),
        (&[0, 0, 0, 8, 0x20, 0x40, 0, 0, 0, 3, 0, 7][..], EndCode::UnknownFlag),
    ] {
        let mut bytes = encoded(&[plain(3, 5), plain(3, 6)]);
        bytes.extend_from_slice(wrong);
        let (frames, end) = decode_all(&mut Decoder::new(20_000), &bytes);
        assert_eq!(frames, [plain(3, 5), plain(3, 6)]);
        assert_eq!(end.map_err(|error| error.code), Err(code), "{wrong:?}");
    }
}
