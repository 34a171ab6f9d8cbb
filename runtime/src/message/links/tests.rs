//! A message that is linked has prost's bytes, and those of its large fields where they were.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::Status;
use crate::message::derived as prost;

#[derive(Clone, PartialEq, prost::Message)]
#[prost(prost_path = "crate::message::derived")]
struct Wide {
    #[prost(string, tag = "1")]
    before: String,
    #[prost(bytes = "bytes", tag = "2")]
    plain: Bytes,
    #[prost(bytes = "bytes", optional, tag = "3")]
    optional: Option<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "4")]
    repeated: Vec<Bytes>,
    #[prost(bytes = "vec", tag = "5")]
    vec: Vec<u8>,
    #[prost(message, optional, boxed, tag = "6")]
    inner: Option<Box<Self>>,
    #[prost(message, repeated, tag = "7")]
    many: Vec<Self>,
    #[prost(map = "uint32, bytes", tag = "8")]
    map: HashMap<u32, Vec<u8>>,
    #[prost(oneof = "Choice", tags = "9, 10")]
    choice: Option<Choice>,
    #[prost(bytes = "bytes", required, tag = "11")]
    required: Bytes,
    #[prost(bytes = "bytes", tag = "12", default = "b\"unless\"")]
    default: Bytes,
    #[prost(uint64, tag = "200")]
    after: u64,
}

#[derive(Clone, PartialEq, prost::Oneof)]
#[prost(prost_path = "crate::message::derived")]
enum Choice {
    #[prost(bytes = "bytes", tag = "9")]
    Body(Bytes),
    #[prost(message, tag = "10")]
    Wide(Box<Wide>),
}

const SIZES: [usize; 6] = [0, 1, LEAST - 1, LEAST, LEAST + 1, 5 * LEAST];

fn bytes(len: usize) -> Bytes {
    (0..len).map(|at| (at % 251) as u8).collect()
}

fn wide(len: usize) -> Vec<Wide> {
    let (body, around) = (bytes(len), Wide { before: "before".into(), after: 7, ..Wide::default() });
    let plain = Wide { plain: body.clone(), ..around.clone() };
    vec![
        Wide { plain: body.clone(), ..Wide::default() },
        plain.clone(),
        Wide { optional: Some(body.clone()), ..around.clone() },
        Wide {
            repeated: vec![body.clone(), Bytes::new(), body.slice(len / 2..), body.clone()],
            ..around.clone()
        },
        Wide { inner: Some(Box::new(plain.clone())), plain: body.clone(), ..around.clone() },
        Wide { many: vec![plain.clone(), around.clone(), plain.clone()], ..around.clone() },
        Wide { choice: Some(Choice::Body(body.clone())), ..around.clone() },
        Wide { choice: Some(Choice::Wide(Box::new(plain))), ..around.clone() },
        Wide { required: body.clone(), default: body, ..around },
    ]
}

/// The pieces that are larger than what stands between fields.
fn large(payload: &Payload) -> Vec<Bytes> {
    match payload {
        Payload::Whole(_) | Payload::Coming(_) => Vec::new(),
        Payload::Linked(linked) => linked.pieces().filter(|piece| piece.len() >= LEAST).cloned().collect(),
    }
}

fn copied(payload: &Payload) -> Vec<u8> {
    let mut out = Vec::new();
    payload.put_to(&mut out);
    out
}

#[test]
fn fields_of_every_kind_have_the_bytes_that_prost_gives_them() {
    for (len, message) in SIZES.iter().flat_map(|len| wide(*len).into_iter().map(move |wide| (len, wide))) {
        let wanted = ::prost::Message::encode_to_vec(&message);
        let payload = encode(&message, BytesMut::new());
        assert_eq!(copied(&payload), wanted, "{len}");
        assert_eq!(payload.len(), message.encoded_len());
        assert_eq!(large(&payload).iter().map(Bytes::len).sum::<usize>(), measure(&message));
        assert_eq!(Wide::decode(wanted.into()).unwrap(), message);
    }
}

