//! A frame as an object of the vectors: its fields by the names of wire 3.

use super::json::Json;
use super::{hex, read_block};
use crate::frame::{Block, BlockError, Frame, Piece, RouteRef, Services, Settings};

type Fields = Vec<(&'static str, Json)>;

pub(super) fn frame(frame: &Frame, flags: u8, id: u32) -> Json {
    let mut object = vec![("kind", Json::text(frame.name()))];
    // What is skipped is not looked into.
    if !matches!(frame, Frame::Pad) {
        object.push(("flags", Json::List(flag_names(frame, flags))));
        object.push(("id", Json::Number(id)));
        object.extend(fields(frame));
    }
    Json::Object(object)
}

// wire 3, the table.
fn flag_names(frame: &Frame, flags: u8) -> Vec<Json> {
    let names: &[(u8, &str)] = match frame {
        Frame::Hello(_) => &[(0x01, "WANTS_AUTH")],
        Frame::GoAway(_) => &[(0x01, "FINAL")],
        Frame::Credit(_) | Frame::Blocked(_) => &[(0x10, "LANE"), (0x20, "REPLIES")],
        Frame::Call(_) => &[
            (0x01, "FRAGMENTED"),
            (0x02, "COMPRESSED"),
            (0x04, "BLOCK"),
            (0x08, "END"),
            (0x10, "DEADLINE"),
            (0x20, "NAMED"),
            (0x40, "STREAM"),
        ],
        Frame::Reply(_) => &[
            (0x01, "FRAGMENTED"),
            (0x02, "COMPRESSED"),
            (0x04, "BLOCK"),
            (0x10, "STATUS"),
            (0x20, "NOT_RUN"),
        ],
        Frame::Item(_) => &[(0x01, "FRAGMENTED"), (0x02, "COMPRESSED"), (0x08, "END")],
        Frame::Fragment(_) | Frame::Reset(_) => &[(0x10, "LANE")],
        Frame::Cancel(_) => &[(0x01, "EXPIRED")],
        Frame::Push(_) => &[(0x01, "FRAGMENTED"), (0x02, "COMPRESSED"), (0x04, "BLOCK"), (0x20, "NAMED")],
        _ => &[],
    };
    let all = names.iter().chain(&[(0x80, "CHECKSUM")]);
    all.filter(|(bit, _)| flags & bit != 0).map(|(_, name)| Json::text(name)).collect()
}

fn fields(frame: &Frame) -> Fields {
    match frame {
        Frame::Hello(hello) => vec![
            ("version", Json::Number(hello.version.into())),
            ("settings", Json::Object(settings(&hello.settings))),
        ],
        Frame::Auth(bytes) => vec![("bytes", Json::Text(hex(bytes)))],
        Frame::Bind(bind) => {
            vec![("route number", Json::Number(bind.number.into())), ("text", Json::text(&bind.name))]
        }
        Frame::Ping(ping) => vec![("number", Json::long(ping.number))],
        Frame::Pong(pong) => {
            vec![("number", Json::long(pong.number)), ("pushes taken", Json::long(pong.pushes_taken))]
        }
        Frame::GoAway(away) => {
            let mut fields = vec![("code", Json::text(away.code.name()))];
            if let Some(taken) = away.last {
                fields.push(("calls taken", Json::long(taken.calls)));
                fields.push(("pushes taken", Json::long(taken.pushes)));
            }
            fields.push(("text", Json::text(&away.reason)));
            fields
        }
        Frame::Credit(credit) => vec![("total", Json::long(credit.total))],
        Frame::Blocked(credit) => vec![("total wanted", Json::long(credit.total))],
        Frame::Fragment(fragment) => vec![("bytes", Json::Text(hex(&fragment.bytes)))],
        Frame::Reset(reset) => vec![("code", Json::Number(reset.code)), ("text", Json::text(&reset.text))],
        Frame::Stop(stop) => vec![("code", Json::Number(stop.code))],
        Frame::Item(item) => message(&item.message),
        Frame::Headers(headers) => block(&headers.block, frame),
        Frame::Call(_) | Frame::Reply(_) | Frame::Push(_) => opening_or_answer(frame),
        Frame::Ready | Frame::End(_) | Frame::Cancel(_) | Frame::Pad | Frame::Pushes(_) | Frame::Items(_) => {
            Vec::new()
        }
    }
}

fn opening_or_answer(frame: &Frame) -> Fields {
    let mut fields = Vec::new();
    let (items, piece) = match frame {
        Frame::Call(call) => {
            fields.push(("route", route(&call.route)));
            fields.extend(call.deadline.map(|left| ("milliseconds", Json::Number(left))));
            (&call.block, call.message.as_ref())
        }
        Frame::Push(push) => {
            fields.push(("route", route(&push.route)));
            (&push.block, Some(&push.message))
        }
        Frame::Reply(reply) => {
            if let Some(status) = &reply.status {
                fields.push(("code", Json::Number(status.code)));
                fields.push(("text", Json::text(&status.text)));
            }
            (&reply.block, reply.message.as_ref())
        }
        _ => return fields,
    };
    if !items.is_empty() {
        fields.extend(block(items, frame));
    }
    fields.extend(piece.into_iter().flat_map(message));
    fields
}

fn route(route: &RouteRef) -> Json {
    match route {
        RouteRef::Number(number) => Json::Number((*number).into()),
        RouteRef::Name(name) => Json::text(name),
    }
}

fn message(piece: &Piece) -> Fields {
    let total = piece.outline().total.map(|total| ("total", Json::Number(total)));
    total.into_iter().chain([("message", Json::Text(hex(&piece.bytes)))]).collect()
}

fn block(bytes: &[u8], frame: &Frame) -> Fields {
    let items = match read_block(frame) {
        Some(Ok(block)) => Json::Object(items(&block)),
        Some(Err(BlockError::Invalid(_))) => Json::text("INVALID_ARGUMENT"),
        _ => Json::text("MALFORMED"),
    };
    vec![("block", Json::Text(hex(bytes))), ("items", items)]
}

fn items(block: &Block) -> Fields {
    let mut fields = Vec::new();
    let pair = |(key, value): (&str, &[u8])| Json::List(vec![Json::text(key), Json::Text(hex(value))]);
    let texts = |list: &[crate::frame::Text]| Json::List(list.iter().map(|text| Json::text(text)).collect());
    if !block.metadata.is_empty() {
        fields.push(("metadata", Json::List(block.metadata.iter().map(pair).collect())));
    }
    if block.codec != 0 {
        fields.push(("codec", Json::Number(block.codec.into())));
    }
    if block.priority != crate::frame::Priority::Normal {
        fields.push(("priority", Json::Number(block.priority as u32)));
    }
    fields.extend(block.retry_after.map(|after| ("retry after", Json::Number(after))));
    if block.attempt != 0 {
        fields.push(("attempt", Json::Number(block.attempt.into())));
    }
    fields.extend(block.trace_context.iter().map(|text| ("trace context", Json::text(text))));
    fields.extend(block.trace_state.iter().map(|text| ("trace state", Json::text(text))));
    if !block.details.is_empty() {
        let detail = |detail: &crate::frame::Detail| {
            Json::List(vec![Json::text(&detail.type_name), Json::Text(hex(&detail.bytes))])
        };
        fields.push(("detail", Json::List(block.details.iter().map(detail).collect())));
    }
    if !block.forwarded_for.is_empty() {
        fields.push(("forwarded for", texts(&block.forwarded_for)));
    }
    fields
}

/// All of them, as they count.
fn settings(settings: &Settings) -> Fields {
    let bytes = |list: &[u8]| Json::List(list.iter().map(|byte| Json::Number((*byte).into())).collect());
    let mut fields = vec![
        ("frame limit", Json::Number(settings.frame_limit)),
        ("message limit", Json::Number(settings.message_limit)),
        ("in-flight limit", Json::Number(settings.in_flight_limit)),
        ("calls credit", Json::long(settings.calls_credit)),
        ("replies credit", Json::long(settings.replies_credit)),
        ("stream credit", Json::long(settings.stream_credit)),
        ("lane credit", Json::long(settings.lane_credit)),
        ("lanes", Json::Number(settings.lanes)),
        ("bindings", Json::Number(settings.bindings)),
        ("metadata limit", Json::Number(settings.metadata_limit)),
        ("codecs", bytes(&settings.codecs)),
        ("compressions", bytes(&settings.compressions)),
        ("checksum", Json::Bool(settings.checksum)),
    ];
    fields.extend(settings.serves.iter().map(|list| ("serves", services(list))));
    fields.extend(settings.calls.iter().map(|list| ("calls", services(list))));
    if let Some((silence, pong)) = settings.keepalive {
        fields.push(("keepalive", Json::List(vec![Json::Number(silence), Json::Number(pong)])));
    }
    fields.extend(settings.agent.iter().map(|agent| ("agent", Json::text(agent))));
    fields
}

fn services(services: &Services) -> Json {
    let shape = |shape: &u64| Json::Text(format!("{shape:016x}"));
    let service = |service: &crate::frame::ServiceShape| {
        Json::Object(vec![
            ("name", Json::text(&service.name)),
            ("shape", shape(&service.shape)),
            ("methods", Json::List(service.methods.iter().map(shape).collect())),
        ])
    };
    Json::Object(vec![
        ("fallback", Json::Bool(services.fallback)),
        ("list", Json::List(services.list.iter().map(service).collect())),
    ])
}
