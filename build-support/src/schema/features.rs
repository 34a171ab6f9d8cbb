//! Files with an `edition`, out of a descriptor set: prost knows only proto2 and proto3, so what the features of
//! an edition say of each field is said in proto3's words. Called by [`super::set`] for each file of a set.

use bytes::{Buf, Bytes, BytesMut};
use prost::{
    Message,
    encoding::{DecodeContext, decode_key, encode_key, encode_varint, skip_field},
};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

/// `FileDescriptorProto.syntax`.
const SYNTAX: u32 = 12;
/// `FileDescriptorProto.edition`.
const EDITION: u32 = 14;

/// A file as it is if it has a syntax. One with an edition becomes, for the linker, bytes that say proto2, which
/// has the fewest rules and whose options are all kept; for prost, proto3 with each field's features applied.
pub(super) fn without_edition(
    raw: Bytes,
    mut file: FileDescriptorProto,
) -> Result<(Bytes, FileDescriptorProto), String> {
    if file.syntax() != "editions" {
        return Ok((raw, file));
    }
    let told = FileFeatures::decode(raw.clone()).map_err(|error| error.to_string())?;
    let features = Features::of_edition().and(told.options.and_then(|options| options.features));
    for (message, told) in file.message_type.iter_mut().zip(&told.message_type) {
        lower_message(message, told, features);
    }
    file.syntax = Some("proto3".to_owned());
    let raw = relabelled(&raw).map_err(|error| error.to_string())?;
    Ok((raw, file))
}

fn lower_message(message: &mut DescriptorProto, told: &MessageFeatures, features: Features) {
    let features = features.and(told.options.and_then(|options| options.features));
    for (field, told) in message.field.iter_mut().zip(&told.field) {
        lower_field(field, features.and(told.options.and_then(|options| options.features)));
    }
    for (message, told) in message.nested_type.iter_mut().zip(&told.nested_type) {
        lower_message(message, told, features);
    }
}

fn lower_field(field: &mut FieldDescriptorProto, features: Features) {
    if field.r#type() == Type::Message && features.message_encoding == Some(DELIMITED) {
        field.set_type(Type::Group);
    }
    if field.label() == Label::Repeated {
        let packed = features.repeated_field_encoding != Some(EXPANDED);
        field.options.get_or_insert_with(Default::default).packed = Some(packed);
    } else if features.field_presence == Some(LEGACY_REQUIRED) {
        field.set_label(Label::Required);
    } else if field.r#type() != Type::Message && field.oneof_index.is_none() {
        field.proto3_optional = Some(features.field_presence != Some(IMPLICIT));
    }
}

/// The same file with `syntax = "proto2"` for its edition.
fn relabelled(raw: &Bytes) -> Result<Bytes, prost::DecodeError> {
    let mut out = BytesMut::with_capacity(raw.len());
    let mut rest = raw.clone();
    while rest.has_remaining() {
        let start = raw.len() - rest.len();
        let (tag, wire_type) = decode_key(&mut rest)?;
        skip_field(wire_type, tag, &mut rest, DecodeContext::default())?;
        if tag != SYNTAX && tag != EDITION {
            out.extend_from_slice(&raw[start..raw.len() - rest.len()]);
        }
    }
    encode_key(SYNTAX, prost::encoding::WireType::LengthDelimited, &mut out);
    encode_varint(6, &mut out);
    out.extend_from_slice(b"proto2");
    Ok(out.freeze())
}

/// `google.protobuf.FeatureSet`, as far as it changes what a field is.
#[derive(Clone, Copy, PartialEq, Message)]
struct Features {
    #[prost(int32, optional, tag = "1")]
    field_presence: Option<i32>,
    #[prost(int32, optional, tag = "3")]
    repeated_field_encoding: Option<i32>,
    #[prost(int32, optional, tag = "5")]
    message_encoding: Option<i32>,
}

const IMPLICIT: i32 = 2;
const LEGACY_REQUIRED: i32 = 3;
const EXPANDED: i32 = 2;
const DELIMITED: i32 = 2;

impl Features {
    /// What editions 2023 and 2024 start from: presence explicit, repeated packed, messages with a length.
    fn of_edition() -> Self {
        Self { field_presence: Some(1), repeated_field_encoding: Some(1), message_encoding: Some(1) }
    }

    /// These, but where an inner item says otherwise.
    fn and(self, inner: Option<Self>) -> Self {
        let inner = inner.unwrap_or_default();
        Self {
            field_presence: inner.field_presence.or(self.field_presence),
            repeated_field_encoding: inner.repeated_field_encoding.or(self.repeated_field_encoding),
            message_encoding: inner.message_encoding.or(self.message_encoding),
        }
    }
}

#[derive(Clone, PartialEq, Message)]
struct FileFeatures {
    #[prost(message, repeated, tag = "4")]
    message_type: Vec<MessageFeatures>,
    #[prost(message, optional, tag = "8")]
    options: Option<FileOptions>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct FileOptions {
    #[prost(message, optional, tag = "50")]
    features: Option<Features>,
}

#[derive(Clone, PartialEq, Message)]
struct MessageFeatures {
    #[prost(message, repeated, tag = "2")]
    field: Vec<FieldFeatures>,
    #[prost(message, repeated, tag = "3")]
    nested_type: Vec<Self>,
    #[prost(message, optional, tag = "7")]
    options: Option<MessageOptions>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct MessageOptions {
    #[prost(message, optional, tag = "12")]
    features: Option<Features>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct FieldFeatures {
    #[prost(message, optional, tag = "8")]
    options: Option<FieldOptions>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct FieldOptions {
    #[prost(message, optional, tag = "21")]
    features: Option<Features>,
}