#[test]
fn a_field_is_linked_from_the_least_size_on_and_never_copied() {
    for len in SIZES {
        for message in wide(len) {
            let body = [&message.plain, &message.required].into_iter().chain(&message.optional);
            let here: Vec<_> = body.chain(&message.repeated).filter(|body| body.len() >= LEAST).collect();
            let pieces = large(&encode(&message, BytesMut::new()));
            assert!(len < LEAST || !pieces.is_empty(), "{len}: {}", message.before);
            assert_eq!(pieces.is_empty(), measure(&message) == 0);
            for body in here {
                assert!(
                    pieces.iter().any(|piece| (piece.as_ptr(), piece.len()) == (body.as_ptr(), body.len()))
                );
            }
        }
    }
}

#[test]
fn what_is_no_bytes_is_copied() {
    let vec = bytes(5 * LEAST).to_vec();
    let map = HashMap::from([(1, vec.clone())]);
    let message = Wide { vec, map, before: "é".repeat(LEAST), ..Wide::default() };
    assert_eq!(measure(&message), 0);
    let payload = encode(&message, BytesMut::new());
    assert!(matches!(payload, Payload::Whole(_)));
    assert_eq!(copied(&payload), ::prost::Message::encode_to_vec(&message));
}

/// It encodes a message elsewhere, and writes what came of that.
struct Around(Wide);

impl Message for Around {
    fn encoded_len(&self) -> usize {
        2 + self.0.encoded_len()
    }

    fn encode(&self, out: &mut impl BufMut) {
        let inner = ::prost::Message::encode_to_vec(&self.0);
        out.put_u8(1);
        out.put_slice(&inner);
        // By reference: another type of `BufMut`, at another place.
        let mut by_reference = &mut *out;
        self.0.encode(&mut by_reference);
        out.put_u8(2);
    }

    fn decode(_: Bytes) -> Result<Self, Status> {
        Err(Status::unimplemented("not asked for"))
    }
}

#[test]
fn what_is_encoded_to_another_place_meanwhile_is_copied() {
    let wide = Wide { plain: bytes(2 * LEAST), ..Wide::default() };
    let inner = ::prost::Message::encode_to_vec(&wide);
    let payload = encode(&Around(wide), BytesMut::new());
    assert_eq!(copied(&payload), [&[1][..], &inner, &inner, &[2]].concat());
}

/// It panics when it is encoded, once it has linked something.
struct Panics(Wide);

impl Message for Panics {
    fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }

    fn encode(&self, out: &mut impl BufMut) {
        self.0.encode(out);
        panic!("as it was told");
    }

    fn decode(_: Bytes) -> Result<Self, Status> {
        Err(Status::unimplemented("not asked for"))
    }
}

#[test]
fn a_panic_leaves_nothing_under_way() {
    let message = Wide { plain: bytes(LEAST), ..Wide::default() };
    let panics = Panics(message.clone());
    assert!(catch_unwind(AssertUnwindSafe(|| encode(&panics, BytesMut::new()))).is_err());
    assert!(set(None).is_none());
    assert_eq!(copied(&encode(&message, BytesMut::new())), ::prost::Message::encode_to_vec(&message));
}

#[test]
fn a_message_that_nobody_links_is_written_whole() {
    let message = Wide { plain: bytes(LEAST), ..Wide::default() };
    let mut out = BytesMut::new();
    message.encode(&mut out);
    assert_eq!(out, ::prost::Message::encode_to_vec(&message)[..]);
}

#[test]
fn a_field_of_any_number_and_length_has_the_bytes_of_prosts_own_function() {
    for tag in [1, 15, 16, 2_047, 2_048, (1 << 29) - 1] {
        for len in [0, 1, 127, 128, LEAST - 1, LEAST] {
            let (body, mut ours, mut theirs) = (bytes(len), Vec::new(), Vec::new());
            prost::encoding::bytes::encode(tag, &body, &mut ours);
            ::prost::encoding::bytes::encode(tag, &body, &mut theirs);
            assert!(ours == theirs, "number {tag}, {len} bytes");
            prost::encoding::bytes::encode(tag, &body.to_vec(), &mut ours);
            ::prost::encoding::bytes::encode(tag, &body.to_vec(), &mut theirs);
            assert!(ours == theirs, "number {tag}, {len} bytes in a vector");
        }
    }
}
