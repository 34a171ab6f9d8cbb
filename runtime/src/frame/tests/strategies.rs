//! Any frame that can be written, for the properties.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::frame::{
    Bind, Block, Call, CallId, Cancel, Credit, Detail, EndCode, Fragment, FragmentOf, Frame, GoAway, Headers,
    Hello, Item, Piece, Ping, Pong, Priority, Push, Reply, ReplyStatus, Reset, Role, RouteRef, Scope,
    ServiceShape, Services, Settings, Stop, Taken, Text,
};
use crate::metadata::Metadata;

pub(super) fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn text(from: usize) -> impl Strategy<Value = Text> {
    vec(any::<char>(), from..20).prop_map(|chars| Text::from(chars.into_iter().collect::<String>()))
}

fn id() -> impl Strategy<Value = CallId> {
    let number = prop_oneof![1..=3u32, 1..=CallId::MAX, Just(CallId::MAX)];
    (prop_oneof![Just(Role::Dialler), Just(Role::Acceptor)], number)
        .prop_map(|(role, number)| CallId::new(role, number))
}

fn of() -> impl Strategy<Value = FragmentOf> {
    prop_oneof![id().prop_map(FragmentOf::Call), any::<u32>().prop_map(FragmentOf::Lane)]
}

fn route() -> impl Strategy<Value = RouteRef> {
    prop_oneof![any::<u16>().prop_map(RouteRef::Number), text(1).prop_map(RouteRef::Name)]
}

fn piece() -> impl Strategy<Value = Piece> {
    (option::of(any::<u32>()), any::<bool>(), bytes()).prop_map(|(more, compressed, bytes)| {
        let missing = more.unwrap_or(0).min(u32::MAX - bytes.len() as u32);
        Piece { missing, fragmented: more.is_some(), compressed, bytes }
    })
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        Just(Scope::Calls),
        Just(Scope::Replies),
        id().prop_map(Scope::Stream),
        any::<u32>().prop_map(Scope::Lane),
    ]
}

fn credit() -> impl Strategy<Value = Credit> {
    (scope(), any::<u64>()).prop_map(|(scope, total)| Credit { scope, total })
}

fn go_away() -> impl Strategy<Value = GoAway> {
    let taken = any::<(u64, u64)>().prop_map(|(calls, pushes)| Taken { calls, pushes });
    ((0..18u32).prop_map(EndCode::from_wire), option::of(taken), text(0))
        .prop_map(|(code, last, reason)| GoAway { code, last, reason })
}

fn call() -> impl Strategy<Value = Call> {
    (id(), route(), option::of(any::<u32>()), any::<bool>(), bytes(), option::of(piece())).prop_map(
        |(id, route, deadline, stream, block, message)| Call { id, route, deadline, stream, block, message },
    )
}

fn reply() -> impl Strategy<Value = Reply> {
    let status = (1..=u32::MAX, text(0), any::<bool>()).prop_map(|(code, text, not_run)| ReplyStatus {
        code,
        text,
        not_run,
    });
    (id(), bytes(), prop_oneof![status.prop_map(Err), piece().prop_map(Ok)]).prop_map(
        |(id, block, result)| match result {
            Ok(message) => Reply { id, status: None, block, message: Some(message) },
            Err(status) => Reply { id, status: Some(status), block, message: None },
        },
    )
}

fn services() -> impl Strategy<Value = Services> {
    let service = (text(0), any::<u64>(), vec(any::<u64>(), 0..4))
        .prop_map(|(name, shape, methods)| ServiceShape { name: name.to_string(), shape, methods });
    (any::<bool>(), vec(service, 0..4)).prop_map(|(fallback, list)| Services { fallback, list })
}

/// Settings that mean what they say: within the bounds that `decode` keeps them in.
fn settings() -> impl Strategy<Value = Settings> {
    let limits = (16_384..=u32::MAX, 65_536..=u32::MAX, 64..=u32::MAX >> 1, 4..=u32::MAX, 64..=65_536u32);
    let credits = (131_072..=u64::MAX, 131_072..=u64::MAX, 16_384..=u64::MAX, 16_384..=u64::MAX);
    let kinds = (proptest::sample::subsequence((1..=255).collect::<Vec<u8>>(), 0..5), 4_096..=u32::MAX);
    let rest =
        (any::<bool>(), option::of(services()), option::of(services()), option::of(any::<(u32, u32)>()));
    (limits, credits, kinds, rest, option::of(text(0))).prop_map(|(limits, credits, kinds, rest, agent)| {
        Settings {
            frame_limit: limits.0,
            message_limit: limits.1,
            in_flight_limit: limits.2,
            calls_credit: credits.0,
            replies_credit: credits.1,
            stream_credit: credits.2,
            lane_credit: credits.3,
            lanes: limits.3,
            bindings: limits.4,
            metadata_limit: kinds.1,
            codecs: [&[0], &kinds.0[..]].concat(),
            compressions: kinds.0,
            checksum: rest.0,
            serves: rest.1,
            calls: rest.2,
            keepalive: rest.3,
            agent,
        }
    })
}

fn hello() -> impl Strategy<Value = Hello> {
    (1..=u8::MAX, any::<bool>(), settings()).prop_map(|(version, wants_auth, settings)| Hello {
        version,
        wants_auth,
        settings,
    })
}

/// A whole FRAGMENT.
pub(super) fn fragment() -> impl Strategy<Value = Frame> {
    let bytes = vec(any::<u8>(), 1..40).prop_map(Bytes::from);
    (of(), bytes).prop_map(|(of, bytes)| Frame::Fragment(Fragment { of, bytes, rest: 0 }))
}

/// Any frame of any kind.
pub(super) fn frame() -> impl Strategy<Value = Frame> {
    let first = prop_oneof![
        hello().prop_map(|hello| Frame::Hello(Box::new(hello))),
        bytes().prop_map(Frame::Auth),
        Just(Frame::Ready),
        (any::<u16>(), text(1)).prop_map(|(number, name)| Frame::Bind(Bind { number, name })),
        any::<u64>().prop_map(|number| Frame::Ping(Ping { number })),
        any::<(u64, u64)>().prop_map(|(number, pushes_taken)| Frame::Pong(Pong { number, pushes_taken })),
        go_away().prop_map(Frame::GoAway),
        credit().prop_map(Frame::Credit),
        credit().prop_map(Frame::Blocked),
        Just(Frame::Pad),
    ];
    let item = (id(), any::<bool>(), piece()).prop_map(|(id, end, message)| Item { id, end, message });
    let push = (any::<u32>(), route(), bytes(), piece()).prop_map(|(lane, route, block, message)| Push {
        lane,
        route,
        block,
        message,
    });
    let second = prop_oneof![
        call().prop_map(Frame::Call),
        reply().prop_map(Frame::Reply),
        item.prop_map(Frame::Item),
        fragment(),
        (id(), bytes()).prop_map(|(id, block)| Frame::Headers(Headers { id, block })),
        id().prop_map(Frame::End),
        (of(), 1..=u32::MAX, text(0)).prop_map(|(of, code, text)| Frame::Reset(Reset { of, code, text })),
        (id(), any::<u32>()).prop_map(|(id, code)| Frame::Stop(Stop { id, code })),
        (id(), any::<bool>()).prop_map(|(id, expired)| Frame::Cancel(Cancel { id, expired })),
        push.prop_map(Frame::Push),
    ];
    prop_oneof![first, second]
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let key = vec(proptest::sample::select(b"abcxyz0189-_.".to_vec()), 1..10)
        .prop_map(|key| String::from_utf8(key).unwrap());
    vec((key, bytes()), 0..5).prop_map(|pairs| pairs.into_iter().collect())
}

/// Any block of a CALL or PUSH.
pub(super) fn opening_block() -> impl Strategy<Value = Block> {
    let priority = proptest::sample::select(vec![Priority::Low, Priority::Normal, Priority::High]);
    let small = (any::<u8>(), priority, any::<u16>());
    (metadata(), small, option::of(text(0)), option::of(text(0)), vec(text(0), 0..3)).prop_map(
        |(metadata, (codec, priority, attempt), trace_context, trace_state, forwarded_for)| Block {
            metadata,
            codec,
            priority,
            attempt,
            trace_context,
            trace_state,
            forwarded_for,
            ..Block::default()
        },
    )
}

/// Any block of a REPLY or HEADERS.
pub(super) fn answer_block() -> impl Strategy<Value = Block> {
    let detail = (text(0), bytes()).prop_map(|(type_name, bytes)| Detail { type_name, bytes });
    (metadata(), option::of(any::<u32>()), vec(detail, 0..3)).prop_map(|(metadata, retry_after, details)| {
        Block { metadata, retry_after, details, ..Block::default() }
    })
}
